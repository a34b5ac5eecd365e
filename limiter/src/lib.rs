//! The exact sliding-window limiter: the window itself, the stores that keep it, the layers around
//! a store, the gRPC service and its client.

mod batch;
mod check;
mod circuit;
mod client;
mod clock;
mod config;
mod degraded;
mod inspect;
mod key;
mod lease;
mod memory;
mod metrics;
mod operator;
mod redis;
mod refusal;
mod reload;
mod rpc;
mod run;
#[cfg(test)]
mod scripted;
mod service;
mod store;
mod throttle;
mod top;
pub mod window;
mod wire;

pub use batch::{BatchConfig, Batched, QueueFull};
pub use check::{Check, CheckList, Decision, Limit, Mode, Outcome};
pub use client::{Client, ClientConfig, ClientError, EndpointError, Resolve, SystemResolver};
pub use clock::{Clock, ManualClock, MonotonicClock};
pub use config::{
    Config, DEFAULT_TOP_KEYS, FailureMode, FailureModeError, StoreConfig, StoreConfigError,
};
pub use degraded::{DENY_RETRY_AFTER, Defects, Degraded, DegradedConfig};
pub use inspect::{Inspect, Inspection, KnownRefusal};
pub use lease::{LeaseMetrics, Leased};
pub use memory::{MemoryConfig, MemoryStore};
pub use metrics::LayerMetrics;
pub use operator::{Operator, OperatorError};
pub use redis::{AddressError, RedisConfig, RedisStore};
#[doc(hidden)]
pub use redis::{CHECK_SCRIPT, check_argument};
pub use refusal::RefusalCache;
pub use reload::StoreReload;
pub use run::{Error, run};
pub use store::{Admitted, LeaseAsk, Refund, Store, StoreError, Unused};
