//! `weir.limiter`.

/// `weir.limiter.v1`: messages, the client and the server trait.
#[allow(missing_docs, unreachable_pub, rust_2018_idioms, clippy::all, clippy::pedantic)]
#[rustfmt::skip]
#[path = "generated/weir.limiter.v1.rs"]
pub mod v1;
