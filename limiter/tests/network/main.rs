//! The limiter's service and client over real sockets, with the memory store and with a real Redis.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod client;
mod lease;
mod members;
mod operator;
mod redis;
mod refund;
mod service;
mod support;
