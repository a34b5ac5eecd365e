//! The limiter's gRPC side: connections, the services on them, and what they accept.

mod calls;
pub(crate) mod connections;
pub(crate) mod decider;
pub(crate) mod front;
pub(crate) mod metrics;
pub(crate) mod service;
pub(crate) mod top;
mod validate;
