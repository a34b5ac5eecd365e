//! The two charts over time: requests by status, and latency.

use std::fmt::Write;

use maud::{Markup, html};

use super::plot::{Frame, Tick, linear, number, ticks, x, y};
use super::tables;
use crate::report::format::{grouped, millis, rate, seconds};
use crate::report::{Report, SliceReport, StageReport, answers};

/// What may become of a request: its class in the style sheet, and its name.
pub(super) const OUTCOMES: [(&str, &str); 7] = [
    ("served", "served (2xx)"),
    ("refused", "refused (429)"),
    ("client-error", "other 4xx"),
    ("server-error", "5xx"),
    ("other", "another status"),
    ("failed", "no answer"),
    ("not-sent", "not sent"),
];

/// How many requests of a stretch became each of [`OUTCOMES`].
pub(super) fn outcomes(slice: &SliceReport) -> [u64; 7] {
    let client_errors = answers(&slice.statuses, |status| {
        matches!(status, 400..=499) && status != 429
    });
    let server_errors = answers(&slice.statuses, |status| matches!(status, 500..=599));
    let other = slice.other - client_errors - server_errors;
    [
        slice.served,
        slice.refused,
        client_errors,
        server_errors,
        other,
        slice.failed,
        slice.not_sent,
    ]
}

/// The run's stretches on the axis of time.
struct Axis {
    /// Seconds from left to right.
    span: f64,
    width: f64,
}

impl Axis {
    fn of(report: &Report) -> Self {
        let planned: f64 = report.stages.iter().map(|stage| stage.seconds).sum();
        let span = if report.ended_early {
            report.duration_seconds.min(planned)
        } else {
            planned
        };
        Self {
            span: span.max(report.timeline.slice_seconds),
            width: report.timeline.slice_seconds,
        }
    }

    /// How long a stretch is: the last one may be cut off by the end of the run.
    fn seconds(&self, slice: &SliceReport) -> f64 {
        (self.span - slice.from_seconds).clamp(self.width / 4.0, self.width)
    }

    fn ticks(&self) -> Vec<Tick> {
        let (_, step) = linear(self.span, 6.0);
        ticks(self.span, step, seconds)
    }
}

/// How many requests a second, by status.
pub(super) fn requests(report: &Report) -> Markup {
    let axis = Axis::of(report);
    let slices = &report.timeline.slices;
    let total =
        |slice: &SliceReport| outcomes(slice).iter().sum::<u64>() as f64 / axis.seconds(slice);
    let asked = report
        .stages
        .iter()
        .map(|stage| stage.rate)
        .fold(0.0, f64::max);
    let (end, step) = linear(slices.iter().map(total).fold(asked, f64::max), 4.0);
    let mut drawing = String::new();
    for slice in slices {
        stack(&mut drawing, slice, &axis, end);
    }
    drawing.push_str(&asked_line(&report.stages, axis.span, end));
    let present = |n: &usize| slices.iter().any(|slice| outcomes(slice)[*n] > 0);
    let mut legend: Vec<(&str, &str)> = (0..OUTCOMES.len())
        .filter(present)
        .map(|n| OUTCOMES[n])
        .collect();
    legend.push(("asked", "asked for"));
    let requests = &report.requests;
    let description = format!(
        "{} requests over {}: {} served, {} refused, {} with another status, {} without an answer, {} not sent.",
        grouped(requests.sent + requests.not_sent),
        seconds(axis.span),
        grouped(requests.served),
        grouped(requests.refused),
        grouped(requests.other),
        grouped(requests.failed),
        grouped(requests.not_sent)
    );
    let frame = Frame {
        id: "requests",
        title: "Requests per second by status",
        description: &description,
        x: axis.ticks(),
        y: ticks(end, step, rate),
        legend: &legend,
    };
    html! {
        section {
            h2 { "Requests per second" }
            (frame.around(&drawing))
            (tables::slices(report))
        }
    }
}

/// The bars of one stretch, one upon the other. Each says its numbers when pointed at.
fn stack(drawing: &mut String, slice: &SliceReport, axis: &Axis, end: f64) {
    let length = axis.seconds(slice);
    let mut below = 0.0;
    for ((class, name), count) in OUTCOMES
        .iter()
        .zip(outcomes(slice))
        .filter(|(_, count)| *count > 0)
    {
        let height = count as f64 / length / end;
        let (left, top) = (x(slice.from_seconds / axis.span), y(below + height));
        // A gap between neighbours tells them apart without a line.
        let (wide, high) = (
            x(axis.width.min(length) / axis.span * 0.92),
            number(height * super::plot::SIZE),
        );
        let (from, text) = (seconds(slice.from_seconds), grouped(count));
        let _ = write!(
            drawing,
            r#"<rect class="{class}" x="{left}" y="{top}" width="{wide}" height="{high}"><title>{from}: {text} {name}</title></rect>"#
        );
        below += height;
    }
}

