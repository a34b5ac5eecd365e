//! Checks that travel together are decided as if each came by itself, one after the other.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use weir_limiter::parts::Store;
use weir_limiter::{Check, CheckList, Limit, Outcome};

use crate::fixture::{Fixture, check, limit, memory, redis};

/// One of a few keys, one of the schedule's limits, a cost.
type Ask = (usize, usize, u64);

/// Lists that leave at the same moment, and how many thousandths of the first limit's period later
/// the next ones do.
#[derive(Debug, Clone)]
struct Rounds {
    limits: Vec<Limit>,
    rounds: Vec<(Vec<Vec<Ask>>, u64)>,
}

fn rounds() -> impl Strategy<Value = Rounds> {
    let calls =
        prop_oneof![3 => 1_u64..16, 2 => 20_u64..120, 1 => 900_u64..1100, 2 => 1001_u64..5000];
    let period = prop_oneof![
        Just(Duration::from_micros(700)),
        Just(Duration::from_secs(1))
    ];
    let limits = vec(
        (calls, period).prop_map(|(calls, period)| limit(calls, period)),
        1..3,
    );
    let cost = prop_oneof![6 => Just(1_u64), 1 => Just(0), 2 => 2_u64..40, 1 => 500_u64..1500];
    let list = vec((0_usize..4, any::<usize>(), cost), 1..4);
    let wait = prop_oneof![2 => Just(0_u64), 5 => 1_u64..400, 1 => 900_u64..1500];
    (limits, vec((vec(list, 1..12), wait), 1..12))
        .prop_map(|(limits, rounds)| Rounds { limits, rounds })
}

/// The lists of a round on keys that begin with `prefix`.
fn lists(prefix: &str, limits: &[Limit], round: &[Vec<Ask>]) -> Vec<CheckList> {
    let of = |&(key, which, cost): &Ask| -> Check {
        check(
            &format!("{prefix} {key}"),
            limits[which % limits.len()],
            cost,
        )
    };
    round
        .iter()
        .map(|list| list.iter().map(of).collect())
        .collect()
}

/// Each round once as one call, and once as a call for each list.
async fn both_ways<S: Store>(
    f: &Fixture<S>,
    name: &str,
    schedule: &Rounds,
) -> Result<(), TestCaseError> {
    for (round, wait) in &schedule.rounds {
        let together = f
            .store
            .check(&lists(&format!("{name} together"), &schedule.limits, round))
            .await
            .unwrap();
        let mut apart: Vec<Outcome> = Vec::new();
        for list in lists(&format!("{name} apart"), &schedule.limits, round) {
            // Not even the checks of a list travel together.
            let mut outcome: Option<Outcome> = None;
            for check in list {
                let decided = f.store.check(&[vec![check]]).await.unwrap().remove(0);
                let allowed = decided.allowed();
                match &mut outcome {
                    Some(outcome) => outcome.decisions.extend(decided.decisions),
                    None => outcome = Some(decided),
                }
                if !allowed {
                    break;
                }
            }
            apart.extend(outcome);
        }
        prop_assert_eq!(together, apart);
        let period = schedule.limits[0].renewal_period;
        f.clock
            .advance(period * u32::try_from(*wait).unwrap() / 1000);
    }
    Ok(())
}

fn judge<S: Store>(fixture: fn() -> Fixture<S>, cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let fixture = &runtime.block_on(async { fixture() });
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let next = std::cell::Cell::new(0);
    let result = TestRunner::new(config).run(&rounds(), |schedule| {
        next.set(next.get() + 1);
        runtime.block_on(both_ways(fixture, &next.get().to_string(), &schedule))
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn in_memory() {
    judge(memory, 100);
}

#[test]
fn in_redis() {
    judge(redis, 600);
}
