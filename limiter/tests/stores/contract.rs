//! Behaviours that every store has.

use std::time::Duration;

use bytes::Bytes;
use weir_limiter::parts::Store;
use weir_limiter::window::Terms;

use crate::fixture::{Fixture, MINUTE, check, limit, memory, redis};
use crate::schedule::START;

/// Runs every behaviour against every store.
macro_rules! contract {
    ($($behaviour:ident),* $(,)?) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour(super::memory()).await;
            })*
        }
        mod in_redis {
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour(super::redis()).await;
            })*
        }
    };
}

contract! {
    the_sixteenth_call_waits_for_the_first,
    a_list_stops_at_its_first_refusal,
    lists_are_independent_and_answered_in_order,
    a_key_twice_in_a_list_is_charged_twice,
    nothing_to_check_is_no_work,
    a_peek_charges_nothing_and_tells_the_truth,
    a_peek_that_is_refused_stops_the_list,
    a_cost_above_the_limit_never_fits,
    enormous_numbers_are_harmless,
    equal_keys_share_a_counter_whatever_their_limits,
    keys_are_apart_whatever_is_in_them,
    a_reset_frees_everything,
    a_period_after_the_last_call_a_key_is_as_new,
    a_clock_set_back_stands_still,
    a_counter_is_read_back_without_its_limit,
}

async fn the_sixteenth_call_waits_for_the_first<S: Store>(f: Fixture<S>) {
    let limit = limit(15, MINUTE);
    for call in 0..15 {
        let decision = f.one(check("alice", limit, 1)).await;
        assert_eq!(
            (decision.allowed, decision.limit, decision.remaining),
            (true, 15, 14 - call)
        );
        assert_eq!(
            (decision.retry_after, decision.reset_after),
            (Duration::ZERO, MINUTE)
        );
        f.clock.advance(Duration::from_secs(1));
    }
    let refused = f.one(check("alice", limit, 1)).await;
    assert_eq!((refused.allowed, refused.remaining), (false, 0));
    assert_eq!(
        (refused.retry_after, refused.reset_after),
        (Duration::from_secs(45), Duration::from_secs(59))
    );

    f.clock
        .advance(refused.retry_after - Duration::from_micros(1));
    assert!(!f.one(check("alice", limit, 1)).await.allowed);
    f.clock.advance(Duration::from_micros(1));
    assert!(f.one(check("alice", limit, 1)).await.allowed);
    assert!(!f.one(check("alice", limit, 1)).await.allowed);
}

async fn a_list_stops_at_its_first_refusal<S: Store>(f: Fixture<S>) {
    let (wide, narrow) = (limit(10, MINUTE), limit(1, MINUTE));
    let list = || {
        vec![
            check("a", wide, 1),
            check("b", narrow, 1),
            check("c", wide, 1),
        ]
    };
    assert_eq!(f.list(list()).await.len(), 3);
    let decisions = f.list(list()).await;
    assert_eq!(
        decisions.iter().map(|d| d.allowed).collect::<Vec<_>>(),
        [true, false]
    );
    // What stood before the refusal stays charged, what stood after it was not.
    assert_eq!(f.one(check("a", wide, 0)).await.remaining, 8);
    assert_eq!(f.one(check("c", wide, 0)).await.remaining, 9);
}

async fn lists_are_independent_and_answered_in_order<S: Store>(f: Fixture<S>) {
    let narrow = limit(1, MINUTE);
    let list = |key: &str| {
        vec![
            check(key, narrow, 1),
            check(&format!("{key} too"), narrow, 1),
        ]
    };
    let lists = vec![
        list("a"),
        list("a"),
        vec![],
        list("b"),
        vec![check("a", narrow, 1), check("c", narrow, 1)],
    ];
    let outcomes = f.store.check(&lists).await.unwrap();
    let allowed: Vec<_> = outcomes
        .iter()
        .map(weir_limiter::Outcome::allowed)
        .collect();
    assert_eq!(allowed, [true, false, true, true, false]);
    assert_eq!(
        outcomes
            .iter()
            .map(|o| o.decisions.len())
            .collect::<Vec<_>>(),
        [2, 1, 0, 2, 1]
    );

    // More than one round trip carries at once.
    let many = (0..500).map(|n| {
        vec![
            check(&format!("many {n}"), narrow, 1),
            check("shared", limit(700, MINUTE), 2),
        ]
    });
    let many: Vec<_> = many.collect();
    let outcomes = f.store.check(&many).await.unwrap();
    let admitted = outcomes.iter().filter(|outcome| outcome.allowed()).count();
    assert_eq!((outcomes.len(), admitted), (500, 350));
}

