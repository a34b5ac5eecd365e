//! The Redis store while its servers, their cluster and the network fail: nothing admits more than
//! the limit, apart from what `docs/limiter.md` says is lost. Every test prints its figures.
// Figures are shown with --no-capture.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

mod access;
mod cluster;
mod load;
mod network;
mod sentinel;
mod server;
