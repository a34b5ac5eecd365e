//! The tables: what the charts show, in numbers, and what no chart shows.

use maud::{Markup, html};

use super::over_time::{OUTCOMES, outcomes};
use crate::report::format::{grouped, millis, seconds};
use crate::report::{LimitReport, Quantiles, Report, TraceReport};

/// The numbers of the chart of requests and of the chart of latency.
pub(super) fn slices(report: &Report) -> Markup {
    let cell = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), millis);
    html! {
        details {
            summary { "Table: each " (seconds(report.timeline.slice_seconds)) " of the run" }
            div.wide tabindex="0" role="region" aria-label="Each stretch of the run" { table {
                thead { tr {
                    th scope="col" { "from" }
                    @for (_, name) in OUTCOMES { th scope="col" { (name) } }
                    th scope="col" { "p50" } th scope="col" { "p90" } th scope="col" { "p99" }
                } }
                tbody { @for slice in &report.timeline.slices { tr {
                    th scope="row" { (seconds(slice.from_seconds)) }
                    @for count in outcomes(slice) { td { (grouped(count)) } }
                    @for value in [slice.p50_ms, slice.p90_ms, slice.p99_ms] { td { (cell(value)) } }
                } } }
            } }
        }
    }
}

/// Latency over the whole run, both ways of counting.
pub(super) fn latency(report: &Report) -> Markup {
    let row = |name: &str, q: &Quantiles| {
        html! { tr {
            th scope="row" { (name) }
            @for value in [q.mean, q.p50, q.p90, q.p99, q.p999, q.max] { td { (millis(value)) } }
        } }
    };
    let latency = &report.latency_ms;
    html! {
        div.wide tabindex="0" role="region" aria-label="Latency over the whole run" { table {
            thead { tr {
                th scope="col" { "whole run" } th scope="col" { "mean" } th scope="col" { "p50" } th scope="col" { "p90" }
                th scope="col" { "p99" } th scope="col" { "p99.9" } th scope="col" { "max" }
            } }
            tbody {
                (row("from when due", &latency.from_due))
                (row("from when sent", &latency.from_sent))
                (row("left late by", &latency.send_delay))
            }
        } }
    }
}

/// The keys of a limit, the fullest first.
pub(super) fn keys(limit: &LimitReport) -> Markup {
    let left_out = limit.keys.saturating_sub(limit.fullest.len());
    html! {
        details {
            summary { "Table: keys, the fullest first" }
            div.wide tabindex="0" role="region" aria-label={ "Keys by " (limit.key) } { table {
                thead { tr {
                    th scope="col" { "key" } th scope="col" { "fullest window" } th scope="col" { "from" }
                    th scope="col" { "admitted" } th scope="col" { "refused" } th scope="col" { "verdict" }
                } }
                tbody { @for key in &limit.fullest { tr {
                    th scope="row" { (key.name) }
                    td { (grouped(key.worst_window)) " of " (grouped(limit.calls)) }
                    td { (seconds(key.worst_window_from_seconds)) }
                    td { (grouped(key.admitted)) }
                    td { (grouped(key.refused)) }
                    td {
                        @if !key.violated { "held" } @else { span.broken { "broken" } }
                        @if let Some(at) = key.contradiction_at_seconds { " (all windows together, by " (seconds(at)) ")" }
                    }
                } } }
            } }
            @if left_out > 0 { p.note { (grouped(left_out as u64)) " more keys are not listed." } }
        }
    }
}

/// Requests without an answer, by kind.
pub(super) fn failures(report: &Report) -> Markup {
    html! {
        @if !report.failures.is_empty() {
            section {
                h2 { "Without an answer" }
                div.wide tabindex="0" role="region" aria-label="Requests without an answer" { table {
                    thead { tr { th scope="col" { "kind" } th scope="col" { "count" } th.text scope="col" { "the first one" } } }
                    tbody { @for failure in &report.failures { tr {
                        th scope="row" { (failure.kind) } td { (grouped(failure.count)) } td.text { (failure.example) }
                    } } }
                } }
            }
        }
    }
}

/// Traces worth looking up.
pub(super) fn traces(report: &Report) -> Markup {
    let rows = |name: &str, traces: &[TraceReport]| {
        html! {
            @for trace in traces { tr {
                th scope="row" { (name) } td.text { code { (trace.trace_id) } } td { (trace.status) } td { (millis(trace.latency_ms)) }
            } }
        }
    };
    html! {
        @if !report.traces.slowest.is_empty() {
            section {
                h2 { "Traces to look up" }
                div.wide tabindex="0" role="region" aria-label="Traces" { table {
                    thead { tr {
                        th scope="col" { "why" } th.text scope="col" { "trace id" } th scope="col" { "status" } th scope="col" { "latency" }
                    } }
                    tbody { (rows("slow", &report.traces.slowest)) (rows("refused", &report.traces.refused)) }
                } }
            }
        }
    }
}
