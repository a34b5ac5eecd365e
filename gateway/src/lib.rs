//! The gateway: answers CORS, validates tokens, enforces rate limits and forwards what is left.
//!
//! [`load`] reads a configuration folder, [`run()`] serves it. The life of a request is told in
//! `docs/gateway.md`.

// A policy that is new, or an error, has to be thought of wherever one is told from another.
#![deny(clippy::wildcard_enum_match_arm)]

mod client_address;
mod compiled;
mod config;
mod config_dir;
mod error;
mod exchange;
mod failure;
mod limits;
mod live;
mod metrics;
mod openapi;
mod path;
mod reload;
mod run;
mod upstream;

pub use config::Config;
pub use config_dir::{fingerprint, load, load_with};
pub use error::Error;
pub use limits::{
    ClientLimits, DEFAULT_BODY_BYTES, DEFAULT_BODY_IDLE_TIMEOUT, DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_CONNECTIONS, DEFAULT_DRAIN, DEFAULT_HEADER_BYTES, DEFAULT_HEADER_TIMEOUT,
    DEFAULT_HEADERS, DEFAULT_IDLE_CONNECTIONS, DEFAULT_IDLE_TIMEOUT, DEFAULT_RESPONSE_HEADER_BYTES,
    DEFAULT_RESPONSE_HEADERS, DEFAULT_STALL_TIMEOUT, DEFAULT_STREAMS, DEFAULT_UPSTREAM_IDLE,
    UpstreamLimits,
};
pub use live::{LiveKeys, UnknownLiveKeys};
pub use openapi::{BadPublicUrl, BadRequestPath, PublicUrl, RequestPath};
pub use reload::{Load, Reload, ReloadError};
pub use run::run;
pub use upstream::tls::BackendTls;
