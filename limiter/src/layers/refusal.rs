//! Refusing from memory what the store has refused already.
//!
//! A refusal says when a call of its cost could be admitted at the earliest. Until then only a
//! [`Admin::reset`] or a [`Admin::refund`] makes room, so the same check, or a dearer one, can be
//! refused without asking: a flood costs the store nothing. What would be decided differently is
//! never answered here: a smaller cost, another limit on the same key, or a call after its
//! Retry-After asks the store.
//!
//! - The wait is counted from before the question left, so it never ends later than the store meant
//!   it.
//! - Only [`Mode::Exact`] refusals are remembered: what a degraded mode refused ends with the
//!   outage.
//! - A list is answered from here alone only if its *first* check is known to be refused. A later
//!   one is not sent, but the checks before it are, because they are charged whatever comes after
//!   them.
//! - `reset` and `refund` through this cache forget the key, also for answers still under way. One
//!   through another replica is seen when the wait ends, or when somebody refunds a cost of 0 here,
//!   which only forgets.
//! - Where limits are leased, another replica may give back what it holds: under those a refusal is
//!   remembered for no longer than a lease lasts, and [`Decision::recheck_after`] tells other
//!   caches so.
//! - Where limits of different periods share a key, a store may forget early what only the longer
//!   one would count; a refusal that was told holds all the same.
//! - A refusal of a dearer call than the remembered one carries the remembered wait: a lower bound.
//!   `remaining` is as it was when the store refused.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::check::{Check, CheckList, Decision, Limit, Mode, Outcome};
use crate::error::StoreError;
use crate::inspect::{Inspection, KnownRefusal};
use crate::layers::lease::span_of;
use crate::store::{Admin, Decide, Inspect, Lease, LeaseAsk, Refund, Unused};
use crate::window::Grant;

/// Limits remembered for one key. Policies put one or two on a key; more than these are asked for
/// again.
const LIMITS_PER_KEY: usize = 8;

/// By key, what was refused.
type Known = Cache<Bytes, Arc<[Refusal]>>;

/// A store that answers known refusals from memory.
#[derive(Debug)]
pub(crate) struct RefusalCache<S> {
    store: S,
    known: Arc<Known>,
    /// Grows with every reset and refund, so that an answer that was under way meanwhile is not
    /// remembered.
    resets: AtomicU64,
    hits: Counter,
    /// Limits of more calls are leased.
    leases_above: u64,
}

/// A call of at least `cost` under `limit` cannot be admitted before `until`.
#[derive(Debug, Clone, Copy)]
struct Refusal {
    limit: Limit,
    cost: u64,
    until: Instant,
    /// What is leased may be given back before `until`: from here on the store is asked again.
    holds_until: Instant,
    resets_at: Instant,
    remaining: u64,
}

/// How much of a list has to be asked for: everything, or what stands before a known refusal.
enum Asked {
    All,
    UpTo(usize, Refusal),
}

impl<S> RefusalCache<S> {
    /// Remembers the refusals of about `capacity` keys; forgetting one early only costs a question.
    /// `hits` counts what was answered from memory.
    pub(crate) fn new(store: S, capacity: usize, hits: Counter) -> Self {
        Self {
            store,
            known: Arc::new(Cache::new(capacity)),
            resets: AtomicU64::new(0),
            hits,
            leases_above: u64::MAX,
        }
    }

    /// Other replicas lease limits of more than `calls`: refusals under them hold for a lease's
    /// span, and say so.
    #[must_use]
    pub(crate) fn with_leases_above(self, calls: u64) -> Self {
        Self {
            leases_above: calls,
            ..self
        }
    }

    /// Reads how many keys have remembered refusals, those whose wait has ended included.
    pub(crate) fn keys(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let known = Arc::clone(&self.known);
        move || known.len() as u64
    }

    fn plan(&self, list: &[Check], now: Instant) -> Asked {
        for (place, check) in list.iter().enumerate() {
            if let Some(refusal) = self.refusal_of(check, now) {
                return Asked::UpTo(place, refusal);
            }
        }
        Asked::All
    }

