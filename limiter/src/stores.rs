//! Where counters live: in this process, or in Redis.

pub(crate) mod clock;
mod key;
pub(crate) mod memory;
pub(crate) mod redis;
