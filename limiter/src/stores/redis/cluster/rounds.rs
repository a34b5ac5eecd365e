//! Lists whose keys lie on several nodes.
//!
//! A cluster runs a script only on keys of one slot. So a list is cut into runs: neighbouring
//! checks of one slot. In a round every list that is not decided yet asks its next run; runs of one
//! slot travel in one call, and all calls of a round are under way at once. A list ends at its
//! first refusal, so what stands after it is never charged, and two limits of one caller take two
//! rounds, unless their keys share a `{tag}`.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::slots::slot_of;
use crate::check::{Check, CheckList, Decision, Mode, Outcome};
use crate::error::StoreError;
use crate::stores::key::StoredKey;

/// Decides `lists` with as many rounds as the longest of them has runs. `ask` decides runs whose
/// keys have one slot.
pub(crate) async fn decide<'a, F>(
    lists: &'a [CheckList],
    ask: impl Fn(u16, Vec<&'a [Check]>) -> F,
) -> Result<Vec<Outcome>, StoreError>
where
    F: Future<Output = Result<Vec<Outcome>, StoreError>>,
{
    let mut decided: Vec<Vec<Decision>> = vec![Vec::new(); lists.len()];
    loop {
        let round = next_round(lists, &decided);
        if round.is_empty() {
            break;
        }
        let calls = round.into_iter().map(|(slot, runs)| {
            let (indices, runs): (Vec<usize>, Vec<&[Check]>) = runs.into_iter().unzip();
            let answer = ask(slot, runs);
            async move { Ok::<_, StoreError>((indices, answer.await?)) }
        });
        for (indices, outcomes) in try_join_all(calls).await? {
            for (index, outcome) in indices.into_iter().zip(outcomes) {
                decided[index].extend(outcome.decisions);
            }
        }
    }
    Ok(decided
        .into_iter()
        .map(|decisions| Outcome {
            decisions,
            mode: Mode::Exact,
        })
        .collect())
}

/// By slot: the next run of every list that is not decided yet, with the list's index.
fn next_round<'a>(
    lists: &'a [CheckList],
    decided: &[Vec<Decision>],
) -> BTreeMap<u16, Vec<(usize, &'a [Check])>> {
    let mut round: BTreeMap<u16, Vec<(usize, &[Check])>> = BTreeMap::new();
    for (index, (list, decisions)) in lists.iter().zip(decided).enumerate() {
        let rest = &list[decisions.len()..];
        let refused = decisions.last().is_some_and(|last| !last.allowed);
        if let Some(first) = rest.first().filter(|_| !refused) {
            let slot = slot_of_check(first);
            let other = rest.iter().position(|check| slot_of_check(check) != slot);
            let run = &rest[..other.unwrap_or(rest.len())];
            round.entry(slot).or_default().push((index, run));
        }
    }
    round
}

fn slot_of_check(check: &Check) -> u16 {
    slot_of(StoredKey::new(&check.key).as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::num::NonZeroU64;
    use std::time::Duration;

    use bytes::Bytes;
    use parking_lot::Mutex;

    use super::*;
    use crate::check::Limit;

    fn list(keys: &[&str]) -> CheckList {
        let limit = Limit {
            calls: NonZeroU64::MIN,
            renewal_period: Duration::from_secs(1),
        };
        let check = |key: &&str| Check {
            limit_name: "test".into(),
            key: Bytes::copy_from_slice(key.as_bytes()),
            limit,
            cost: 1,
        };
        keys.iter().map(check).collect()
    }

    /// Refuses keys that begin with `no`.
    fn outcome(run: &[Check]) -> Outcome {
        let mut decisions = Vec::new();
        for check in run {
            let allowed = !check.key.starts_with(b"no");
            let (retry_after, reset_after) = (Duration::ZERO, Duration::ZERO);
            decisions.push(Decision {
                allowed,
                limit: 1,
                remaining: 0,
                retry_after,
                reset_after,
                recheck_after: None,
            });
            if !allowed {
                break;
            }
        }
        Outcome {
            decisions,
            mode: Mode::Exact,
        }
    }

    async fn run(lists: &[CheckList]) -> (Vec<Vec<bool>>, Vec<String>) {
        let calls = Mutex::new(Vec::new());
        let answer = decide(lists, |slot, runs: Vec<&[Check]>| {
            assert!(
                runs.iter()
                    .copied()
                    .flatten()
                    .all(|check| slot_of_check(check) == slot)
            );
            let text = |run: &&[Check]| {
                run.iter()
                    .map(|check| String::from_utf8_lossy(&check.key).into_owned())
                    .collect::<Vec<_>>()
                    .join("+")
            };
            calls
                .lock()
                .push(runs.iter().map(text).collect::<Vec<_>>().join(" | "));
            let outcomes = runs.iter().map(|run| outcome(run)).collect();
            async move { Ok(outcomes) }
        });
        let outcomes = answer.await.unwrap();
        let allowed = outcomes
            .iter()
            .map(|o| {
                o.decisions
                    .iter()
                    .map(|decision| decision.allowed)
                    .collect()
            })
            .collect();
        (allowed, calls.into_inner())
    }

    #[tokio::test]
    async fn checks_of_one_slot_are_one_call() {
        let lists = [list(&["{t}1", "{t}2"]), list(&["{t}3"]), list(&[])];
        let (allowed, calls) = run(&lists).await;
        assert_eq!(allowed, [vec![true, true], vec![true], vec![]]);
        assert_eq!(calls, ["{t}1+{t}2 | {t}3"]);
    }

    #[tokio::test]
    async fn a_refusal_ends_its_list_and_no_other() {
        let lists = [
            list(&["a", "no b", "c"]),
            list(&["no a"]),
            list(&["d", "e"]),
        ];
        let (allowed, calls) = run(&lists).await;
        assert_eq!(allowed, [vec![true, false], vec![false], vec![true, true]]);
        assert_eq!(calls.len(), 5, "{calls:?}");
        assert!(!calls.iter().any(|call| call.contains('c')), "{calls:?}");
    }

    #[tokio::test]
    async fn an_error_is_the_answer() {
        let answer = decide(&[list(&["a"])], |_, _| async { Err(StoreError::Full) }).await;
        assert!(matches!(answer, Err(StoreError::Full)));
    }
}
