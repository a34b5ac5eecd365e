//! The figures: a table for people, `bench/latest.json` for comparison with the next run.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// Starts with `gateway` or `limiter`.
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) value: f64,
    /// What the value is compared with, measured in the same run.
    pub(crate) baseline: f64,
    /// value ÷ baseline
    pub(crate) ratio: f64,
    /// What the ratio should be.
    pub(crate) goal: String,
    pub(crate) meets_goal: bool,
}

/// What a ratio should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// The rows of one run.
#[derive(Default)]
pub(crate) struct Report(Vec<Row>);

impl Report {
    /// Adds a figure.
    pub(crate) fn add(&mut self, name: &str, unit: &str, value: f64, baseline: f64, goal: Goal) {
        let ratio = value / baseline;
        let (text, meets_goal) = match goal {
            Goal::AtLeast(least) => (format!("ratio >= {least}"), ratio >= least),
            Goal::AtMost(most) => (format!("ratio <= {most}"), ratio <= most),
        };
        let round = |x: f64| (x * 1000.0).round() / 1000.0;
        self.0.push(Row {
            name: name.to_owned(),
            unit: unit.to_owned(),
            value: round(value),
            baseline: round(baseline),
            ratio: round(ratio),
            goal: text,
            meets_goal,
        });
        println!("measured {name}: {value:.1} {unit}");
    }

    /// Prints the table beside the last recorded run and records this one.
    pub(crate) fn finish(self) {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("latest.json");
        let last: Vec<Row> =
            std::fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        println!(
            "\n{:<44}{:>11} {:<12}{:>11}{:>8}  {:<14}{:<6}{:>11}",
            "", "value", "unit", "baseline", "ratio", "goal", "met", "last ratio"
        );
        for row in &self.0 {
            let previous = last.iter().find(|r| r.name == row.name && r.unit == row.unit);
            println!(
                "{:<44}{:>11.1} {:<12}{:>11.1}{:>8.2}  {:<14}{:<6}{:>11}",
                row.name,
                row.value,
                row.unit,
                row.baseline,
                row.ratio,
                row.goal,
                if row.meets_goal { "yes" } else { "NO" },
                previous.map_or_else(|| "-".to_owned(), |r| format!("{:.2}", r.ratio)),
            );
        }
        let text = serde_json::to_string_pretty(&self.0).expect("rows are plain data");
        std::fs::write(&path, text + "\n").expect("bench/latest.json can be written");
        println!("\nwritten to bench/latest.json");
    }
}