async fn a_key_twice_in_a_list_is_charged_twice<S: Store>(f: Fixture<S>) {
    let limit = limit(3, MINUTE);
    let decisions = f
        .list(vec![
            check("a", limit, 1),
            check("a", limit, 1),
            check("a", limit, 2),
        ])
        .await;
    assert_eq!(
        decisions.iter().map(|d| d.remaining).collect::<Vec<_>>(),
        [2, 1, 1]
    );
    assert!(!decisions[2].allowed);
}

async fn nothing_to_check_is_no_work<S: Store>(f: Fixture<S>) {
    assert!(f.store.check(&[]).await.unwrap().is_empty());
    assert!(f.store.check(&[vec![]]).await.unwrap()[0].allowed());
}

async fn a_peek_charges_nothing_and_tells_the_truth<S: Store>(f: Fixture<S>) {
    let limit = limit(2, MINUTE);
    for _ in 0..5 {
        let peek = f.one(check("a", limit, 0)).await;
        assert_eq!(
            (peek.allowed, peek.remaining, peek.reset_after),
            (true, 2, Duration::ZERO)
        );
    }
    f.one(check("a", limit, 2)).await;
    f.clock.advance(Duration::from_secs(20));
    let peek = f.one(check("a", limit, 0)).await;
    assert_eq!((peek.allowed, peek.remaining), (false, 0));
    assert_eq!(peek.retry_after, Duration::from_secs(40));
}

async fn a_peek_that_is_refused_stops_the_list<S: Store>(f: Fixture<S>) {
    let limit = limit(1, MINUTE);
    f.one(check("a", limit, 1)).await;
    assert_eq!(
        f.list(vec![check("a", limit, 0), check("b", limit, 1)])
            .await
            .len(),
        1
    );
    assert!(f.one(check("b", limit, 0)).await.allowed);
}

async fn a_cost_above_the_limit_never_fits<S: Store>(f: Fixture<S>) {
    let limit = limit(5, MINUTE);
    let never = f.one(check("a", limit, 6)).await;
    assert_eq!(
        (never.allowed, never.remaining, never.retry_after),
        (false, 5, Duration::ZERO)
    );
    f.one(check("a", limit, 1)).await;
    let never = f.one(check("a", limit, 6)).await;
    assert_eq!(
        (never.allowed, never.remaining, never.retry_after),
        (false, 4, never.reset_after)
    );
    assert_eq!(never.reset_after, MINUTE);
}

async fn enormous_numbers_are_harmless<S: Store>(f: Fixture<S>) {
    let vast = limit(u64::MAX, Duration::MAX);
    assert!(!f.one(check("a", vast, u64::MAX)).await.allowed);
    let first = f.one(check("a", vast, 1 << 39)).await;
    assert_eq!((first.allowed, first.limit), (true, u64::MAX));
    assert!(!f.one(check("a", vast, 1 << 39)).await.allowed);
    // A period of nothing is a period of one microsecond.
    assert!(f.one(check("b", limit(1, Duration::ZERO), 1)).await.allowed);
    assert!(
        !f.one(check("b", limit(1, Duration::from_nanos(1)), 1))
            .await
            .allowed
    );
    f.clock.advance(Duration::from_micros(1));
    assert!(f.one(check("b", limit(1, Duration::ZERO), 1)).await.allowed);
}

async fn equal_keys_share_a_counter_whatever_their_limits<S: Store>(f: Fixture<S>) {
    let (small, large) = (limit(2, Duration::from_secs(1)), limit(4, MINUTE));
    for _ in 0..2 {
        assert!(f.one(check("a", large, 1)).await.allowed);
        assert!(f.one(check("a", small, 1)).await.allowed);
        f.clock.advance(Duration::from_secs(2));
    }
    // The small limit needs two admissions for a second; the large one still knows of four.
    assert!(!f.one(check("a", large, 1)).await.allowed);
    assert!(f.one(check("a", small, 1)).await.allowed);
}

