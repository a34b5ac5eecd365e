//! The function host: an HTTP application behind the checks that Azure App Service puts before one.
//!
//! Every request passes, in this order: access restrictions (403), the token check (401), routing
//! (404), the function key (401), the bounds on concurrency (429), and only then the function.
//! [`functions`] is the place to add one.

mod access;
mod config;
mod easy_auth;
mod error;
mod function;
pub mod functions;
mod host;
mod service;

pub use access::{Action, HeaderFilter, Rule};
pub use config::{Config, Limits};
pub use easy_auth::{Claim, Principal};
pub use error::Error;
pub use function::{Function, Invocation, Level};
pub use host::routes::RouteError;
pub use service::run;
