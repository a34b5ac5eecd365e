//! Plain lines, for logs and pipes.

use std::time::Duration;

use parking_lot::Mutex;

use super::Snapshot;
use crate::report::format::{clock, grouped, millis, rate};

/// A run prints about so many lines.
const LINES: u32 = 30;

/// Prints lines, not too many.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// When the next line is due.
    next: Mutex<Duration>,
}

impl Lines {
    pub(super) fn signed_in(&self, done: usize, all: usize) {
        if done == all {
            eprintln!("{all} users signed in");
        }
    }

    pub(super) fn show(&self, snapshot: &Snapshot) {
        let mut next = self.next.lock();
        if snapshot.elapsed < *next {
            return;
        }
        *next = snapshot.elapsed + (snapshot.duration / LINES).max(Duration::from_secs(1));
        eprintln!("{}", line(snapshot));
    }
}

fn line(snapshot: &Snapshot) -> String {
    let counts = snapshot.counts;
    let latency = snapshot.latency.map_or_else(String::new, |(p50, p99)| {
        format!(
            ", p50 {}, p99 {}",
            millis(p50 as f64 / 1e3),
            millis(p99 as f64 / 1e3)
        )
    });
    let trouble: String = [
        ("other", counts.other),
        ("failed", counts.failed),
        ("not sent", counts.not_sent),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(name, count)| format!(", {} {name}", grouped(count)))
    .collect();
    format!(
        "{}/{} {}/s: {} sent, {} served, {} refused{trouble}{latency}",
        clock(snapshot.elapsed),
        clock(snapshot.duration),
        rate(snapshot.rate),
        grouped(counts.sent),
        grouped(counts.served),
        grouped(counts.refused),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::Counts;

    #[test]
    fn a_line_says_what_is_wrong_only_if_something_is() {
        let mut snapshot = Snapshot {
            elapsed: Duration::from_secs(5),
            duration: Duration::from_secs(30),
            counts: Counts {
                sent: 1_250,
                served: 1_000,
                refused: 250,
                ..Counts::default()
            },
            rate: 250.0,
            stage: 1,
            latency: Some((900, 4_200)),
        };
        assert_eq!(
            line(&snapshot),
            "00:05/00:30 250/s: 1,250 sent, 1,000 served, 250 refused, p50 0.90 ms, p99 4.20 ms"
        );
        snapshot.counts.failed = 3;
        assert!(line(&snapshot).contains("250 refused, 3 failed, p50"));
    }
}
