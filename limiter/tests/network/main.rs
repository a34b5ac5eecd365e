//! The limiter's service and client over real sockets, with the memory store and with a real Redis.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)] // figures are shown with --no-capture

mod client;
mod forgotten;
mod idle;
mod lease;
mod members;
mod operator;
mod redis;
mod refund;
mod service;
mod support;
