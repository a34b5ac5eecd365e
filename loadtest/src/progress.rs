//! What is shown while it runs: a live view on a terminal, a line now and then elsewhere. Always on
//! standard error, so that standard output holds the result alone.

mod lines;
mod live;
mod spark;

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::collect::{Collected, Counts};
use crate::config::Config;
use crate::stages::Schedule;

/// Often enough to look alive, seldom enough to be read.
const TICK: Duration = Duration::from_millis(500);

/// The display.
pub(crate) enum Progress {
    Off,
    Lines(lines::Lines),
    Live(live::Live),
}

/// What there is to show at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Snapshot {
    pub(crate) elapsed: Duration,
    pub(crate) duration: Duration,
    pub(crate) counts: Counts,
    /// Requests a second that are due now, and the number of the stage, from 1.
    pub(crate) rate: f64,
    pub(crate) stage: usize,
    /// p50 and p99 since the last tick, in microseconds.
    pub(crate) latency: Option<(u64, u64)>,
}

impl Progress {
    pub(crate) fn new(wanted: bool) -> Self {
        if !wanted {
            Self::Off
        } else if std::io::stderr().is_terminal() {
            Self::Live(live::Live::new())
        } else {
            Self::Lines(lines::Lines::default())
        }
    }

    /// So many users have signed in.
    pub(crate) fn signed_in(&self, done: usize, config: &Config) {
        let all = config.subjects.users();
        match self {
            Self::Off => {}
            Self::Lines(lines) => lines.signed_in(done, all),
            Self::Live(live) => live.signed_in(done, all),
        }
    }

    /// Shows the run until it is dropped.
    pub(crate) async fn show(
        &self,
        schedule: &Schedule,
        collected: &Mutex<Collected>,
        start: Instant,
    ) {
        if matches!(self, Self::Off) {
            return std::future::pending().await;
        }
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let elapsed = start.elapsed().min(schedule.duration());
            let (rate, stage) = schedule.at(elapsed);
            let (counts, latency) = {
                let mut collected = collected.lock();
                (collected.counts, collected.take_recent())
            };
            let duration = schedule.duration();
            let snapshot = Snapshot {
                elapsed,
                duration,
                counts,
                rate,
                stage: stage + 1,
                latency,
            };
            match self {
                Self::Off => {}
                Self::Lines(lines) => lines.show(&snapshot),
                Self::Live(live) => live.show(&snapshot),
            }
        }
    }

    /// Leaves the screen to the summary.
    pub(crate) fn finish(&self) {
        if let Self::Live(live) = self {
            live.finish();
        }
    }
}
