//! Logs, traces, metrics and what the operations listener says: what lets an operator see into a role.
//!
//! A process calls [`init`] once and [`Guard::shutdown`] at its end. Each role makes one [`Ops`],
//! registers its metrics and readiness checks there; `weir_serve` serves it. [`propagation`] carries W3C
//! trace context in and out of HTTP headers.
//!
//! # What it costs when nobody listens
//!
//! Log lines never print spans, and only the trace exporter asks for them. So without an exporter
//! every span's call site is switched off for good: making one is a load and a branch, its fields
//! are not evaluated. With an exporter, spans of level `INFO` and above are recorded whatever the
//! log filter says; finer ones (and those of the HTTP and gRPC libraries) never are.

pub mod buckets;
mod init;
mod log;
mod ops;
mod otlp;
mod process;
pub mod propagation;
mod reloads;
pub mod semconv;

pub use init::{Guard, InitError, init};
pub use ops::Ops;
pub use ops::readiness::ReadinessHandle;
pub use reloads::Reloads;
