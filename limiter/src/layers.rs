//! What stands around a store. Each layer is a store itself.

pub(crate) mod batch;
pub(crate) mod degraded;
pub(crate) mod lease;
pub(crate) mod metrics;
pub(crate) mod refusal;
pub(crate) mod replace;
pub(crate) mod stack;