/// The rate that the stages ask for.
fn asked_line(stages: &[StageReport], span: f64, end: f64) -> String {
    let (mut at, mut last, mut points) = (0.0, 0.0, Vec::new());
    for stage in stages {
        points.push((
            at,
            if stage.ramp_seconds > 0.0 {
                last
            } else {
                stage.rate
            },
        ));
        points.push((at + stage.ramp_seconds, stage.rate));
        at += stage.seconds;
        points.push((at, stage.rate));
        last = stage.rate;
    }
    let text: Vec<String> = points
        .iter()
        .map(|(t, rate)| format!("{},{}", x(t / span), y(rate / end)))
        .collect();
    format!(
        r#"<polyline class="line asked" points="{}"/>"#,
        text.join(" ")
    )
}

/// Latency quantiles over time, on a logarithmic scale: what matters spans several powers of ten.
pub(super) fn latency(report: &Report) -> Markup {
    let series: [(&str, &str, Quantile); 3] = [
        ("p50", "p50", |s| s.p50_ms),
        ("p90", "p90", |s| s.p90_ms),
        ("p99", "p99", |s| s.p99_ms),
    ];
    let slices = &report.timeline.slices;
    let values: Vec<f64> = slices
        .iter()
        .flat_map(|s| [s.p50_ms, s.p99_ms])
        .flatten()
        .map(|v| v.max(0.001))
        .collect();
    if values.is_empty() {
        return html! {};
    }
    let axis = Axis::of(report);
    let lowest = values
        .iter()
        .copied()
        .fold(f64::MAX, f64::min)
        .log10()
        .floor();
    let highest = values
        .iter()
        .copied()
        .fold(0.0, f64::max)
        .log10()
        .ceil()
        .max(lowest + 1.0);
    let part = |value: f64| (value.max(0.001).log10() - lowest) / (highest - lowest);
    let mut drawing = String::new();
    for (class, name, quantile) in series {
        let point = |slice: &SliceReport| {
            let middle = slice.from_seconds + axis.seconds(slice) / 2.0;
            quantile(slice).map(|value| (x((middle / axis.span).min(1.0)), y(part(value))))
        };
        let points: Vec<(String, String)> = slices.iter().filter_map(point).collect();
        let text: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        let _ = write!(
            drawing,
            r#"<polyline class="line {class}" points="{}"><title>{name}</title></polyline>"#,
            text.join(" ")
        );
    }
    let y = (lowest as i32..=highest as i32).map(|power| Tick {
        at: part(10_f64.powi(power)),
        text: power_of_ten(power),
    });
    let latency = &report.latency_ms.from_due;
    let description = format!(
        "Half of the answers took at most {}, 99 % at most {}, the slowest {}.",
        millis(latency.p50),
        millis(latency.p99),
        millis(latency.max)
    );
    let frame = Frame {
        id: "latency",
        title: "Latency over time, from when a request was due",
        description: &description,
        x: axis.ticks(),
        y: y.collect(),
        legend: &series.map(|(class, name, _)| (class, name)),
    };
    html! {
        section {
            h2 { "Latency" }
            p.note { "From when a request was due to the end of its answer; logarithmic." }
            (frame.around(&drawing))
        }
    }
}

type Quantile = fn(&SliceReport) -> Option<f64>;

fn power_of_ten(power: i32) -> String {
    match power {
        ..=-1 => format!("{} µs", 10_f64.powi(power + 3)),
        0..=2 => format!("{} ms", 10_f64.powi(power)),
        _ => format!("{} s", 10_f64.powi(power - 3)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_drawn_once_by_its_status() {
        let statuses = [
            (200, 5),
            (204, 1),
            (304, 2),
            (401, 3),
            (429, 4),
            (500, 6),
            (502, 7),
        ]
        .into();
        let slice = SliceReport {
            from_seconds: 0.0,
            served: 6,
            refused: 4,
            other: answers(&statuses, |status| !matches!(status, 200..=299 | 429)),
            failed: 8,
            not_sent: 9,
            statuses,
            p50_ms: None,
            p90_ms: None,
            p99_ms: None,
        };
        assert_eq!(outcomes(&slice), [6, 4, 3, 13, 2, 8, 9]);
    }
}
