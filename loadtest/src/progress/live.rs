//! The live view: a bar, and a line with a spark for each number.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;

use super::spark::Spark;
use super::{Snapshot, TICK};
use crate::collect::Counts;
use crate::report::format::{clock, grouped, millis, rate};

/// Draws at most so often; a tick draws several lines, which then appear together.
const DRAWS_PER_SECOND: u8 = 10;

/// The view on a terminal.
pub(crate) struct Live {
    screen: MultiProgress,
    bar: ProgressBar,
    rows: Vec<Row>,
    /// The counts of the last tick, to show what came since.
    last: Mutex<Counts>,
}

/// One number.
struct Row {
    name: &'static str,
    line: ProgressBar,
    spark: Mutex<Spark>,
}

const ROWS: [&str; 6] = ["sent", "200", "429", "failed", "p50", "p99"];

impl Live {
    pub(super) fn new() -> Self {
        let screen =
            MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND));
        let bar = screen.add(ProgressBar::new(0));
        bar.set_style(style("{wide_bar:.cyan/blue} {msg}").progress_chars("━╸─"));
        let row = |name| {
            let line = screen.add(ProgressBar::new(0));
            line.set_style(style(&format!(
                "  {{prefix:8.bold}}{{wide_msg{}}}",
                colour(name)
            )));
            line.set_prefix(name);
            Row {
                name,
                line,
                spark: Mutex::default(),
            }
        };
        Self {
            bar,
            rows: ROWS.map(row).into_iter().collect(),
            last: Mutex::default(),
            screen,
        }
    }

    pub(super) fn signed_in(&self, done: usize, all: usize) {
        self.bar.set_length(all as u64);
        self.bar.set_position(done as u64);
        self.bar
            .set_message(format!("{done}/{all} users signed in"));
    }

    pub(super) fn show(&self, snapshot: &Snapshot) {
        let in_millis =
            |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.bar.set_length(in_millis(snapshot.duration));
        self.bar.set_position(in_millis(snapshot.elapsed));
        let (elapsed, duration) = (clock(snapshot.elapsed), clock(snapshot.duration));
        self.bar.set_message(format!(
            "{elapsed}/{duration}  stage {}, {}/s",
            snapshot.stage,
            rate(snapshot.rate)
        ));

        let counts = snapshot.counts;
        let last = std::mem::replace(&mut *self.last.lock(), counts);
        let failures = |counts: Counts| counts.failed + counts.other + counts.not_sent;
        let (p50, p99) = snapshot.latency.unwrap_or_default();
        for row in &self.rows {
            match row.name {
                "sent" => row.count(counts.sent, last.sent),
                "200" => row.count(counts.served, last.served),
                "429" => row.count(counts.refused, last.refused),
                "failed" => row.count(failures(counts), failures(last)),
                "p50" => row.latency(p50),
                _ => row.latency(p99),
            }
        }
    }

    pub(super) fn finish(&self) {
        // What cannot be cleared stays on the screen; the summary comes below it.
        let _ = self.screen.clear();
    }
}

impl Row {
    fn count(&self, now: u64, last: u64) {
        let per_second = now.saturating_sub(last) as f64 / TICK.as_secs_f64();
        let mut spark = self.spark.lock();
        spark.push(per_second);
        self.line.set_message(format!(
            "{:>12} {:>9}/s  {}",
            grouped(now),
            rate(per_second.round()),
            spark.draw()
        ));
    }

    fn latency(&self, micros: u64) {
        let mut spark = self.spark.lock();
        spark.push(micros as f64);
        self.line.set_message(format!(
            "{:>12} {:>11}  {}",
            millis(micros as f64 / 1e3),
            "",
            spark.draw()
        ));
    }
}

fn colour(name: &str) -> &'static str {
    match name {
        "200" => ":.green",
        "429" => ":.yellow",
        "failed" => ":.red",
        _ => "",
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are constants that a test draws")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_well_formed_and_takes_numbers() {
        let live = Live::new();
        live.screen.set_draw_target(ProgressDrawTarget::hidden());
        live.signed_in(1, 2);
        live.show(&Snapshot {
            elapsed: Duration::from_secs(1),
            duration: Duration::from_secs(2),
            counts: Counts {
                sent: 10,
                served: 5,
                ..Counts::default()
            },
            rate: 10.0,
            stage: 1,
            latency: None,
        });
        assert!(live.rows[1].line.message().contains("10/s"));
        live.finish();
    }
}
