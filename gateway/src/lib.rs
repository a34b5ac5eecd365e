//! The gateway: answers CORS, validates tokens, enforces rate limits and forwards what is left.
//!
//! [`load`] reads a configuration folder, [`run()`] serves it. The life of a request is told in
//! `docs/gateway.md`.

mod client_address;
mod config;
mod config_dir;
mod cors;
mod errors;
mod forwarding;
mod gateway;
mod live;
mod metrics;
mod openapi;
mod path;
mod pipeline;
mod prepared;
mod reload;
mod route;
mod router;
mod run;
mod service;
mod trace;
mod upstream;

pub use config::{
    ClientLimits, Config, DEFAULT_BODY_BYTES, DEFAULT_BODY_IDLE_TIMEOUT, DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_CONNECTIONS, DEFAULT_DRAIN, DEFAULT_HEADER_BYTES, DEFAULT_HEADER_TIMEOUT,
    DEFAULT_HEADERS, DEFAULT_IDLE_CONNECTIONS, DEFAULT_IDLE_TIMEOUT, DEFAULT_RESPONSE_HEADER_BYTES,
    DEFAULT_RESPONSE_HEADERS, DEFAULT_STALL_TIMEOUT, DEFAULT_STREAMS, DEFAULT_UPSTREAM_IDLE,
    UpstreamLimits,
};
pub use config_dir::{fingerprint, load, load_with};
pub use live::{LiveKeys, UnknownLiveKeys};
pub use openapi::{BadPublicUrl, BadRequestPath, PublicUrl, RequestPath};
pub use reload::{Load, Reload, ReloadError};
pub use run::{Error, run};
pub use upstream::tls::BackendTls;
