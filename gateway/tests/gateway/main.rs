//! The gateway over real sockets: a real backend behind it, a real limiter beside it, real clients
//! before it.
#![allow(clippy::unwrap_used)]

mod agreement;
mod client_address;
mod client_certificates;
mod connections;
mod cors;
mod jwt;
mod kept_connections;
mod limits;
mod openapi;
mod operations;
mod policies;
mod protocol;
mod provider;
mod proxy;
mod proxy_protocol;
mod reload;
mod routing;
mod support;
mod tls;
mod tls_backend;
mod upstream;
mod upstream_http2;
mod upstream_tls;