    fn refusal_of(&self, check: &Check, now: Instant) -> Option<Refusal> {
        let known = self.known.get(&check.key)?;
        known
            .iter()
            .copied()
            .find(|refusal| refusal.holds(check, now))
    }

    /// Remembers the refusal an outcome ends with, if it does.
    fn learn(&self, list: &[Check], outcome: &mut Outcome, asked_at: Instant, resets: u64) {
        let place = outcome.decisions.len().saturating_sub(1);
        let (Mode::Exact, Some(decision)) = (outcome.mode, outcome.decisions.last_mut()) else {
            return;
        };
        let Some(check) = list.get(place) else { return };
        if decision.allowed || decision.retry_after.is_zero() {
            return;
        }
        if let Some(span) = span_of(check.limit, self.leases_above) {
            decision.recheck_after = Some(decision.retry_after.min(span));
        }
        self.remember(&check.key, Refusal::new(check, decision, asked_at));
        // A reset first counts, then forgets: either it forgets what was just written, or it has
        // been counted.
        if self.resets.load(Ordering::SeqCst) != resets {
            self.known.remove(&check.key);
        }
    }

    /// Two answers at the same time may each write; the one that is lost is only asked for again.
    fn remember(&self, key: &Bytes, new: Refusal) {
        let now = Instant::now();
        let old = self.known.peek(key);
        let mut refusals: Vec<Refusal> = old.iter().flat_map(|old| old.iter().copied()).collect();
        refusals.retain(|known| known.holds_until > now && known.limit != new.limit);
        if refusals.len() == LIMITS_PER_KEY {
            refusals.remove(0);
        }
        refusals.push(new);
        // A copy: the key on hand is a slice of a whole message, which it would keep in memory.
        self.known
            .insert(Bytes::copy_from_slice(key), refusals.into());
    }

    fn forget(&self, key: &Bytes) {
        self.resets.fetch_add(1, Ordering::SeqCst);
        self.known.remove(key);
    }
}

impl Refusal {
    fn new(check: &Check, decision: &Decision, asked_at: Instant) -> Self {
        Self {
            limit: check.limit,
            cost: effective_cost(check),
            until: asked_at + decision.retry_after,
            holds_until: asked_at + decision.recheck_after.unwrap_or(decision.retry_after),
            resets_at: asked_at + decision.reset_after,
            remaining: decision.remaining,
        }
    }

    fn holds(&self, check: &Check, now: Instant) -> bool {
        self.limit == check.limit && effective_cost(check) >= self.cost && now < self.holds_until
    }

    fn is_full(&self, limit: Limit, now: Instant) -> bool {
        self.limit == limit && self.cost == 1 && now < self.holds_until
    }

    fn decision(&self, now: Instant) -> Decision {
        Decision {
            allowed: false,
            limit: self.limit.calls.get(),
            remaining: self.remaining,
            retry_after: wait(self.until, now),
            reset_after: wait(self.resets_at, now),
            recheck_after: (self.holds_until < self.until).then(|| wait(self.holds_until, now)),
        }
    }
}

/// The wait may have ended while the checks before this one were asked for. It still is a refusal,
/// and those always carry a wait.
fn wait(until: Instant, now: Instant) -> Duration {
    until
        .saturating_duration_since(now)
        .max(Duration::from_millis(1))
}

/// What the store has to be asked of `lists`. Nothing is copied unless a refusal is known.
fn unknown<'a>(lists: &'a [CheckList], plans: &[Asked]) -> Cow<'a, [CheckList]> {
    if plans.iter().all(|plan| matches!(plan, Asked::All)) {
        return Cow::Borrowed(lists);
    }
    let mut asked = Vec::new();
    for (list, plan) in lists.iter().zip(plans) {
        match plan {
            Asked::All => asked.push(list.clone()),
            Asked::UpTo(0, _) => {}
            Asked::UpTo(place, _) => asked.push(list[..*place].to_vec()),
        }
    }
    Cow::Owned(asked)
}

/// A peek asks about a call of cost 1.
fn effective_cost(check: &Check) -> u64 {
    check.cost.max(1)
}

