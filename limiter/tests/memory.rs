//! The memory store's bounds, and its behaviour under threads.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use weir_limiter::parts::{Admin as _, Decide as _, ManualClock, MemoryStore};
use weir_limiter::{Check, Decision, Limit, MemoryConfig};

const MINUTE: Duration = Duration::from_secs(60);

fn store(config: &MemoryConfig) -> (MemoryStore<ManualClock>, ManualClock) {
    let clock = ManualClock::at_micros(1_000_000);
    (MemoryStore::with_clock(config, clock.clone()), clock)
}

fn check(key: impl ToString, calls: u64, period: Duration) -> Check {
    let limit = Limit {
        calls: NonZeroU64::new(calls).unwrap(),
        renewal_period: period,
    };
    Check {
        limit_name: "test".into(),
        key: key.to_string().into(),
        limit,
        cost: 1,
    }
}

async fn one(store: &MemoryStore<ManualClock>, check: Check) -> Decision {
    store.check(&[vec![check]]).await.unwrap()[0].decisions[0]
}

#[tokio::test]
async fn a_flood_of_fresh_keys_pushes_out_nobody() {
    let (store, clock) = store(&MemoryConfig {
        max_keys: 100,
        ..MemoryConfig::default()
    });
    for key in 0..100 {
        assert!(one(&store, check(key, 1, MINUTE)).await.allowed);
        clock.advance(Duration::from_millis(1));
    }
    for key in 100..10_000 {
        let refused = one(&store, check(key, 1, MINUTE)).await;
        assert!(!refused.allowed);
        assert_eq!(
            refused.retry_after,
            MINUTE - Duration::from_millis(100),
            "when the oldest key is forgotten"
        );
    }
    for key in 0..100 {
        assert!(
            !one(&store, check(key, 1, MINUTE)).await.allowed,
            "key {key} was forgotten"
        );
    }
    assert_eq!(store.len(), 100);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever the flood's keys cost and however soon they expire, over one shard or several.
    #[test]
    fn a_key_at_its_limit_stays_refused_in_a_flood_of_ten_times_what_fits(
        capacity in 8_usize..3_000,
        calls in 1_u64..20,
        flood_period_ms in 1_u64..60_000,
        step_micros in 0_u64..100,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let config = MemoryConfig { max_keys: capacity, ..MemoryConfig::default() };
            let (store, clock) = store(&config);
            let hour = Duration::from_secs(3600);
            for victim in 0..4 {
                let all = Check { cost: calls, ..check(format!("victim {victim}"), calls, hour) };
                assert!(one(&store, all).await.allowed);
            }
            for n in 0..10 * capacity {
                clock.advance(Duration::from_micros(step_micros));
                let period = Duration::from_millis(flood_period_ms);
                let fresh = check(format!("flood {n}"), 1 + n as u64 % 3, period);
                one(&store, fresh).await;
                let victim = one(&store, check(format!("victim {}", n % 4), calls, hour)).await;
                assert!(!victim.allowed, "forgotten after {n} fresh keys");
            }
            let keys = store.len();
            assert!(keys <= capacity.next_multiple_of(64), "{keys} keys of {capacity}");
            if step_micros == 0 {
                let counted = store.full_refusals().get();
                assert!(counted >= 9 * capacity as u64 - 64, "the flood was refused, and counted");
            }
        });
    }
}

#[tokio::test]
async fn the_place_of_an_expired_key_is_taken_by_a_fresh_one() {
    let (store, clock) = store(&MemoryConfig {
        max_keys: 2,
        ..MemoryConfig::default()
    });
    one(&store, check("short", 2, Duration::from_secs(1))).await;
    one(&store, check("long", 1, MINUTE)).await;
    clock.advance(Duration::from_millis(900));
    one(&store, check("short", 2, Duration::from_secs(1))).await;
    clock.advance(Duration::from_millis(900));
    // The key's first end has passed, but it was used again.
    assert!(!one(&store, check("fresh", 1, MINUTE)).await.allowed);
    clock.advance(Duration::from_millis(100));
    assert!(one(&store, check("fresh", 1, MINUTE)).await.allowed);
    assert!(!one(&store, check("long", 1, MINUTE)).await.allowed);
}

