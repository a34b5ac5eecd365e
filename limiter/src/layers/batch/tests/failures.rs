//! Stores that hang, fail, or panic.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_holds_its_place_no_longer_than_the_time_out() {
    let (batched, store) = batched(config(1));
    store.behave(Behaviour::Hang);
    let list = || vec![vec![check("k", limit(5, 60))]];
    assert!(matches!(
        batched.check(&list()).await,
        Err(StoreError::Timeout(_))
    ));
    store.behave(Behaviour::Answer);
    batched.check(&list()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_caller_of_a_failed_round_trip_learns_why() {
    let (batched, store) = batched(config(1));
    store.behave(Behaviour::Hang);
    let _leader = spawn_checks(&batched, 1);
    settle().await;
    let mut tasks = JoinSet::new();
    for _ in 0..3 {
        let batched = Arc::clone(&batched);
        tasks.spawn(async move {
            batched
                .check(&[vec![check("k", limit(5, 60))]])
                .await
                .unwrap_err()
        });
    }
    settle().await;
    store.behave(Behaviour::Break);
    while let Some(error) = tasks.join_next().await {
        assert!(matches!(error.unwrap(), StoreError::Protocol(_)));
    }
    assert_eq!(
        store.lists_per_call(),
        [1, 3, 1, 1, 1],
        "each was asked for apart before it was given up"
    );
}

/// Cannot decide a call in which the key `bad` stands.
struct Picky(ScriptedStore);

impl Decide for Picky {
    async fn check(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        if lists.iter().flatten().any(|check| check.key == "bad") {
            return Err(StoreError::Protocol("a bad key".to_owned()));
        }
        self.0.check(lists).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_cannot_be_decided_takes_nobody_with_it() {
    let store = ScriptedStore::new();
    let batched = Arc::new(Batched::new(
        Picky(store.clone()),
        config(1),
        Histogram::new([1.0]),
    ));
    store.behave(Behaviour::Hold);
    let mut tasks = JoinSet::new();
    for key in ["first", "good", "bad", "good"] {
        let batched = Arc::clone(&batched);
        tasks.spawn(async move {
            (
                key,
                batched
                    .check(&[vec![check(key, limit(5, 60))]])
                    .await
                    .is_ok(),
            )
        });
        settle().await;
    }
    store.behave(Behaviour::Answer);
    while let Some(answer) = tasks.join_next().await {
        let (key, decided) = answer.unwrap();
        assert_eq!(decided, key != "bad", "{key}");
    }
    assert_eq!(
        decide(&*batched, check("good", limit(5, 60)))
            .await
            .remaining,
        2
    );
}

/// Panics on its first call.
struct Panicking(AtomicUsize);

impl Decide for Panicking {
    async fn check(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        assert!(
            self.0.fetch_add(1, Ordering::SeqCst) > 0,
            "the first call panics, as this test wants"
        );
        let outcome = Outcome {
            decisions: Vec::new(),
            mode: crate::check::Mode::Exact,
        };
        Ok(vec![outcome; lists.len()])
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_store_does_not_take_its_place_for_ever() {
    let batched = Batched::new(
        Panicking(AtomicUsize::new(0)),
        config(1),
        Histogram::new([1.0]),
    );
    assert!(matches!(
        batched.check(&[vec![]]).await,
        Err(StoreError::Unavailable(_))
    ));
    assert_eq!(batched.check(&[vec![]]).await.unwrap().len(), 1);
}
