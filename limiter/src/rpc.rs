//! Names of the gRPC side in spans and metrics, after OpenTelemetry's RPC conventions.

use tonic::Code;

/// A call's fully qualified name: what spans are called, and their `rpc.method`.
pub(crate) fn full_name(method: &'static str) -> &'static str {
    match method {
        "Check" => "weir.limiter.v1.Limiter/Check",
        "CheckBatch" => "weir.limiter.v1.Limiter/CheckBatch",
        "Peek" => "weir.limiter.v1.Limiter/Peek",
        "Reset" => "weir.limiter.v1.Limiter/Reset",
        "Refund" => "weir.limiter.v1.Limiter/Refund",
        "Inspect" => "weir.limiter.v1.Limiter/Inspect",
        "Top" => "weir.limiter.v1.Limiter/Top",
        _ => "_OTHER",
    }
}

/// The status as gRPC spells it.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
