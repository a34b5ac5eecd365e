//! `make bench`: what a request costs at the gateway and a check at the limiter.
//!
//! Every figure stands beside a baseline measured in the same run under the same load, because a
//! machine's speed changes and a ratio does not; a few have goals of their own. The servers are the
//! release binary in processes of their own; their CPU time is the kernel's account of them. Prints
//! a table against the last recorded run and writes `bench/latest.json`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout)] // a benchmark that cannot run should stop and say where

/// Rounds per figure; the best one counts, because whatever else runs on the machine only ever
/// takes away.
pub(crate) const ROUNDS: usize = 3;

mod gateway;
mod grpc_load;
mod http2;
mod http_load;
mod latency;
mod lease;
mod limiter;
mod process;
mod redis;
mod report;
mod servers;
mod tokens;
mod verify;

use report::Report;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    match arguments.next().as_deref() {
        // The baselines are servers too, and run as processes of their own: this program starts
        // itself again.
        Some(servers::UPSTREAM) => runtime.block_on(servers::upstream()),
        Some(servers::EMPTY_LIMITER) => runtime.block_on(servers::empty_limiter()),
        part @ (None | Some("limiter" | "gateway")) => {
            let mut report = Report::default();
            if part != Some("gateway") {
                runtime.block_on(limiter::measure(&mut report));
            }
            if part != Some("limiter") {
                runtime.block_on(gateway::measure(&mut report));
            }
            report.finish();
        }
        Some(other) => panic!(
            "unknown part {other}: `limiter`, `gateway` or nothing for both; see `make bench`"
        ),
    }
}
