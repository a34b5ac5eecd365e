//! What every store promises, run against each of them, on a clock the tests move.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod contract;
mod fixture;
mod judged;
#[path = "../support/oracle.rs"]
mod oracle;
#[path = "../support/schedule.rs"]
mod schedule;
mod together;
