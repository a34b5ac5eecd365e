//! The exact sliding-window limiter: the window itself, the stores that keep it, the layers around
//! a store, the gRPC service and its client.

mod bounds;
mod check;
mod circuit;
mod client;
mod config;
mod error;
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
pub use error::StoreError;
pub use reload::StoreReload;
pub use run::{Error, run};
pub use store::Admitted;
pub use stores::memory::MemoryConfig;
pub use stores::redis::AddressError;

/// The stores by themselves, for this crate's own tests and the benchmarks of Redis alone. Nothing
/// else may depend on it.
#[doc(hidden)]
pub mod parts {
    pub use crate::inspect::{Inspection, KnownRefusal};
    pub use crate::layers::degraded::DENY_RETRY_AFTER;
    pub use crate::store::{Admin, Decide, Inspect, Lease, LeaseAsk, Refund, Store, Unused};
    pub use crate::stores::clock::{Clock, ManualClock, MonotonicClock};
    pub use crate::stores::memory::MemoryStore;
    pub use crate::stores::redis::{CHECK_SCRIPT, RedisConfig, RedisStore, check_argument};
}
