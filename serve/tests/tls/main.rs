//! TLS to clients, over real sockets.

#![allow(clippy::unwrap_used)]

mod certificates;
mod clients;
mod handshakes;
mod http;
mod renegotiation;
mod support;
