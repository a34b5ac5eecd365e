//! Admitted per key against its limit: a bar per key, its fullest window; and the limit as a line.

use std::fmt::Write;

use maud::Markup;

use super::plot::{Frame, Tick, linear, number, ticks, x, y};
use crate::report::LimitReport;
use crate::report::format::{grouped, rate, seconds};

/// Below so many, each key has its name on the axis.
const NAMED: usize = 6;

pub(super) fn keys(limit: &LimitReport, n: usize) -> Markup {
    let keys = &limit.fullest;
    let (end, step) = linear(limit.worst_window.max(limit.calls) as f64 * 1.05, 4.0);
    let count = keys.len().max(1) as f64;
    let mut drawing = String::new();
    for (at, key) in keys.iter().enumerate() {
        let height = key.worst_window as f64 / end;
        let class = if key.violated { "failed" } else { "served" };
        // One bar alone should not fill the chart.
        let wide = (0.8 / count).min(0.12);
        let left = (at as f64 + 0.5) / count - wide / 2.0;
        let (name, worst, from) = (
            &key.name,
            grouped(key.worst_window),
            seconds(key.worst_window_from_seconds),
        );
        let _ = write!(
            drawing,
            r#"<rect class="{class}" x="{}" y="{}" width="{}" height="{}"><title>{name}: {worst} admitted in the window from {from}</title></rect>"#,
            x(left),
            y(height),
            x(wide),
            number(height * super::plot::SIZE),
        );
    }
    let line = y(limit.calls as f64 / end);
    let _ = write!(
        drawing,
        r#"<line class="line limit" x1="0" x2="1000" y1="{line}" y2="{line}"/>"#
    );
    let description = format!(
        "The fullest window of each of {} keys, against a limit of {}. The highest is {}.",
        grouped(keys.len() as u64),
        grouped(limit.calls),
        grouped(limit.worst_window)
    );
    let title = format!(
        "Admitted in the fullest window of {}, by key",
        seconds(limit.period_seconds)
    );
    let names = keys.iter().enumerate().filter(|_| keys.len() <= NAMED);
    let mut legend = vec![("served", "fullest window")];
    if limit.violated_keys > 0 {
        legend.push(("failed", "over the limit"));
    }
    legend.push(("limit", "limit"));
    let frame = Frame {
        id: &format!("limit-{n}"),
        title: &title,
        description: &description,
        x: names
            .map(|(at, key)| Tick {
                at: (at as f64 + 0.5) / count,
                text: key.name.clone(),
            })
            .collect(),
        y: ticks(end, step, rate),
        legend: &legend,
    };
    frame.around(&drawing)
}
