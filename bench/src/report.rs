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
    /// What the value is compared with: measured in the same run, or the goal itself; nothing if
    /// there is no goal.
    pub(crate) baseline: Option<f64>,
    /// value ÷ baseline
    pub(crate) ratio: Option<f64>,
    /// What the ratio or the value should be.
    pub(crate) goal: String,
    pub(crate) meets_goal: bool,
}

/// What a ratio should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn is_met_by(self, number: f64) -> bool {
        match self {
            Self::AtLeast(least) => number >= least,
            Self::AtMost(most) => number <= most,
        }
    }

    fn figure(self) -> f64 {
        match self {
            Self::AtLeast(figure) | Self::AtMost(figure) => figure,
        }
    }

    fn text(self, of: &str) -> String {
        match self {
            Self::AtLeast(least) => format!("{of} >= {least}"),
            Self::AtMost(most) => format!("{of} <= {most}"),
        }
    }
}

/// The rows of one run.
#[derive(Default)]
pub(crate) struct Report(Vec<Row>);

impl Report {
    /// Adds a figure whose ratio to another one of this run has a goal.
    pub(crate) fn add(&mut self, name: &str, unit: &str, value: f64, baseline: f64, goal: Goal) {
        let ratio = value / baseline;
        self.push(
            name,
            unit,
            value,
            Some(baseline),
            goal.text("ratio"),
            goal.is_met_by(ratio),
        );
    }

    /// Adds a figure that has a goal of its own.
    pub(crate) fn add_absolute(&mut self, name: &str, unit: &str, value: f64, goal: Goal) {
        self.push(
            name,
            unit,
            value,
            Some(goal.figure()),
            goal.text("value"),
            goal.is_met_by(value),
        );
    }

    /// Adds a figure that others are explained by.
    pub(crate) fn add_plain(&mut self, name: &str, unit: &str, value: f64) {
        self.push(name, unit, value, None, "none".to_owned(), true);
    }

    fn push(
        &mut self,
        name: &str,
        unit: &str,
        value: f64,
        baseline: Option<f64>,
        goal: String,
        meets_goal: bool,
    ) {
        let round = |x: f64| (x * 1000.0).round() / 1000.0;
        self.0.push(Row {
            name: name.to_owned(),
            unit: unit.to_owned(),
            value: round(value),
            baseline: baseline.map(round),
            ratio: baseline
                .filter(|baseline| *baseline > 0.0)
                .map(|baseline| round(value / baseline)),
            goal,
            meets_goal,
        });
        println!("measured {name}: {value:.1} {unit}");
    }

    /// Prints the table beside the last recorded run and records this one. Rows of a part that was
    /// not measured stay.
    pub(crate) fn finish(self) {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("latest.json");
        let last: Vec<Row> = std::fs::read_to_string(&path)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        println!(
            "\n{:<52}{:>11} {:<12}{:>11}{:>8}  {:<16}{:<6}{:>11}",
            "", "value", "unit", "baseline", "ratio", "goal", "met", "last value"
        );
        let number = |number: Option<f64>, digits| {
            number.map_or_else(|| "-".to_owned(), |n| format!("{n:.digits$}"))
        };
        for row in &self.0 {
            let previous = last
                .iter()
                .find(|r| r.name == row.name && r.unit == row.unit);
            println!(
                "{:<52}{:>11.1} {:<12}{:>11}{:>8}  {:<16}{:<6}{:>11}",
                row.name,
                row.value,
                row.unit,
                number(row.baseline, 1),
                number(row.ratio, 2),
                row.goal,
                if row.meets_goal { "yes" } else { "NO" },
                number(previous.map(|r| r.value), 1),
            );
        }
        let text = serde_json::to_string_pretty(&self.beside(last)).expect("rows are plain data");
        std::fs::write(&path, text + "\n").expect("bench/latest.json can be written");
        println!("\nwritten to bench/latest.json");
    }

    /// This run's rows, and those of the last one whose part (the first word of a name) was not
    /// measured.
    fn beside(self, last: Vec<Row>) -> Vec<Row> {
        let part = |row: &Row| row.name.split(' ').next().map(str::to_owned);
        let mut rows = self.0;
        let measured: Vec<_> = rows.iter().map(part).collect();
        rows.extend(
            last.into_iter()
                .filter(|row| !measured.contains(&part(row))),
        );
        rows.sort_by_key(|row| !row.name.starts_with("limiter")); // stable
        rows
    }
}
