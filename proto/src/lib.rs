//! The limiter's wire contract, generated from `weir/limiter/v1/limiter.proto`.
//!
//! The generated code is committed, so building needs no `protoc`. `tests/generated.rs` writes it
//! and fails when it is older than the `.proto`.

pub mod codec;
pub mod limiter;

/// Every message and service of this crate as an encoded `FileDescriptorSet`, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/descriptor.bin");
