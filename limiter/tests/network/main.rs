//! The limiter's service and client over real sockets, with the memory store and with a real Redis.
// Figures are shown with --no-capture.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

mod client;
mod forgotten;
mod idle;
mod lease;
mod members;
mod operations;
mod operator;
mod redis;
mod refund;
mod service;
mod support;
mod unreadable;
