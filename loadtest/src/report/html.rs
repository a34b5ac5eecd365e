//! The report as one page: no script, nothing from elsewhere, readable in the dark, on a phone and
//! on paper.
//!
//! Charts are inline SVG that stretches; their words are HTML beside it, so that they keep their
//! size. Every chart has a name, and a table with the same numbers below it.

mod bars;
mod over_time;
mod plot;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::format::{grouped, millis, plural, rate, seconds};
use super::{LimitReport, Report};

const STYLE: &str = include_str!("html/style.css");

/// The whole page.
pub(super) fn write(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Load test, " (report.begin) }
                // An empty icon: a page opened from a file must not ask for one.
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head(report))
                    (tiles(report))
                    @for warning in &report.warnings { p.warning { (warning) } }
                    (over_time::requests(report))
                    (over_time::latency(report))
                    (tables::latency(report))
                    @if let Some(verification) = &report.verification {
                        @for (n, limit) in verification.limits.iter().enumerate() { (limit_section(limit, n)) }
                        p {
                            "Refused although there was room: " strong { (grouped(verification.refused_early)) } ". "
                            "That counts calls answered with 429 while none of the limits above can have been used up."
                        }
                    }
                    (tables::failures(report))
                    (tables::traces(report))
                    (foot(report))
                }
            }
        }
    };
    page.into_string()
}

fn head(report: &Report) -> Markup {
    let stages: Vec<String> = report
        .stages
        .iter()
        .map(|stage| {
            let ramp = if stage.ramp_seconds > 0.0 {
                format!(" (ramp {})", seconds(stage.ramp_seconds))
            } else {
                String::new()
            };
            format!(
                "{}/s for {}{ramp}",
                rate(stage.rate),
                seconds(stage.seconds)
            )
        })
        .collect();
    let addresses = if report.addresses == 1 {
        "1 address".to_owned()
    } else {
        format!("{} addresses", report.addresses)
    };
    html! {
        header {
            div {
                h1 { "Load test" }
                @for target in &report.targets { p.target { (report.method) " " (target) } }
                p.facts {
                    (report.begin) " · " (report.http) " · " (stages.join(", then "))
                    " · " (plural(report.users as u64, "user")) " · " (addresses)
                    @if report.ended_early { " · ended early" }
                }
            }
            @match &report.verification {
                None => {},
                Some(verification) if verification.held => { p.verdict.held { "✓ Limits held" } },
                Some(_) => { p.verdict.broken { "✗ Limit broken" } },
            }
        }
    }
}

fn tiles(report: &Report) -> Markup {
    let requests = &report.requests;
    let trouble = requests.other + requests.failed + requests.not_sent;
    let latency = &report.latency_ms.from_due;
    let tile = |name: &str, class: &str, value: String, note: String| {
        html! {
            div class={ "tile " (class) } { dt { (name) } dd { (value) } dd.note { (note) } }
        }
    };
    html! {
        dl.tiles {
            (tile("Sent", "", grouped(requests.sent), format!("of {}, {}/s", grouped(requests.planned), rate(requests.sent_per_second))))
            (tile("Served", "served", grouped(requests.served), "2xx".to_owned()))
            (tile("Refused", "refused", grouped(requests.refused), "429".to_owned()))
            (tile("Trouble", if trouble > 0 { "failed" } else { "" }, grouped(trouble), format!("{} other, {} failed, {} not sent", requests.other, requests.failed, requests.not_sent)))
            (tile("p50", "", millis(latency.p50), "from when due".to_owned()))
            (tile("p99", "", millis(latency.p99), "from when due".to_owned()))
        }
    }
}

fn limit_section(limit: &LimitReport, n: usize) -> Markup {
    let (calls, period) = (grouped(limit.calls), seconds(limit.period_seconds));
    html! {
        section {
            h2 { (calls) " calls in " (period) " by " (limit.key) " "
                @if limit.held { span.held { "✓ held" } } @else { span.broken { "✗ broken" } } }
            p {
                (plural(limit.keys as u64, "key")) "; the fullest window of any holds " strong { (grouped(limit.worst_window)) }
                " of " (calls) ". " (plural(limit.keys_at_limit as u64, "key")) " reached the limit exactly"
                @if limit.violated_keys > 0 { ", " strong { (grouped(limit.violated_keys as u64)) " broke it" } }
                "."
            }
            (bars::keys(limit, n))
            (tables::keys(limit))
        }
    }
}

fn foot(report: &Report) -> Markup {
    html! {
        footer {
            p {
                "Open loop: requests leave when the stages say, however slow the answers are, and latency counts from that "
                "moment. A window is called broken only if no order of events could have kept the limit: a call was admitted "
                "somewhere between the moment it was sent and the moment its answer arrived."
            }
            p { "weir " (report.weir) " loadtest" }
        }
    }
}
