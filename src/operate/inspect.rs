//! `weir limiter inspect KEY`.

use std::num::NonZeroU64;

use clap::Args as ClapArgs;
use futures_util::future::join_all;
use serde_json::{Value, json};
use weir_limiter::Limit;
use weir_proto::limiter::v1::{InspectResponse, KnownRefusal, Mode, Standing};

use super::key::{self, KeyArgs};
use super::render::{limit, span, table};
use super::{OperateError, Target, answers, fail_on};
use crate::roles::duration;

pub(super) const EXAMPLES: &str = "\
Examples:
  weir limiter inspect 60:alice
  weir limiter inspect 60:alice --limit 100/60s
  weir limiter inspect --base64 /v9zaGEyNTY6… --limiter http://limiter-1:8081,http://limiter-2:8081

The gateway's keys are RENEWAL-PERIOD:VALUE, or RENEWAL-PERIOD#HASH if VALUE has over 512 bytes:
  printf %s \"$TOKEN\" | sha256sum | sed 's/^\\([0-9a-f]*\\).*/60#\\1/' | weir limiter inspect -";

/// The flags of `weir limiter inspect`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    key: KeyArgs,
    /// Show the standing under this limit too, CALLS/PERIOD (repeatable). Needed only for limits
    /// under which nothing was counted yet, or several on one key
    #[arg(long, value_name = "CALLS/PERIOD", env = "WEIR_LIMITER_LIMIT", value_delimiter = ',', value_parser = parse_limit)]
    limit: Vec<Limit>,
    #[command(flatten)]
    target: Target,
}

fn parse_limit(text: &str) -> Result<Limit, String> {
    let usage = || "write CALLS/PERIOD, e.g. 15/60s".to_owned();
    let (calls, period) = text.split_once('/').ok_or_else(usage)?;
    let calls: NonZeroU64 = calls.parse().map_err(|_| usage())?;
    Ok(Limit {
        calls,
        renewal_period: duration(period)?,
    })
}

pub(super) async fn run(args: Args) -> Result<(), OperateError> {
    let key = args.key.bytes()?;
    let operators = args.target.operators().await?;
    let asked = operators.iter().map(async |operator| {
        let answer = operator.inspect(key.clone().into(), &args.limit).await?;
        Ok((operator.address().to_owned(), answer))
    });
    let (answers, errors) = answers(join_all(asked).await)?;
    print(&key, &answers, args.target.json);
    fail_on(errors)
}

#[allow(clippy::print_stdout)] // the command's output
fn print(key: &[u8], answers: &[(String, InspectResponse)], as_json: bool) {
    if as_json {
        let limiters: Vec<Value> = answers
            .iter()
            .map(|(address, answer)| to_json(address, answer))
            .collect();
        let document =
            json!({ "key": key::text(key), "key_base64": key::base64(key), "limiters": limiters });
        println!("{document:#}");
        return;
    }
    for (address, answer) in answers {
        println!("{}", describe(key, address, answer));
    }
}

/// What one limiter said, for people.
fn describe(key: &[u8], address: &str, answer: &InspectResponse) -> String {
    let mut text = match answer.used {
        0 => format!("{} at {address}: nothing is counted\n", key::shown(key)),
        1 => format!("{} at {address}: 1 call counts\n", key::shown(key)),
        used => format!("{} at {address}: {used} calls count\n", key::shown(key)),
    };
    if answer.mode() == Mode::Local {
        text.push_str(
            "  The store does not answer: this is what the limiter counted itself meanwhile.\n",
        );
    }
    if answer.used > 0 {
        let mut facts = vec![
            vec![
                "first call".to_owned(),
                format!("{} ago", span(answer.first_age_ms)),
            ],
            vec![
                "last call".to_owned(),
                format!("{} ago", span(answer.last_age_ms)),
            ],
            vec!["next slot free in".to_owned(), span(answer.next_slot_ms)],
            vec!["all free in".to_owned(), span(answer.empty_after_ms)],
        ];
        if answer.shortest_period_ms != answer.longest_period_ms {
            let (shortest, longest) = (
                span(answer.shortest_period_ms),
                span(answer.longest_period_ms),
            );
            facts.push(vec![
                "limits".to_owned(),
                format!("several, over {shortest} to {longest}; see --limit"),
            ]);
        }
        if answer.slotted {
            facts.push(vec![
                "precision".to_owned(),
                "calls close together leave together".to_owned(),
            ]);
        }
        text.push_str(&table(&facts));
    }
    if !answer.standings.is_empty() {
        text.push_str(&standings(&answer.standings));
    }
    for refusal in &answer.refusals {
        let KnownRefusal {
            cost,
            retry_after_ms,
            ..
        } = refusal;
        let what = if *cost > 1 {
            format!("calls of cost {cost} or more")
        } else {
            "calls".to_owned()
        };
        let (limit, wait) = (limit(refusal.limit.as_ref()), span(*retry_after_ms));
        text.push_str(&format!(
            "  Refused from this limiter's memory for {wait}: {what} under {limit}\n"
        ));
    }
    text
}

