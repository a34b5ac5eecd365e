//! End-to-end tests: the real binary, real sockets, a real Redis, real processes killed.
//!
//! Every test starts what it needs on free ports and ends it. Names are claims about the product.
// Figures that a test found stand in its output; everything is public to the tests beside it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    unreachable_pub,
    missing_docs
)]

mod backend_direct;
mod backend_tls;
mod check;
mod client_address;
mod code_flow;
mod degraded;
mod exactness;
mod health;
mod http_proxy;
mod kept_connections;
mod loadtest;
mod memory;
mod metrics;
mod one_command;
mod operate;
mod readme;
mod reload;
mod restarts;
mod scenario;
mod store;
mod support;
mod tls;
mod token_attacks;
mod traces;
mod web;
