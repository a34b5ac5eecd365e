//! A store for tests that counts exactly and fails on command: answers, hangs, or errs.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::check::{Check, CheckList, Decision, Limit, Mode, Outcome};
use crate::error::StoreError;
use crate::store::{Admin, Decide, Lease, LeaseAsk, Refund, Unused};
use crate::stores::clock::ManualClock;
use crate::stores::memory::{MemoryConfig, MemoryStore};
use crate::window::Grant;

/// How the store behaves towards the next calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Decides.
    Answer,
    /// Never answers.
    Hang,
    /// Decides, and answers when the behaviour changes to something else.
    Hold,
    /// Says that it is unavailable.
    Fail,
    /// Fails for good.
    Break,
}

/// A [`MemoryStore`] on a manual clock, behind a switch. Clones share everything.
#[derive(Clone)]
pub(crate) struct ScriptedStore {
    pub(crate) clock: ManualClock,
    store: Arc<MemoryStore<ManualClock>>,
    behaviour: watch::Sender<Behaviour>,
    calls: Arc<AtomicUsize>,
    sent: Arc<Mutex<Vec<usize>>>,
    leases: Arc<AtomicUsize>,
    given_back: Arc<AtomicU64>,
    /// Reported with every answer.
    pub(crate) mode: Arc<Mutex<Mode>>,
}

impl ScriptedStore {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::at_micros(1_000_000_000);
        Self {
            store: Arc::new(MemoryStore::with_clock(
                &MemoryConfig::default(),
                clock.clone(),
            )),
            clock,
            behaviour: watch::Sender::new(Behaviour::Answer),
            calls: Arc::default(),
            sent: Arc::default(),
            leases: Arc::default(),
            given_back: Arc::default(),
            mode: Arc::new(Mutex::new(Mode::Exact)),
        }
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        self.behaviour.send_replace(behaviour);
    }

    /// Calls so far, answered or not.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Questions for admissions ahead so far, answered or not.
    pub(crate) fn leases(&self) -> usize {
        self.leases.load(Ordering::SeqCst)
    }

    /// What was given back of leases so far.
    pub(crate) fn given_back(&self) -> u64 {
        self.given_back.load(Ordering::SeqCst)
    }

    /// How many lists each call had.
    pub(crate) fn lists_per_call(&self) -> Vec<usize> {
        self.sent.lock().clone()
    }

    /// Moves the paused Tokio clock and the store's clock together.
    pub(crate) async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        tokio::time::advance(by).await;
    }

    async fn act<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut behaviour = self.behaviour.subscribe();
        let now = *behaviour.borrow();
        match now {
            Behaviour::Answer => work.await,
            Behaviour::Hang => std::future::pending().await,
            Behaviour::Hold => {
                let answer = work.await;
                let _ = behaviour.wait_for(|now| *now != Behaviour::Hold).await;
                answer
            }
            Behaviour::Fail => Err(StoreError::Unavailable("switched off".into())),
            Behaviour::Break => Err(StoreError::Protocol("switched to nonsense".to_owned())),
        }
    }
}

impl Decide for ScriptedStore {
    async fn check(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.sent.lock().push(lists.len());
        let mode = *self.mode.lock();
        self.act(async {
            let mut outcomes = self.store.check(lists).await?;
            outcomes.iter_mut().for_each(|outcome| outcome.mode = mode);
            Ok(outcomes)
        })
        .await
    }
}

impl Admin for ScriptedStore {
    async fn reset(&self, key: Bytes) -> Result<bool, StoreError> {
        self.act(self.store.reset(key)).await
    }

    async fn refund(&self, refund: Refund) -> Result<u64, StoreError> {
        self.act(self.store.refund(refund)).await
    }
}

impl Lease for ScriptedStore {
    async fn lease(&self, ask: LeaseAsk) -> Result<Grant, StoreError> {
        self.leases.fetch_add(1, Ordering::SeqCst);
        self.act(self.store.lease(ask)).await
    }

    async fn give_back(&self, unused: Unused) -> Result<u64, StoreError> {
        self.given_back.fetch_add(unused.units, Ordering::SeqCst);
        self.act(self.store.give_back(unused)).await
    }
}

/// `calls` per `seconds`.
pub(crate) fn limit(calls: u64, seconds: u64) -> Limit {
    Limit {
        calls: NonZeroU64::new(calls).expect("a limit of at least one"),
        renewal_period: Duration::from_secs(seconds),
    }
}

/// A check of cost 1.
pub(crate) fn check(key: &'static str, limit: Limit) -> Check {
    cost(key, limit, 1)
}

/// A check.
pub(crate) fn cost(key: &'static str, limit: Limit, cost: u64) -> Check {
    Check {
        limit_name: "test".into(),
        key: Bytes::from_static(key.as_bytes()),
        limit,
        cost,
    }
}

/// Asks about one list.
pub(crate) async fn ask(store: &impl Decide, list: CheckList) -> Outcome {
    store
        .check(&[list])
        .await
        .expect("the store answers")
        .remove(0)
}

/// Asks about one check, of which there must be one decision.
pub(crate) async fn decide(store: &impl Decide, check: Check) -> Decision {
    let outcome = ask(store, vec![check]).await;
    assert_eq!(outcome.decisions.len(), 1);
    outcome.decisions[0]
}