fn standings(standings: &[Standing]) -> String {
    let heading = ["limit", "used", "left", "next call in", "all free in", ""];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for standing in standings {
        let Standing {
            used,
            remaining,
            retry_after_ms,
            reset_after_ms,
            ..
        } = standing;
        let next = if *retry_after_ms == 0 {
            "now".to_owned()
        } else {
            span(*retry_after_ms)
        };
        let row = [
            limit(standing.limit.as_ref()),
            used.to_string(),
            remaining.to_string(),
            next,
            span(*reset_after_ms),
        ];
        rows.push(row.into_iter().chain([String::new()]).collect());
    }
    format!("\n{}", table(&rows))
}

fn to_json(address: &str, answer: &InspectResponse) -> Value {
    let limit = |limit: &Option<weir_proto::limiter::v1::Limit>| {
        limit.map(
            |limit| json!({ "calls": limit.calls, "renewal_period_ms": limit.renewal_period_ms }),
        )
    };
    let standings = answer.standings.iter().map(|standing| {
        json!({
            "limit": limit(&standing.limit),
            "used": standing.used,
            "remaining": standing.remaining,
            "retry_after_ms": standing.retry_after_ms,
            "next_slot_ms": standing.next_slot_ms,
            "reset_after_ms": standing.reset_after_ms,
        })
    });
    let refusals = answer.refusals.iter().map(|refusal| {
        json!({ "limit": limit(&refusal.limit), "cost": refusal.cost, "retry_after_ms": refusal.retry_after_ms })
    });
    let mut document = json!({
        "limiter": address,
        "used": answer.used,
        "standings": standings.collect::<Vec<_>>(),
        "remembered_refusals": refusals.collect::<Vec<_>>(),
        "mode": if answer.mode() == Mode::Local { "local" } else { "exact" },
    });
    if answer.used > 0 {
        let facts = [
            ("first_age_ms", answer.first_age_ms),
            ("last_age_ms", answer.last_age_ms),
            ("next_slot_ms", answer.next_slot_ms),
            ("empty_after_ms", answer.empty_after_ms),
            ("largest_calls", answer.largest_calls),
            ("shortest_period_ms", answer.shortest_period_ms),
            ("longest_period_ms", answer.longest_period_ms),
        ];
        facts
            .into_iter()
            .for_each(|(name, value)| document[name] = value.into());
        document["slotted"] = answer.slotted.into();
    }
    document
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use weir_proto::limiter::v1;

    use super::*;

    #[test]
    fn limits_are_calls_and_a_period() {
        let limit = parse_limit("15/60s").unwrap();
        assert_eq!(
            (limit.calls.get(), limit.renewal_period),
            (15, Duration::from_secs(60))
        );
        for bad in ["15", "0/60s", "15/60", "x/60s", "15/0s"] {
            assert!(parse_limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_answer_is_told_in_words() {
        let limit = Some(v1::Limit {
            calls: 15,
            renewal_period_ms: 60_000,
        });
        let answer = InspectResponse {
            used: 15,
            first_age_ms: 37_200,
            last_age_ms: 1_000,
            next_slot_ms: 22_800,
            empty_after_ms: 59_000,
            largest_calls: 15,
            shortest_period_ms: 60_000,
            longest_period_ms: 60_000,
            standings: vec![Standing {
                limit,
                used: 15,
                remaining: 0,
                retry_after_ms: 22_800,
                next_slot_ms: 22_800,
                reset_after_ms: 59_000,
            }],
            refusals: vec![KnownRefusal {
                limit,
                cost: 1,
                retry_after_ms: 22_800,
            }],
            mode: Mode::Exact.into(),
            ..InspectResponse::default()
        };
        let expected = "\
60:alice at http://a:1: 15 calls count
  first call         37.2 s ago
  last call          1 s ago
  next slot free in  22.8 s
  all free in        59 s

  limit       used  left  next call in  all free in
  15 in 60 s    15     0        22.8 s         59 s
  Refused from this limiter's memory for 22.8 s: calls under 15 in 60 s
";
        assert_eq!(describe(b"60:alice", "http://a:1", &answer), expected);
        let nothing = describe(b"60:bob", "http://a:1", &InspectResponse::default());
        assert_eq!(nothing, "60:bob at http://a:1: nothing is counted\n");
    }
}
