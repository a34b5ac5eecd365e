//! The exact sliding-window limiter: the window itself, the stores that keep it, the layers around
//! a store, the gRPC service and its client.

mod bounds;
mod check;
mod circuit;
mod client;
mod config;
mod gauge;
mod inspect;
mod layers;
mod reload;
mod rpc;
mod run;
#[cfg(test)]
mod scripted;
mod server;
mod store;
mod stores;
mod throttle;
pub mod window;
mod wire;

pub use check::{Check, CheckList, Decision, Limit, Mode, Outcome};
pub use client::operator::{Operator, OperatorError};
pub use client::{Client, ClientConfig, ClientError, EndpointError, Resolve, SystemResolver};
pub use config::{
    Config, DEFAULT_TOP_KEYS, FailureMode, FailureModeError, StoreConfig, StoreConfigError,
};
pub use inspect::{Inspect, Inspection, KnownRefusal};
pub use layers::batch::{BatchConfig, Batched, QueueFull};
pub use layers::degraded::{DENY_RETRY_AFTER, Defects, Degraded, DegradedConfig};
pub use layers::lease::{LeaseMetrics, Leased};
pub use layers::metrics::LayerMetrics;
pub use layers::refusal::RefusalCache;
pub use reload::StoreReload;
pub use run::{Error, run};
pub use store::{Admitted, LeaseAsk, Refund, Store, StoreError, Unused};
pub use stores::clock::{Clock, ManualClock, MonotonicClock};
pub use stores::memory::{MemoryConfig, MemoryStore};
pub use stores::redis::{AddressError, RedisConfig, RedisStore};
#[doc(hidden)]
pub use stores::redis::{CHECK_SCRIPT, check_argument};
