//! `weir limiter top`.

use std::collections::HashMap;

use clap::Args as ClapArgs;
use futures_util::future::join_all;
use serde_json::{Value, json};
use weir_proto::limiter::v1::{TopKey, TopResponse};

use super::render::{limit, span, table};
use super::{OperateError, Target, answers, fail_on, key};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir limiter top
  weir limiter top --keys 50 --json --limiter http://limiter-1:8081,http://limiter-2:8081

Keys can be addresses, subjects, even credentials: mind who sees the screen.";

/// A key that is tenth over all limiters may be further down at each of them.
const ASKED_FOR_EACH_SHOWN: u32 = 10;

/// The most that a limiter tells.
const MOST: u32 = 1_000;

/// The flags of `weir limiter top`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// How many keys of each kind to show
    #[arg(long, value_name = "N", env = "WEIR_LIMITER_KEYS", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    keys: u32,
    /// Show the limiters one by one instead of their sum
    #[arg(long, env = "WEIR_LIMITER_EACH")]
    each: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(args: Args) -> Result<(), OperateError> {
    let operators = args.target.operators().await?;
    let asked_for = args.keys.saturating_mul(ASKED_FOR_EACH_SHOWN).min(MOST);
    let asked = operators.iter().map(async |operator| {
        let answer = operator.top(asked_for).await?;
        Ok((operator.address().to_owned(), answer))
    });
    let (answers, errors) = answers(join_all(asked).await)?;
    let shown = if args.each {
        answers
    } else {
        vec![sum(answers)]
    };
    print(&shown, args.keys as usize, args.target.json);
    fail_on(errors)
}

/// All limiters together.
fn sum(answers: Vec<(String, TopResponse)>) -> (String, TopResponse) {
    let names: Vec<String> = answers.iter().map(|(address, _)| address.clone()).collect();
    let window_ms = answers
        .iter()
        .map(|(_, answer)| answer.window_ms)
        .max()
        .unwrap_or(0);
    let (mut busiest, mut most_refused) = (Vec::new(), Vec::new());
    for (_, answer) in answers {
        busiest.extend(answer.busiest);
        most_refused.extend(answer.most_refused);
    }
    let (mut busiest, mut most_refused) = (merged(busiest), merged(most_refused));
    busiest.sort_by(|a, b| b.checks.cmp(&a.checks).then_with(|| a.key.cmp(&b.key)));
    most_refused.sort_by(|a, b| b.refused.cmp(&a.refused).then_with(|| a.key.cmp(&b.key)));
    (
        names.join(", "),
        TopResponse {
            window_ms,
            busiest,
            most_refused,
        },
    )
}

fn merged(keys: Vec<TopKey>) -> Vec<TopKey> {
    let mut places = HashMap::new();
    let mut merged: Vec<TopKey> = Vec::new();
    for key in keys {
        match places.get(&key.key) {
            Some(&place) => {
                let known: &mut TopKey = &mut merged[place];
                known.checks = known.checks.saturating_add(key.checks);
                known.checks_missed = known.checks_missed.saturating_add(key.checks_missed);
                known.refused = known.refused.saturating_add(key.refused);
                known.refused_missed = known.refused_missed.saturating_add(key.refused_missed);
            }
            None => {
                places.insert(key.key.clone(), merged.len());
                merged.push(key);
            }
        }
    }
    merged
}

#[allow(clippy::print_stdout)] // the command's output
fn print(answers: &[(String, TopResponse)], keys: usize, as_json: bool) {
    if as_json {
        let documents: Vec<Value> = answers
            .iter()
            .map(|(names, answer)| to_json(names, answer, keys))
            .collect();
        println!("{:#}", Value::Array(documents));
        return;
    }
    for (names, answer) in answers {
        println!("{}", describe(names, answer, keys));
    }
}