impl<S: Decide> Decide for RefusalCache<S> {
    async fn check(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        let asked_at = Instant::now();
        let resets = self.resets.load(Ordering::SeqCst);
        let plans: Vec<Asked> = lists.iter().map(|list| self.plan(list, asked_at)).collect();
        let asked = unknown(lists, &plans);
        let mut outcomes = if asked.is_empty() {
            Vec::new()
        } else {
            self.store.check(&asked).await?
        };
        if outcomes.len() != asked.len() {
            return Err(StoreError::Protocol(format!(
                "{} answers to {} lists",
                outcomes.len(),
                asked.len()
            )));
        }
        for (list, outcome) in asked.iter().zip(&mut outcomes) {
            self.learn(list, outcome, asked_at, resets);
        }
        Ok(self.complete(plans, outcomes))
    }
}

impl<S: Admin> Admin for RefusalCache<S> {
    async fn reset(&self, key: Bytes) -> Result<bool, StoreError> {
        // Also if the caller goes away or the store fails: the counter may be gone all the same.
        let _forget = ForgetOnDrop {
            cache: self,
            key: key.clone(),
        };
        self.store.reset(key).await
    }

    async fn refund(&self, refund: Refund) -> Result<u64, StoreError> {
        let _forget = ForgetOnDrop {
            cache: self,
            key: refund.key.clone(),
        };
        self.store.refund(refund).await
    }
}

impl<S: Lease> Lease for RefusalCache<S> {
    /// None while a refusal is known: there is no room for a single call.
    async fn lease(&self, ask: LeaseAsk) -> Result<Grant, StoreError> {
        let now = Instant::now();
        let full =
            |known: Arc<[Refusal]>| known.iter().any(|refusal| refusal.is_full(ask.limit, now));
        if self.known.get(&ask.key).is_some_and(full) {
            return Ok(Grant::default());
        }
        self.store.lease(ask).await
    }

    async fn give_back(&self, unused: Unused) -> Result<u64, StoreError> {
        let _forget = ForgetOnDrop {
            cache: self,
            key: unused.key.clone(),
        };
        self.store.give_back(unused).await
    }
}

impl<S: Inspect> Inspect for RefusalCache<S> {
    async fn inspect(&self, key: Bytes) -> Result<Inspection, StoreError> {
        let mut inspection = self.store.inspect(key.clone()).await?;
        let now = Instant::now();
        let known = self.known.peek(&key);
        let holding = known
            .iter()
            .flat_map(|known| known.iter())
            .filter(|refusal| refusal.until > now);
        inspection
            .refusals
            .extend(holding.map(|refusal| KnownRefusal {
                limit: refusal.limit,
                cost: refusal.cost,
                retry_after: refusal.until - now,
            }));
        Ok(inspection)
    }
}

impl<S> RefusalCache<S> {
    /// Puts the known refusals back where they belong.
    fn complete(&self, plans: Vec<Asked>, outcomes: Vec<Outcome>) -> Vec<Outcome> {
        let now = Instant::now();
        let mut outcomes = outcomes.into_iter();
        let mut complete = Vec::with_capacity(plans.len());
        for plan in plans {
            let outcome = match plan {
                Asked::All => outcomes.next(),
                Asked::UpTo(0, refusal) => {
                    self.hits.inc();
                    Some(Outcome {
                        decisions: vec![refusal.decision(now)],
                        mode: Mode::Exact,
                    })
                }
                Asked::UpTo(_, refusal) => outcomes.next().map(|mut outcome| {
                    if outcome.allowed() {
                        self.hits.inc();
                        outcome.decisions.push(refusal.decision(now));
                    }
                    outcome
                }),
            };
            complete.extend(outcome);
        }
        complete
    }
}

struct ForgetOnDrop<'a, S> {
    cache: &'a RefusalCache<S>,
    key: Bytes,
}

impl<S> Drop for ForgetOnDrop<'_, S> {
    fn drop(&mut self) {
        self.cache.forget(&self.key);
    }
}

#[cfg(test)]
mod tests;
