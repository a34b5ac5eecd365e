//! Names of the gRPC side in spans and metrics, after OpenTelemetry's RPC conventions.

use tonic::Code;

/// A call of a gRPC service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method {
    /// As metrics name it.
    pub(crate) name: &'static str,
    /// Fully qualified: what spans are called, and their `rpc.method`.
    pub(crate) full_name: &'static str,
}

/// The calls of `weir.limiter.v1.Limiter`.
pub(crate) mod limiter {
    use super::Method;

    pub(crate) const CHECK: Method = Method {
        name: "Check",
        full_name: "weir.limiter.v1.Limiter/Check",
    };
    pub(crate) const CHECK_BATCH: Method = Method {
        name: "CheckBatch",
        full_name: "weir.limiter.v1.Limiter/CheckBatch",
    };
    pub(crate) const PEEK: Method = Method {
        name: "Peek",
        full_name: "weir.limiter.v1.Limiter/Peek",
    };
    pub(crate) const RESET: Method = Method {
        name: "Reset",
        full_name: "weir.limiter.v1.Limiter/Reset",
    };
    pub(crate) const REFUND: Method = Method {
        name: "Refund",
        full_name: "weir.limiter.v1.Limiter/Refund",
    };
    pub(crate) const INSPECT: Method = Method {
        name: "Inspect",
        full_name: "weir.limiter.v1.Limiter/Inspect",
    };
    pub(crate) const TOP: Method = Method {
        name: "Top",
        full_name: "weir.limiter.v1.Limiter/Top",
    };
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