async fn keys_are_apart_whatever_is_in_them<S: Store>(f: Fixture<S>) {
    let limit = limit(1, MINUTE);
    let long = "x".repeat(1024);
    for key in [
        "",
        "a",
        "a ",
        "A",
        "{a}",
        "\0",
        "weir:a",
        "ü",
        &long,
        &long[1..],
        &long[..65],
        &long[..64],
    ] {
        assert!(
            f.one(check(key, limit, 1)).await.allowed,
            "{key:?} shares a counter"
        );
        assert!(
            !f.one(check(key, limit, 1)).await.allowed,
            "{key:?} does not count"
        );
    }
}

async fn a_reset_frees_everything<S: Store>(f: Fixture<S>) {
    let limit = limit(1, MINUTE);
    assert!(!f.store.reset("a".into()).await.unwrap());
    f.one(check("a", limit, 1)).await;
    f.one(check("b", limit, 1)).await;
    assert!(f.store.reset("a".into()).await.unwrap());
    assert!(!f.store.reset("a".into()).await.unwrap());
    assert!(f.one(check("a", limit, 1)).await.allowed);
    assert!(!f.one(check("b", limit, 1)).await.allowed);
}

async fn a_period_after_the_last_call_a_key_is_as_new<S: Store>(f: Fixture<S>) {
    for calls in [1, 15, 1000, 5000] {
        let (key, limit) = (calls.to_string(), limit(calls, MINUTE));
        assert!(f.one(check(&key, limit, calls)).await.allowed);
        f.clock.advance(MINUTE);
        let peek = f.one(check(&key, limit, 0)).await;
        assert_eq!((peek.remaining, peek.reset_after), (calls, Duration::ZERO));
        assert!(f.one(check(&key, limit, calls)).await.allowed);
    }
}

async fn a_clock_set_back_stands_still<S: Store>(f: Fixture<S>) {
    let limit = limit(2, MINUTE);
    f.one(check("a", limit, 1)).await;
    f.clock.set_micros(START - 10_000_000);
    assert!(f.one(check("a", limit, 1)).await.allowed);
    let refused = f.one(check("a", limit, 1)).await;
    assert_eq!(
        (refused.allowed, refused.retry_after),
        (false, Duration::from_secs(70))
    );
    f.clock.advance(refused.retry_after);
    assert!(f.one(check("a", limit, 2)).await.allowed);
}

async fn a_counter_is_read_back_without_its_limit<S: Store>(f: Fixture<S>) {
    let inspect = async || {
        f.store
            .inspect(Bytes::from_static(b"a"))
            .await
            .unwrap()
            .snapshot
    };
    assert!(inspect().await.is_empty());
    for calls in [15, 40, 1000, 5000] {
        let limit = limit(calls, MINUTE);
        f.one(check("a", limit, calls - 2)).await;
        f.clock.advance(Duration::from_secs(20));
        f.one(check("a", limit, 1)).await;
        f.clock.advance(Duration::from_secs(10));
        let snapshot = inspect().await;
        assert_eq!(snapshot.largest(), Some(Terms::from(limit)));
        assert_eq!(snapshot.shortest_period(), Some(60_000_000));
        assert_eq!(snapshot.ages(), Some((30_000_000, 10_000_000)));
        assert_eq!(snapshot.is_slotted(), calls > 1000);
        let standing = snapshot.standing(Terms::from(limit));
        assert_eq!((standing.used, standing.remaining), (calls - 1, 1));
        assert_eq!(
            (standing.next_slot, standing.reset_after),
            (30_000_000, 50_000_000)
        );
        f.clock.advance(Duration::from_secs(50));
        assert!(
            inspect().await.is_empty(),
            "a period after the last call nothing is left"
        );
    }
}

#[tokio::test]
async fn a_redis_log_is_bounded_however_many_limits_and_slots() {
    let f = redis();
    let (short, long) = (
        limit(20_000, Duration::from_millis(50)),
        limit(100_000, Duration::from_secs(20)),
    );
    let mut connection = f.server.as_ref().unwrap().connection();
    let mut longest = 0;
    for step in 0..3000 {
        f.clock.advance(Duration::from_micros(997));
        assert!(
            f.one(check("a", if step % 2 == 0 { short } else { long }, 1))
                .await
                .allowed
        );
        longest = longest.max(
            ::redis::cmd("STRLEN")
                .arg("weir:a")
                .query(&mut connection)
                .unwrap(),
        );
    }
    assert!((5_000..10_000).contains(&longest), "{longest} bytes");
}
