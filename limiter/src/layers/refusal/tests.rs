#![allow(clippy::unwrap_used)]
mod random;

use super::*;
use crate::scripted::{Behaviour, ScriptedStore, ask, check, cost, decide, limit};

fn cached() -> (RefusalCache<ScriptedStore>, ScriptedStore) {
    let store = ScriptedStore::new();
    (
        RefusalCache::new(store.clone(), 1_000, Counter::default()),
        store,
    )
}

/// A cache whose key `k` is refused under 2 calls per 10 s, with its waits starting now.
async fn exhausted() -> (RefusalCache<ScriptedStore>, ScriptedStore) {
    let (cache, store) = cached();
    for allowed in [true, true, false] {
        assert_eq!(
            decide(&cache, check("k", limit(2, 10))).await.allowed,
            allowed
        );
    }
    assert_eq!(store.calls(), 3);
    (cache, store)
}

#[tokio::test(start_paused = true)]
async fn a_known_refusal_is_not_asked_for_and_its_wait_counts_down() {
    let (cache, store) = exhausted().await;
    for passed in 0..10 {
        let refused = decide(&cache, check("k", limit(2, 10))).await;
        assert!(!refused.allowed);
        assert_eq!((refused.limit, refused.remaining), (2, 0));
        assert_eq!(refused.retry_after, Duration::from_secs(10 - passed));
        assert_eq!(refused.reset_after, Duration::from_secs(10 - passed));
        store.advance(Duration::from_secs(1)).await;
    }
    assert_eq!(store.calls(), 3);
    assert_eq!(cache.hits.get(), 10);
    assert!(
        decide(&cache, check("k", limit(2, 10))).await.allowed,
        "the wait has ended"
    );
    assert_eq!(store.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_peek_is_refused_from_memory_too() {
    let (cache, store) = exhausted().await;
    assert!(!decide(&cache, cost("k", limit(2, 10), 0)).await.allowed);
    assert_eq!(store.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_refused_peek_refuses_calls() {
    let (cache, store) = cached();
    decide(&cache, cost("k", limit(2, 10), 2)).await;
    assert!(!decide(&cache, cost("k", limit(2, 10), 0)).await.allowed);
    assert!(!decide(&cache, check("k", limit(2, 10))).await.allowed);
    assert_eq!(store.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_smaller_cost_asks_and_a_dearer_one_does_not() {
    let (cache, store) = cached();
    decide(&cache, cost("k", limit(10, 10), 7)).await;
    assert!(!decide(&cache, cost("k", limit(10, 10), 5)).await.allowed);
    assert!(!decide(&cache, cost("k", limit(10, 10), 6)).await.allowed);
    assert_eq!(store.calls(), 2);
    assert!(
        decide(&cache, cost("k", limit(10, 10), 3)).await.allowed,
        "three are left"
    );
    assert_eq!(store.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_cheapest_refusal_wins_whatever_its_order() {
    let (cache, store) = cached();
    decide(&cache, cost("k", limit(10, 10), 8)).await;
    assert!(!decide(&cache, cost("k", limit(10, 10), 5)).await.allowed);
    assert!(!decide(&cache, cost("k", limit(10, 10), 3)).await.allowed);
    assert_eq!(store.calls(), 3);
    assert!(!decide(&cache, cost("k", limit(10, 10), 4)).await.allowed);
    assert_eq!(store.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_raised_limit_or_a_shorter_period_asks() {
    let (cache, store) = exhausted().await;
    store.advance(Duration::from_secs(5)).await;
    assert!(
        decide(&cache, check("k", limit(2, 4))).await.allowed,
        "nothing was admitted in the last 4 s"
    );
    assert!(decide(&cache, check("k", limit(20, 10))).await.allowed);
    assert_eq!(store.calls(), 5);
    assert!(!decide(&cache, check("k", limit(2, 10))).await.allowed);
    assert_eq!(
        store.calls(),
        5,
        "the other limits' answers did not displace the refusal"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_with_more_limits_than_are_remembered_stays_bounded() {
    let (cache, store) = cached();
    decide(&cache, cost("k", limit(1, 100), 1)).await;
    for seconds in 100..200 {
        assert!(!decide(&cache, check("k", limit(1, seconds))).await.allowed);
    }
    assert_eq!(
        cache.known.get(&Bytes::from_static(b"k")).unwrap().len(),
        LIMITS_PER_KEY
    );
    let asked = store.calls();
    assert!(!decide(&cache, check("k", limit(1, 199))).await.allowed);
    assert_eq!(store.calls(), asked);
}

#[tokio::test(start_paused = true)]
async fn checks_before_a_known_refusal_are_still_charged() {
    let (cache, store) = exhausted().await;
    let list = || {
        vec![
            check("first", limit(3, 60)),
            check("k", limit(2, 10)),
            check("last", limit(1, 60)),
        ]
    };
    for remaining in [2, 1, 0] {
        let outcome = ask(&cache, list()).await;
        assert_eq!(outcome.decisions.len(), 2);
        assert!(outcome.decisions[0].allowed);
        assert_eq!(outcome.decisions[0].remaining, remaining);
        assert!(!outcome.decisions[1].allowed);
        assert_eq!(outcome.decisions[1].limit, 2);
    }
    let outcome = ask(&cache, list()).await;
    assert_eq!(
        outcome.decisions.len(),
        1,
        "now the first check refuses and ends the list"
    );
    assert_eq!(outcome.decisions[0].limit, 3);
    let asked = store.calls();
    assert_eq!(ask(&cache, list()).await.decisions.len(), 1);
    assert_eq!(store.calls(), asked, "and that is known too");
    assert!(
        decide(&cache, check("last", limit(1, 60))).await.allowed,
        "what stands after a refusal was not charged"
    );
}

#[tokio::test(start_paused = true)]
async fn known_and_unknown_lists_of_one_batch_keep_their_order() {
    let (cache, store) = exhausted().await;
    let refused = || vec![check("k", limit(2, 10))];
    let lists = vec![
        refused(),
        vec![check("a", limit(5, 60))],
        refused(),
        vec![check("b", limit(7, 60))],
        vec![],
    ];
    let outcomes = cache.check(&lists).await.unwrap();
    let limits: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.decisions.first().map(|decision| decision.limit))
        .collect();
    assert_eq!(limits, [Some(2), Some(5), Some(2), Some(7), None]);
    assert_eq!(store.lists_per_call().last(), Some(&3));
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_seen_at_once() {
    let (cache, _store) = exhausted().await;
    assert!(cache.reset(Bytes::from_static(b"k")).await.unwrap());
    assert!(decide(&cache, check("k", limit(2, 10))).await.allowed);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_under_way_during_a_reset_is_not_remembered() {
    let (cache, store) = exhausted().await;
    store.advance(Duration::from_secs(10)).await;
    for _ in 0..2 {
        decide(&cache, check("k", limit(2, 10))).await;
    }
    let cache = Arc::new(cache);
    store.behave(Behaviour::Hold);
    let asking = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { decide(&*cache, check("k", limit(2, 10))).await }
    });
    tokio::task::yield_now().await;
    // The reset overtakes the answer of a check that was refused before it.
    let resetting = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { cache.reset(Bytes::from_static(b"k")).await }
    });
    tokio::task::yield_now().await;
    resetting.abort();
    let _ = resetting.await;
    store.behave(Behaviour::Answer);
    assert!(!asking.await.unwrap().allowed);
    assert!(decide(&*cache, check("k", limit(2, 10))).await.allowed);
}

#[tokio::test(start_paused = true)]
async fn a_reset_that_failed_forgets_all_the_same() {
    let (cache, store) = exhausted().await;
    store.behave(Behaviour::Fail);
    cache.reset(Bytes::from_static(b"k")).await.unwrap_err();
    store.behave(Behaviour::Answer);
    let asked = store.calls();
    assert!(!decide(&cache, check("k", limit(2, 10))).await.allowed);
    assert_eq!(store.calls(), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_degraded_mode_refused_is_not_remembered() {
    let (cache, store) = cached();
    *store.mode.lock() = Mode::Local;
    decide(&cache, check("k", limit(1, 10))).await;
    for _ in 0..3 {
        assert!(!decide(&cache, check("k", limit(1, 10))).await.allowed);
    }
    assert_eq!(store.calls(), 4);
    assert!(cache.known.is_empty());
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded() {
    let store = ScriptedStore::new();
    let cache = RefusalCache::new(store.clone(), 64, Counter::default());
    for number in 0..1_000 {
        let mut check = check("", limit(1, 10));
        check.key = Bytes::from(format!("key-{number}"));
        for _ in 0..2 {
            decide(&cache, check.clone()).await;
        }
    }
    assert!(
        (1..=64).contains(&cache.known.len()),
        "{}",
        cache.known.len()
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_counted_from_before_the_question_left() {
    let (cache, store) = cached();
    decide(&cache, check("k", limit(1, 10))).await;
    let cache = Arc::new(cache);
    store.behave(Behaviour::Hold);
    let asking = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { decide(&*cache, check("k", limit(1, 10))).await }
    });
    tokio::task::yield_now().await;
    store.advance(Duration::from_secs(3)).await;
    store.behave(Behaviour::Answer);
    assert_eq!(
        asking.await.unwrap().retry_after,
        Duration::from_secs(10),
        "as the store decided"
    );
    assert_eq!(
        decide(&*cache, check("k", limit(1, 10))).await.retry_after,
        Duration::from_secs(7)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_a_lease_may_end_is_remembered_for_a_span_and_says_so() {
    let store = ScriptedStore::new();
    let cache =
        RefusalCache::new(store.clone(), 1_000, Counter::default()).with_leases_above(10_000);
    let wide = limit(20_000, 64);
    decide(&cache, cost("k", wide, 20_000)).await;
    let span = Duration::from_micros(62_500);
    let refused = decide(&cache, check("k", wide)).await;
    assert_eq!(
        (refused.retry_after, refused.recheck_after),
        (Duration::from_secs(64), Some(span))
    );
    store.advance(Duration::from_micros(60_000)).await;
    let known = decide(&cache, check("k", wide)).await;
    assert_eq!(
        (store.calls(), known.recheck_after),
        (2, Some(Duration::from_micros(2_500)))
    );
    store.advance(Duration::from_micros(2_500)).await;
    decide(&cache, check("k", wide)).await;
    assert_eq!(store.calls(), 3, "the store is asked again");

    // A cache before this one holds to what it says.
    let before = RefusalCache::new(cache, 1_000, Counter::default());
    assert!(
        decide(&before, check("k", wide))
            .await
            .recheck_after
            .is_some()
    );
    store.advance(span).await;
    decide(&before, check("k", wide)).await;
    assert_eq!(store.calls(), 4);
    // Limits that are not leased are remembered as ever.
    let small = limit(2, 64);
    decide(&before, cost("s", small, 2)).await;
    assert_eq!(decide(&before, check("s", small)).await.recheck_after, None);
    store.advance(span * 2).await;
    assert_eq!(
        (
            decide(&before, check("s", small)).await.recheck_after,
            store.calls()
        ),
        (None, 6)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refund_is_seen_at_once_here_and_elsewhere_with_the_wait_or_a_refund_of_nothing() {
    let (here, store) = exhausted().await;
    let elsewhere = RefusalCache::new(store.clone(), 1_000, Counter::default());
    let told = RefusalCache::new(store.clone(), 1_000, Counter::default());
    let refund = |cost| Refund {
        key: "k".into(),
        cost,
        admitted: crate::store::Admitted::Last,
    };
    for cache in [&elsewhere, &told] {
        assert!(!decide(cache, check("k", limit(2, 10))).await.allowed);
    }
    assert_eq!(here.refund(refund(1)).await.unwrap(), 1);
    assert_eq!(told.refund(refund(0)).await.unwrap(), 0);
    assert!(
        !decide(&elsewhere, check("k", limit(2, 10))).await.allowed,
        "it holds to the wait it knows"
    );
    assert!(decide(&here, cost("k", limit(2, 10), 0)).await.allowed);
    assert!(decide(&told, cost("k", limit(2, 10), 0)).await.allowed);
    store.advance(Duration::from_secs(10)).await;
    assert!(
        decide(&elsewhere, check("k", limit(2, 10))).await.allowed,
        "not a moment longer"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_on_its_way_when_a_refund_comes_is_not_remembered() {
    let (cache, store) = cached();
    decide(&store, cost("k", limit(2, 10), 2)).await;
    store.behave(Behaviour::Hold);
    let refund = Refund {
        key: "k".into(),
        cost: 1,
        admitted: crate::store::Admitted::Last,
    };
    let refunded = async {
        tokio::task::yield_now().await;
        store.behave(Behaviour::Answer);
        cache.refund(refund).await.unwrap()
    };
    let (refused, refunded) = tokio::join!(decide(&cache, check("k", limit(2, 10))), refunded);
    assert_eq!((refused.allowed, refunded), (false, 1));
    assert!(decide(&cache, check("k", limit(2, 10))).await.allowed);
}
