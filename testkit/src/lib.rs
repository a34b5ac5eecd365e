//! What tests need of the outside world, for real: Redis servers, clusters and Sentinels of their
//! own, certificates, a network that can be slow or swallow everything, processes that can be
//! killed and frozen, and waiting for a condition instead of sleeping.
//!
//! Used only as a development dependency. Everything started here ends when its value is dropped,
//! and also when the test process dies.
// A blocking sleep is fine here: what waits is a test's own thread, before anything else runs on
// it.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::disallowed_methods)]

mod certificates;
mod process;
mod proxy;
mod redis;
mod wait;

pub use certificates::{Certificates, Signed};
pub use process::{Process, Signal};
pub use proxy::{Forgotten, Network, Proxy};
pub use redis::{Redis, RedisCluster, RedisSentinel};
pub use wait::{eventually, free_port};