fn describe(names: &str, answer: &TopResponse, keys: usize) -> String {
    let mut text = format!("{names}, the last {}\n", span(answer.window_ms));
    if answer.busiest.is_empty() {
        text.push_str("  Nothing was checked.\n");
        return text;
    }
    for (title, listed) in [
        ("most refused", &answer.most_refused),
        ("busiest", &answer.busiest),
    ] {
        text.push_str(&format!("\n{title}\n"));
        if listed.is_empty() {
            text.push_str("  none\n");
            continue;
        }
        let mut rows = vec![
            ["limit", "checks", "refused", "calls", "key"]
                .map(str::to_owned)
                .to_vec(),
        ];
        rows.extend(listed.iter().take(keys).map(|top| {
            let checks = number(top.checks, top.checks_missed);
            let refused = number(top.refused, top.refused_missed);
            vec![
                printable(&top.limit_name),
                checks,
                refused,
                limit(top.limit.as_ref()),
                key::shown(&top.key),
            ]
        }));
        text.push_str(&table(&rows));
    }
    text
}

/// `120`, or `120+3`: 3 more may have happened before the key was noticed.
fn number(seen: u64, missed: u64) -> String {
    if missed == 0 {
        seen.to_string()
    } else {
        format!("{seen}+{missed}")
    }
}

/// Names come from configuration, but through whoever may call the limiter.
fn printable(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

fn to_json(names: &str, answer: &TopResponse, keys: usize) -> Value {
    let list =
        |listed: &[TopKey]| -> Vec<Value> { listed.iter().take(keys).map(key_to_json).collect() };
    json!({
        "limiters": names.split(", ").collect::<Vec<_>>(),
        "window_ms": answer.window_ms,
        "busiest": list(&answer.busiest),
        "most_refused": list(&answer.most_refused),
    })
}

fn key_to_json(top: &TopKey) -> Value {
    let limit = top
        .limit
        .map(|limit| json!({ "calls": limit.calls, "renewal_period_ms": limit.renewal_period_ms }));
    json!({
        "key": key::text(&top.key),
        "key_base64": key::base64(&top.key),
        "limit_name": top.limit_name,
        "limit": limit,
        "checks": top.checks,
        "checks_missed": top.checks_missed,
        "refused": top.refused,
        "refused_missed": top.refused_missed,
    })
}

#[cfg(test)]
mod tests {
    use weir_proto::limiter::v1;

    use super::*;

    fn top(key: &'static str, checks: u64, refused: u64) -> TopKey {
        TopKey {
            key: key.into(),
            limit_name: "per-subject".to_owned(),
            limit: Some(v1::Limit {
                calls: 15,
                renewal_period_ms: 60_000,
            }),
            checks,
            refused,
            ..TopKey::default()
        }
    }

    #[test]
    fn limiters_are_summed_by_key() {
        let one = TopResponse {
            window_ms: 70_000,
            busiest: vec![top("a", 30, 0), top("b", 25, 5)],
            most_refused: vec![top("b", 25, 5)],
        };
        let other = TopResponse {
            window_ms: 90_000,
            busiest: vec![top("b", 10, 0)],
            most_refused: Vec::new(),
        };
        let answer = sum(vec![
            ("http://a:1".to_owned(), one),
            ("http://b:1".to_owned(), other),
        ]);
        let expected = "\
http://a:1, http://b:1, the last 90 s

most refused
  limit        checks  refused       calls  key
  per-subject      25        5  15 in 60 s  b

busiest
  limit        checks  refused       calls  key
  per-subject      35        5  15 in 60 s  b
  per-subject      30        0  15 in 60 s  a
";
        assert_eq!(describe(&answer.0, &answer.1, 10), expected);
        assert_eq!(
            to_json(&answer.0, &answer.1, 1)["busiest"]
                .as_array()
                .map(Vec::len),
            Some(1)
        );
    }

    #[test]
    fn what_may_be_missing_is_told() {
        assert_eq!(
            (number(120, 0).as_str(), number(120, 3).as_str()),
            ("120", "120+3")
        );
        let nothing = describe(
            "http://a:1",
            &TopResponse {
                window_ms: 5_000,
                ..TopResponse::default()
            },
            10,
        );
        assert_eq!(
            nothing,
            "http://a:1, the last 5 s\n  Nothing was checked.\n"
        );
    }
}
