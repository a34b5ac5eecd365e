//! `weir plan`: how much of everything so many requests need, from figures of our own benchmarks.

mod figures;
mod needs;

use clap::Args as ClapArgs;

use needs::{Load, Needs};

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir plan --rps 5000 --keys 100000
  weir plan --rps 1000000 --keys 50000000 --calls 300 --refused 20

The figures are CPU times that `make bench` measured on one machine; docs/scaling.md says which, and what they leave out.";

/// The flags of `weir plan`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Requests per second at the peak
    #[arg(long, value_name = "N", env = "WEIR_PLAN_RPS", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    rps: u64,
    /// Keys in use within one period: subjects, addresses
    #[arg(long, value_name = "N", env = "WEIR_PLAN_KEYS", value_parser = clap::value_parser!(u64).range(1..=100_000_000_000))]
    keys: u64,
    /// Calls per period of the limit that most keys have
    #[arg(long, value_name = "N", env = "WEIR_PLAN_CALLS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    calls: u64,
    /// How many of a hundred requests are refused at the peak
    #[arg(long, value_name = "PERCENT", env = "WEIR_PLAN_REFUSED", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100))]
    refused: u64,
    /// How busy a core may be, of a hundred; the rest is for bursts and failures
    #[arg(long, value_name = "PERCENT", env = "WEIR_PLAN_BUSY", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=100))]
    busy: u64,
    /// Bytes of a request and of its answer together, for the network
    #[arg(long, value_name = "N", env = "WEIR_PLAN_BYTES", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    bytes: u64,
}

/// Prints the plan.
#[allow(clippy::print_stdout)] // the command's output
pub(crate) fn run(args: &Args) {
    let load = Load {
        rps: args.rps as f64,
        keys: args.keys as f64,
        calls: args.calls,
        refused: args.refused as f64 / 100.0,
        busy: args.busy as f64 / 100.0,
        bytes: args.bytes as f64,
    };
    print!("{}", Needs::of(&load).table(&load));
}