#[tokio::test]
async fn a_reset_frees_a_place_at_once_and_leaves_nothing_behind() {
    let (store, _) = store(&MemoryConfig {
        max_keys: 1,
        ..MemoryConfig::default()
    });
    for key in 0..1000 {
        assert!(one(&store, check(key, 1, MINUTE)).await.allowed);
        assert!(store.reset(key.to_string().into()).await.unwrap());
        assert!(store.is_empty());
    }
}

#[tokio::test]
async fn expired_keys_do_not_pile_up() {
    let (store, clock) = store(&MemoryConfig {
        max_keys: 1000,
        ..MemoryConfig::default()
    });
    for key in 0..20_000 {
        assert!(
            one(&store, check(key, 15, Duration::from_millis(100)))
                .await
                .allowed
        );
        clock.advance(Duration::from_millis(1));
    }
    assert!(
        store.len() <= 110,
        "{} keys are kept, 100 of them count",
        store.len()
    );
}

#[tokio::test]
async fn peeks_and_refusals_take_no_place() {
    let (store, _) = store(&MemoryConfig {
        max_keys: 1,
        ..MemoryConfig::default()
    });
    for key in 0..10 {
        assert!(
            one(
                &store,
                Check {
                    cost: 0,
                    ..check(key, 1, MINUTE)
                }
            )
            .await
            .allowed
        );
        assert!(
            !one(
                &store,
                Check {
                    cost: 2,
                    ..check(key, 1, MINUTE)
                }
            )
            .await
            .allowed
        );
    }
    assert!(store.is_empty());
}

#[tokio::test]
async fn bytes_are_bounded_and_no_key_forgets_for_the_lack_of_them() {
    let (store, clock) = store(&MemoryConfig {
        max_keys: 1000,
        max_bytes: 20_000,
    });
    let mut admitted = vec![0_u64; 50];
    for _ in 0..1000 {
        for (key, admitted) in admitted.iter_mut().enumerate() {
            *admitted += u64::from(one(&store, check(key, 1000, MINUTE)).await.allowed);
        }
    }
    let total: u64 = admitted.iter().sum();
    assert!(
        total * 8 < 20_000 + 8 * 1000,
        "{total} admissions are remembered"
    );
    assert!(total * 8 > 5_000, "only {total} admissions fit");
    // What was admitted is still counted, and when it has left there are bytes again.
    clock.advance(MINUTE - Duration::from_micros(1));
    for (key, admitted) in admitted.iter().enumerate() {
        let peek = one(
            &store,
            Check {
                cost: 0,
                ..check(key, 1000, MINUTE)
            },
        )
        .await;
        assert_eq!(peek.remaining, 1000 - admitted);
    }
    clock.advance(MINUTE);
    assert!(one(&store, check("fresh", 1000, MINUTE)).await.allowed);
}

#[tokio::test]
async fn the_bytes_of_expired_keys_are_there_for_a_key_that_grows() {
    let (store, clock) = store(&MemoryConfig {
        max_keys: 1000,
        max_bytes: 20_000,
    });
    assert!(one(&store, check("long", 1000, MINUTE)).await.allowed);
    let mut keys = 0;
    while one(&store, check(keys, 1, Duration::from_secs(1)))
        .await
        .allowed
    {
        keys += 1;
    }
    assert!(keys < 999, "bytes, not places, ran out");
    clock.advance(Duration::from_secs(1));
    for call in 1..500 {
        assert!(
            one(&store, check("long", 1000, MINUTE)).await.allowed,
            "call {call}: no fresh key has come since"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lists_are_atomic_and_never_wait_for_each_other_in_a_circle() {
    let store = std::sync::Arc::new(MemoryStore::new(&MemoryConfig::default()));
    let (admitted, tried) = (std::sync::Arc::new(AtomicU64::new(0)), 2000_u64);
    let tasks: Vec<_> = (0..4_u64)
        .map(|task| {
            let (store, admitted) = (store.clone(), admitted.clone());
            tokio::spawn(async move {
                for round in 0..tried {
                    // Both keys of a round have one call: whoever gets the first must also get the
                    // second.
                    let mut list = vec![
                        check(format!("{round} a"), 1, MINUTE),
                        check(format!("{round} b"), 1, MINUTE),
                    ];
                    if task % 2 == 1 {
                        list.reverse();
                    }
                    let outcome = store.check(&[list]).await.unwrap().remove(0);
                    admitted.fetch_add(u64::from(outcome.allowed()), Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(admitted.load(Ordering::Relaxed), tried);
}
