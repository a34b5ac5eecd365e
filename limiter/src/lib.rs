//! The exact sliding-window limiter: the window itself, the stores that keep it, the layers around a store, the gRPC
//! service and its client.

mod check;
mod memory;
mod redis;
mod store;
mod window;

pub use check::{Check, CheckList, Decision, Limit, Mode, Outcome};
pub use memory::{Clock, ManualClock, MemoryConfig, MemoryStore, MonotonicClock};
pub use redis::{RedisConfig, RedisStore};
pub use store::{Store, StoreError};
