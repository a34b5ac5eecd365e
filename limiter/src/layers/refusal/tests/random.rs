//! Random schedules, with the cache and without it: every answer is the same.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Ask(Vec<(usize, usize, u64)>),
    Wait(u64),
    Reset(usize),
}

const KEYS: [&str; 3] = ["a", "b", "c"];

/// What is held on each key. Periods of a key are equal: where they differ, the store forgets what
/// only a longer limit that has not admitted yet would count, and the cache holds to the wait that
/// was told.
fn limits(key: usize) -> [Limit; 2] {
    [
        [limit(2, 10), limit(3, 10)],
        [limit(3, 5), limit(1, 5)],
        [limit(5, 10), limit(1_500, 10)],
    ][key]
}

fn step() -> impl Strategy<Value = Step> {
    let asked = (0..KEYS.len(), 0..2_usize, 0..4_u64);
    prop_oneof![
        8 => prop::collection::vec(asked, 1..4).prop_map(Step::Ask),
        3 => (1..6_000_u64).prop_map(Step::Wait),
        1 => (0..KEYS.len()).prop_map(Step::Reset),
    ]
}

async fn compare(steps: Vec<Step>) {
    let (cache, behind) = cached();
    let plain = ScriptedStore::new();
    for step in steps {
        match step {
            Step::Ask(asked) => {
                let list: CheckList = asked
                    .iter()
                    .map(|&(key, of, paid)| cost(KEYS[key], limits(key)[of], paid))
                    .collect();
                let (with, without) = (ask(&cache, list.clone()).await, ask(&plain, list).await);
                let told = |outcome: &Outcome| -> Vec<_> {
                    outcome
                        .decisions
                        .iter()
                        .map(|decision| (decision.allowed, decision.limit))
                        .collect()
                };
                assert_eq!(told(&with), told(&without));
                for (with, without) in with.decisions.iter().zip(&without.decisions) {
                    assert!(
                        with.retry_after <= without.retry_after,
                        "{with:?} {without:?}"
                    );
                    assert!(
                        with.allowed
                            || !with.retry_after.is_zero()
                            || without.retry_after.is_zero()
                    );
                }
            }
            Step::Wait(millis) => {
                plain.clock.advance(Duration::from_millis(millis));
                behind.advance(Duration::from_millis(millis)).await;
            }
            Step::Reset(key) => {
                let key = || Bytes::from_static(KEYS[key].as_bytes());
                assert_eq!(
                    cache.reset(key()).await.unwrap(),
                    plain.reset(key()).await.unwrap()
                );
            }
        }
    }
    assert!(behind.calls() <= plain.calls());
}

proptest! {
    #[test]
    fn with_the_cache_the_same_is_decided_as_without(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(compare(steps));
    }
}
