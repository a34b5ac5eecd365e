#![allow(clippy::unwrap_used)]
mod failures;

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::*;
use crate::scripted::{Behaviour, ScriptedStore, ask, check, decide, limit};

fn config(round_trips: usize) -> BatchConfig {
    BatchConfig {
        round_trips: NonZeroUsize::new(round_trips).unwrap(),
        worth: 1,
        ..BatchConfig::default()
    }
}

fn batched(config: BatchConfig) -> (Arc<Batched<ScriptedStore>>, ScriptedStore) {
    let store = ScriptedStore::new();
    let sizes = Histogram::new([1.0]);
    (Arc::new(Batched::new(store.clone(), config, sizes)), store)
}

fn spawn_checks(batched: &Arc<Batched<ScriptedStore>>, callers: usize) -> JoinSet<bool> {
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let batched = Arc::clone(batched);
        tasks.spawn(async move { decide(&*batched, check("k", limit(5, 60))).await.allowed });
    }
    tasks
}

/// Lets every task run until it waits.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_store_is_asked_at_once() {
    let (batched, store) = batched(config(1));
    for _ in 0..3 {
        decide(&*batched, check("k", limit(5, 60))).await;
    }
    assert_eq!(store.lists_per_call(), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn checks_that_arrive_during_a_round_trip_leave_together_and_stay_exact() {
    let (batched, store) = batched(config(1));
    store.behave(Behaviour::Hold);
    let mut tasks = spawn_checks(&batched, 1);
    settle().await;
    let mut more = spawn_checks(&batched, 40);
    settle().await;
    assert_eq!(
        store.lists_per_call(),
        [1],
        "one round trip is under way, the others wait"
    );
    store.behave(Behaviour::Answer);
    let mut allowed = usize::from(tasks.join_next().await.unwrap().unwrap());
    while let Some(answer) = more.join_next().await {
        allowed += usize::from(answer.unwrap());
    }
    assert_eq!(store.lists_per_call(), [1, 40]);
    assert_eq!(allowed, 5);
}

#[tokio::test(start_paused = true)]
async fn round_trips_under_way_are_bounded() {
    let (batched, store) = batched(config(3));
    store.behave(Behaviour::Hold);
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let batched = Arc::clone(&batched);
        tasks.spawn(async move { decide(&*batched, check("k", limit(5, 60))).await.allowed });
        settle().await;
    }
    assert_eq!(store.lists_per_call(), [1, 1, 1]);
    store.behave(Behaviour::Answer);
    while let Some(answer) = tasks.join_next().await {
        answer.unwrap();
    }
    assert_eq!(store.lists_per_call(), [1, 1, 1, 7]);
}

#[tokio::test(start_paused = true)]
async fn another_round_trip_begins_when_enough_waits() {
    let (batched, store) = batched(BatchConfig {
        worth: 4,
        ..config(2)
    });
    store.behave(Behaviour::Hold);
    let mut tasks = spawn_checks(&batched, 1);
    settle().await;
    let mut few = spawn_checks(&batched, 3);
    settle().await;
    assert_eq!(store.lists_per_call(), [1], "three are not worth it");
    let mut fourth = spawn_checks(&batched, 1);
    settle().await;
    assert_eq!(store.lists_per_call(), [1, 4]);
    let mut later = spawn_checks(&batched, 9);
    settle().await;
    assert_eq!(
        store.lists_per_call(),
        [1, 4],
        "no more than two are under way"
    );
    store.behave(Behaviour::Answer);
    for tasks in [&mut tasks, &mut few, &mut fourth, &mut later] {
        while let Some(answer) = tasks.join_next().await {
            answer.unwrap();
        }
    }
    assert_eq!(store.lists_per_call(), [1, 4, 9]);
}

#[tokio::test(start_paused = true)]
async fn a_round_trip_that_takes_long_keeps_nobody_waiting_who_comes_then() {
    let (batched, store) = batched(BatchConfig {
        worth: 4,
        ..config(2)
    });
    store.behave(Behaviour::Hold);
    let _first = spawn_checks(&batched, 1);
    settle().await;
    let _second = spawn_checks(&batched, 1);
    settle().await;
    tokio::time::advance(Duration::from_millis(1)).await;
    settle().await;
    assert_eq!(store.lists_per_call(), [1]);
    let _third = spawn_checks(&batched, 1);
    settle().await;
    assert_eq!(store.lists_per_call(), [1, 2], "it takes along who waited");
}

