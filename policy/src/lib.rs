//! Reads Azure API Management policy XML as people have it and compiles it to a plan.
//!
//! Text goes in ([`artifacts`]), a [`Configuration`] of plans comes out, or every error at once
//! ([`Diagnostics`]). Nothing here does I/O, knows a clock or speaks a protocol: the gateway reads
//! the files, owns the [`context`] of each request and runs the [`plan`].

pub mod artifacts;
mod compile;
pub mod configuration;
pub mod context;
pub mod diagnostic;
pub mod expression;
pub mod named_value;
pub mod plan;
pub mod setting;
pub mod template;
pub mod value;
pub mod xml;

pub use configuration::{Api, Backend, Configuration, Operation};
pub use context::Context;
pub use diagnostic::{Diagnostic, Diagnostics, Location, Position};
pub use expression::{EvaluationError, Expression};
pub use plan::Plan;
pub use setting::Setting;
pub use value::Value;
