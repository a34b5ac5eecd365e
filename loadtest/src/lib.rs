//! An open-loop load generator for weir and for any other HTTP service, and a judge of its limits.
//!
//! Open loop: requests leave at the moments that the [stages](Stage) say, however slow the answers
//! are. A closed loop would send less when the service slows down, and so hide the slowness.
//! Latency counts from the moment a request *should* have left; the time from when it really left
//! is reported beside it. What could not leave in time, because all places in flight were taken, is
//! counted as not sent, never dropped in silence.
//!
//! The judge ([`Limit`]) sees only when each call was sent and answered. It reports an excess only
//! if no order of events whatsoever could have kept the promise; the proof stands in its module.
//!
//! It is for one's own services: every address of a target must be loopback or private unless the
//! caller says otherwise.

mod addresses;
mod caps;
mod collect;
mod config;
mod connect;
mod engine;
mod error;
mod failure;
mod judge;
mod pace;
mod pool;
mod progress;
mod proxy_protocol;
mod report;
mod requests;
mod run;
mod stages;
mod subjects;
mod target;
mod traces;
mod verify;

pub use addresses::{AddressMode, Addresses};
pub use config::{Config, ConfigError, HttpVersion};
pub use error::Error;
pub use proxy_protocol::ProxyVersion;
pub use report::Report;
pub use run::run;
pub use stages::Stage;
pub use subjects::{Identity, SignIn, Subjects, SubjectsError};
pub use target::TargetError;
pub use verify::{KeyKind, Limit};