#[tokio::test(start_paused = true)]
async fn a_round_trip_that_is_silent_keeps_nobody_waiting() {
    let (batched, store) = batched(BatchConfig {
        worth: 4,
        ..config(2)
    });
    store.behave(Behaviour::Hold);
    let mut first = spawn_checks(&batched, 1);
    settle().await;
    let mut second = spawn_checks(&batched, 1);
    settle().await;
    assert_eq!(store.lists_per_call(), [1]);
    tokio::time::advance(Duration::from_millis(10)).await;
    settle().await;
    assert_eq!(
        store.lists_per_call(),
        [1, 1],
        "what waited does not need another caller to leave"
    );
    store.behave(Behaviour::Answer);
    for tasks in [&mut first, &mut second] {
        while let Some(answer) = tasks.join_next().await {
            answer.unwrap();
        }
    }
    decide(&*batched, check("k", limit(5, 60))).await;
    assert_eq!(store.lists_per_call(), [1, 1, 1]);
}

/// The first round trip hangs; those beside it answer at once, one after the other.
#[tokio::test(start_paused = true)]
async fn one_round_trip_that_hangs_does_not_slow_the_others() {
    let (batched, store) = batched(BatchConfig {
        worth: 4,
        ..config(2)
    });
    store.behave(Behaviour::Hang);
    let hanging = spawn_checks(&batched, 1);
    settle().await;
    tokio::time::advance(Duration::from_millis(10)).await;
    let began = tokio::time::Instant::now();
    settle().await;
    store.behave(Behaviour::Hold);
    for _ in 0..3 {
        let mut beside = spawn_checks(&batched, 1);
        settle().await;
        let mut waiting = spawn_checks(&batched, 1);
        settle().await;
        // Answered within a moment: those that came meanwhile leave although the first one still
        // hangs.
        store.behave(Behaviour::Answer);
        for tasks in [&mut beside, &mut waiting] {
            assert!(tasks.join_next().await.unwrap().is_ok());
        }
        store.behave(Behaviour::Hold);
    }
    assert_eq!(store.lists_per_call(), [1; 7]);
    assert!(
        began.elapsed() < Duration::from_millis(1),
        "they waited for the one that hangs"
    );
    drop(hanging);
}

#[tokio::test(start_paused = true)]
async fn batches_are_bounded_in_lists_and_in_checks_and_callers_are_not_split() {
    let small = BatchConfig {
        lists: NonZeroUsize::new(4).unwrap(),
        checks: NonZeroUsize::new(6).unwrap(),
        ..config(1)
    };
    let (batched, store) = batched(small);
    store.behave(Behaviour::Hold);
    let mut tasks = JoinSet::new();
    // Lists of one caller, and checks in each: the first goes alone because it is the first.
    for (lists, checks) in [
        (1, 1),
        (3, 1),
        (1, 1),
        (1, 1),
        (9, 1),
        (1, 4),
        (1, 3),
        (1, 3),
    ] {
        let batched = Arc::clone(&batched);
        tasks.spawn(async move {
            let list = vec![check("k", limit(100, 60)); checks];
            assert_eq!(
                batched.check(&vec![list; lists]).await.unwrap().len(),
                lists
            );
        });
        settle().await;
    }
    store.behave(Behaviour::Answer);
    while let Some(answer) = tasks.join_next().await {
        answer.unwrap();
    }
    assert_eq!(store.lists_per_call(), [1, 4, 1, 9, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once_and_recovers() {
    let (batched, store) = batched(BatchConfig {
        waiting: 2,
        ..config(1)
    });
    store.behave(Behaviour::Hold);
    let _first = spawn_checks(&batched, 1);
    settle().await;
    let mut waiting = spawn_checks(&batched, 2);
    settle().await;
    let error = batched
        .check(&[vec![check("k", limit(5, 60))]])
        .await
        .unwrap_err();
    assert!(error.is_transient());
    let cause = std::error::Error::source(&error).unwrap();
    assert!(
        cause
            .downcast_ref::<QueueFull>()
            .is_some_and(|full| full.waiting == 2),
        "{cause}"
    );
    store.behave(Behaviour::Answer);
    while let Some(answer) = waiting.join_next().await {
        answer.unwrap();
    }
    decide(&*batched, check("k", limit(5, 60))).await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_takes_nobody_with_it_and_unsent_checks_are_not_charged() {
    let (batched, store) = batched(config(1));
    store.behave(Behaviour::Hold);
    let mut leader = spawn_checks(&batched, 1);
    settle().await;
    let mut followers = spawn_checks(&batched, 1);
    let mut leaving = spawn_checks(&batched, 3);
    settle().await;
    leader.shutdown().await;
    leaving.shutdown().await;
    store.behave(Behaviour::Answer);
    assert!(followers.join_next().await.unwrap().unwrap());
    assert_eq!(store.lists_per_call(), [1, 1]);
    let outcome = ask(&*batched, vec![check("k", limit(5, 60))]).await;
    assert_eq!(
        outcome.decisions[0].remaining, 2,
        "the one that was sent, the follower and this one"
    );
}
