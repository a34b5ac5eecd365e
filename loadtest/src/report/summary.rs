//! The report as text.

use std::fmt::Write;

use super::format::{grouped, millis, plural, rate, seconds};
use super::{LimitReport, Quantiles, Report, TraceReport};

/// Several lines, each whole. Writing to a `String` does not fail.
pub(super) fn write(report: &Report) -> String {
    let mut text = String::new();
    head(&mut text, report);
    counts(&mut text, report);
    latency(&mut text, report);
    verification(&mut text, report);
    traces(&mut text, "slowest", &report.traces.slowest);
    traces(&mut text, "refused", &report.traces.refused);
    for warning in &report.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

fn head(text: &mut String, report: &Report) {
    let requests = &report.requests;
    let (sent, planned) = (grouped(requests.sent), grouped(requests.planned));
    let took = seconds((report.duration_seconds * 10.0).round() / 10.0);
    let early = if report.ended_early {
        ", ended early"
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "sent {sent} of {planned} in {took} ({}/s){early}: {} {}, {}, {}",
        rate(requests.sent_per_second),
        report.method,
        report.http,
        if report.users == 0 {
            "no tokens".to_owned()
        } else {
            plural(report.users as u64, "user")
        },
        if report.addresses == 1 {
            "1 address".to_owned()
        } else {
            format!("{} addresses", grouped(report.addresses.into()))
        },
    );
}

fn counts(text: &mut String, report: &Report) {
    for (status, count) in &report.statuses {
        let _ = writeln!(text, "  {status:<10}{:>12}", grouped(*count));
    }
    let requests = &report.requests;
    for (name, count) in [("failed", requests.failed), ("not sent", requests.not_sent)] {
        let _ = writeln!(text, "  {name:<10}{:>12}", grouped(count));
    }
    for failure in &report.failures {
        let _ = writeln!(
            text,
            "  {} failed ({}): {}",
            grouped(failure.count),
            failure.kind,
            failure.example
        );
    }
    if requests.not_sent > 0 {
        let _ = writeln!(
            text,
            "  Requests were not sent because too many were under way: raise --max-in-flight and --connections, or the\n  \
             target is slower than the rate."
        );
    }
}

fn latency(text: &mut String, report: &Report) {
    let names = ["p50", "p90", "p99", "p99.9", "max"];
    let _ = write!(text, "{:<14}", "latency");
    for name in names {
        let _ = write!(text, "{name:>10}");
    }
    text.push('\n');
    let rows = [
        ("from due", &report.latency_ms.from_due),
        ("from sent", &report.latency_ms.from_sent),
    ];
    for (
        name,
        Quantiles {
            p50,
            p90,
            p99,
            p999,
            max,
            ..
        },
    ) in rows
    {
        let _ = write!(text, "  {name:<12}");
        for value in [p50, p90, p99, p999, max] {
            let _ = write!(text, "{:>10}", millis(*value));
        }
        text.push('\n');
    }
}

fn verification(text: &mut String, report: &Report) {
    let Some(verification) = &report.verification else {
        return;
    };
    for limit in &verification.limits {
        let _ = writeln!(text, "{}", verdict(limit));
        for key in limit.fullest.iter().filter(|key| key.violated).take(5) {
            let _ = match key.contradiction_at_seconds {
                None => writeln!(
                    text,
                    "  {}: {} admitted within {} from {}",
                    key.name,
                    grouped(key.worst_window),
                    seconds(limit.period_seconds),
                    seconds(key.worst_window_from_seconds)
                ),
                Some(at) => writeln!(
                    text,
                    "  {}: no window alone is over, but by {} they cannot all have been within the limit",
                    key.name,
                    seconds(at)
                ),
            };
        }
    }
    let _ = writeln!(
        text,
        "refused although there was room: {}",
        grouped(verification.refused_early)
    );
}

/// One line on one limit.
fn verdict(limit: &LimitReport) -> String {
    let outcome = if limit.held {
        "held".to_owned()
    } else {
        format!("BROKEN for {}", plural(limit.violated_keys as u64, "key"))
    };
    format!(
        "limit {} calls in {} by {}: {outcome}; {}, fullest window {} of {}, {} at the limit",
        grouped(limit.calls),
        seconds(limit.period_seconds),
        limit.key,
        plural(limit.keys as u64, "key"),
        grouped(limit.worst_window),
        grouped(limit.calls),
        grouped(limit.keys_at_limit as u64),
    )
}

fn traces(text: &mut String, name: &str, traces: &[TraceReport]) {
    for trace in traces.iter().take(3) {
        let _ = writeln!(
            text,
            "{name}  trace {}  {}  {}",
            trace.trace_id,
            trace.status,
            millis(trace.latency_ms)
        );
    }
}
