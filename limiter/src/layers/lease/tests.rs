#![allow(clippy::unwrap_used)]
use super::*;
use crate::scripted::{Behaviour, ScriptedStore, ask, check, cost, decide, limit};

/// Far more calls than a test makes; a span of 62.5 ms.
fn wide() -> crate::check::Limit {
    limit(100_000, 64)
}

fn leased() -> (Leased<ScriptedStore>, ScriptedStore) {
    let store = ScriptedStore::new();
    (
        Leased::new(store.clone(), 10_000, LeaseMetrics::default()),
        store,
    )
}

/// Lets tasks that need no time run.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

/// A layer that holds a lease of `k`.
async fn holding() -> (Leased<ScriptedStore>, ScriptedStore) {
    let (layer, store) = leased();
    for _ in 0..64 {
        assert!(decide(&layer, check("k", wide())).await.allowed);
    }
    settle().await;
    assert_eq!((store.calls(), store.leases()), (64, 1));
    (layer, store)
}

#[tokio::test(start_paused = true)]
async fn a_hot_key_is_decided_from_memory() {
    let (layer, store) = holding().await;
    for _ in 0..1_000 {
        let decision = decide(&layer, check("k", wide())).await;
        assert_eq!((decision.allowed, decision.limit), (true, 100_000));
        settle().await;
    }
    assert_eq!(store.calls(), 64, "no call was asked for");
    assert!(
        (2..12).contains(&store.leases()),
        "{} leases",
        store.leases()
    );
    let metrics = &layer.keys.metrics;
    assert_eq!(metrics.used.get(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_given_back_and_nothing_is_used_after_its_time() {
    let (layer, store) = holding().await;
    for _ in 0..10 {
        decide(&layer, check("k", wide())).await;
    }
    // 80 were taken; the span of 62.5 ms is used to 15/16.
    store.advance(Duration::from_micros(58_593)).await;
    assert!(decide(&layer, check("k", wide())).await.allowed);
    assert_eq!(store.calls(), 64);
    store.behave(Behaviour::Hang); // no other lease
    store.advance(Duration::from_millis(1)).await;
    store.behave(Behaviour::Answer);
    settle().await;
    assert_eq!(store.given_back(), 69);
    let remaining = decide(&store, cost("k", wide(), 0)).await.remaining;
    assert_eq!(remaining, 100_000 - 64 - 11, "exactly what was made counts");
    assert!(decide(&layer, check("k", wide())).await.allowed);
    assert_eq!(store.calls(), 66, "the store decides again");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_after_its_span_is_given_back_unused() {
    let (layer, store) = leased();
    for _ in 0..63 {
        decide(&layer, check("k", wide())).await;
    }
    let late = {
        store.behave(Behaviour::Hold);
        let check = decide(&layer, check("k", wide()));
        let release = async {
            settle().await;
            store.advance(Duration::from_millis(63)).await;
            store.behave(Behaviour::Answer);
        };
        tokio::join!(check, release).0
    };
    assert!(late.allowed);
    settle().await;
    assert_eq!((store.leases(), store.given_back()), (1, 80));
    assert_eq!(
        decide(&store, cost("k", wide(), 0)).await.remaining,
        100_000 - 64
    );
}

#[tokio::test(start_paused = true)]
async fn cold_keys_small_limits_and_short_periods_are_not_leased() {
    let (layer, store) = leased();
    for call in 0..300 {
        decide(&layer, check("small", limit(10_000, 64))).await;
        decide(&layer, check("short", limit(100_000, 9))).await;
        if call % 10 == 0 {
            decide(&layer, check("cold", wide())).await;
            store.advance(Duration::from_millis(20)).await;
        }
    }
    settle().await;
    assert_eq!((store.calls(), store.leases()), (630, 0));
}

#[tokio::test(start_paused = true)]
async fn in_a_list_the_order_and_the_first_refusal_count_as_ever() {
    let (layer, store) = holding().await;
    let narrow = limit(1, 60);
    let list = || vec![check("a", narrow), check("k", wide()), check("b", narrow)];
    assert_eq!(
        ask(&layer, list())
            .await
            .decisions
            .iter()
            .map(|d| d.allowed)
            .collect::<Vec<_>>(),
        [true; 3]
    );
    let used = layer.keys.metrics.used.get();
    // Refused before: what was held is not used. Refused after: it is.
    let refused = ask(&layer, list()).await;
    assert_eq!(
        (
            refused.decisions.len(),
            refused.allowed(),
            layer.keys.metrics.used.get()
        ),
        (1, false, used)
    );
    let refused = ask(&layer, vec![check("k", wide()), check("b", narrow)]).await;
    assert_eq!(
        (
            refused.decisions.len(),
            refused.allowed(),
            layer.keys.metrics.used.get()
        ),
        (2, false, used + 1)
    );
    assert!(refused.decisions[0].allowed);
    let both = ask(&layer, vec![check("k", wide()), check("k", wide())]).await;
    assert_eq!((both.decisions.len(), both.mode), (2, Mode::Exact));
    assert_eq!(store.calls(), 67, "nothing was asked for that is held");
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_list_reserved_goes_back() {
    let (layer, store) = holding().await;
    store.behave(Behaviour::Fail);
    let lists = [vec![check("k", wide()), check("a", limit(1, 60))]];
    layer.check(&lists).await.unwrap_err();
    assert!(
        decide(&layer, check("k", wide())).await.allowed,
        "what is held needs no store"
    );
    store.behave(Behaviour::Hang);
    tokio::select! {
        biased;
        _ = layer.check(&lists) => unreachable!("the store hangs"),
        () = settle() => {}
    }
    store.behave(Behaviour::Answer);
    store.advance(Duration::from_millis(63)).await;
    settle().await;
    assert_eq!(store.given_back(), 79);
}

#[tokio::test(start_paused = true)]
async fn peeks_see_what_is_held_and_charge_nothing() {
    let (layer, store) = holding().await;
    for _ in 0..5 {
        assert!(decide(&layer, cost("k", wide(), 0)).await.allowed);
    }
    assert_eq!(store.calls(), 64);
    store.advance(Duration::from_millis(63)).await;
    settle().await;
    assert_eq!(store.given_back(), 80);
}

#[tokio::test(start_paused = true)]
async fn a_reset_ends_what_is_held() {
    let (layer, store) = holding().await;
    assert!(layer.reset("k".into()).await.unwrap());
    let decision = decide(&layer, check("k", wide())).await;
    assert_eq!((decision.remaining, store.calls()), (99_999, 65));
    settle().await;
    store.advance(Duration::from_millis(63)).await;
    settle().await;
    assert_eq!(
        (store.leases(), store.given_back()),
        (2, 81),
        "only what was leased since"
    );
    assert_eq!(decide(&store, cost("k", wide(), 0)).await.remaining, 99_999);
}

#[tokio::test(start_paused = true)]
async fn a_key_without_room_is_asked_for_a_lease_once_a_span() {
    let (layer, store) = leased();
    decide(&store, cost("k", wide(), 100_000)).await;
    for _ in 0..1_000 {
        assert!(!decide(&layer, check("k", wide())).await.allowed);
        settle().await;
    }
    assert_eq!(store.leases(), 1);
}
