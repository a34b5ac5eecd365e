//! Leases: admissions of a very hot key taken ahead, many in one round trip, and handed out from
//! memory.
//!
//! Every call of a key otherwise is a check in Redis. Where a limit has very many calls that is the
//! whole cost of the key, and one key is one Redis: no cluster makes it faster. A limiter whose
//! operator says so (`--lease-calls-above`) takes what it expects to need within the lease's span
//! at once ([`Lease::lease`]), hands it out without asking, and gives back what is left when the
//! span ends ([`Lease::give_back`]).
//!
//! **Why the promise holds.** The store decides a lease at a moment `d` of its clock and records
//! its admissions at `d + span`; [`Window`](crate::window::Window) says why no interval is over if
//! each of them is made in `[d, d + span]`. No clock of this process is compared with the store's
//! for that:
//!
//! - Not before `d`: nothing is handed out before the answer is here.
//! - Not after `d + span`: the span is measured on this process's monotonic clock, from *before*
//!   the question left, so from before `d`. The clocks may run at different rates, so only [`USED`]
//!   of the span is: that allows for 6 %, where a clock that is wrong by 0.1 % is broken. An answer
//!   that comes after its span is given back unused.
//! - A call is made when it is decided here. What happens to the answer later (other checks of the
//!   list, the way to the caller) delays the call, as it does after a decision of the store.
//! - What is given back is taken from the slot that holds it, and nothing is handed out any more
//!   when it leaves here. An answer that is lost, or a process that dies, leaves it counted:
//!   refused too early for once, never too late.
//!
//! **What it costs.** An admission leaves the window up to a span late, and what another replica
//! holds unused is not to be had until it is given back: together with a slot's span still less
//! than 1 % of the period. A lease takes at most a quarter of what is left, so towards the end
//! leases become small and then calls are decided one by one. A reset forgets what was leased as if
//! it had been used before: replicas that are not told may hand it out for a span.
//!
//! Outermost of the layers: what this process holds may be used also while a refusal of a dearer
//! call is known, or while the store does not answer.

mod held;
mod metrics;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use tokio::time::{Instant, sleep_until};

use crate::check::{Check, CheckList, Decision, Limit, Mode, Outcome};
use crate::error::StoreError;
use crate::inspect::Inspection;
use crate::store::{Admin, Decide, Inspect, Lease, LeaseAsk, Refund, Unused};
use crate::window::{EXACT_CALLS, Terms, lease_span};
use held::{Held, Taken, Wanted};

pub(crate) use metrics::LeaseMetrics;

/// The part of the span in which leased calls are handed out.
const USED: (u32, u32) = (15, 16);

/// Spans shorter than this hardly outlast a round trip: limits with a period below ten seconds are
/// not leased.
const SHORTEST_SPAN: Duration = Duration::from_millis(9);

/// Keys watched. Hot ones are few; one that is forgotten is decided by the store until it is found
/// hot again.
const KEYS: usize = 4_096;

/// How long leases last under a limit, if limits of more than `calls_above` are leased.
pub(crate) fn span_of(limit: Limit, calls_above: u64) -> Option<Duration> {
    let leases = limit.calls.get() > calls_above.max(EXACT_CALLS);
    let span = leases.then(|| Duration::from_micros(lease_span(Terms::from(limit).period)));
    span.filter(|span| *span >= SHORTEST_SPAN)
}

/// A store that hands out calls of hot keys from memory.
#[derive(Debug)]
pub(crate) struct Leased<S> {
    keys: Arc<Keys<S>>,
}

/// The keys that are watched, and whom leases are taken from.
#[derive(Debug)]
struct Keys<S> {
    store: S,
    calls_above: u64,
    held: Cache<Bytes, Arc<Mutex<Held>>>,
    metrics: LeaseMetrics,
}

impl<S: Lease> Leased<S> {
    /// Leases keys under limits of more than `calls_above` calls, and of more than [`EXACT_CALLS`]
    /// in any case.
    pub(crate) fn new(store: S, calls_above: u64, metrics: LeaseMetrics) -> Self {
        Self {
            keys: Arc::new(Keys {
                store,
                calls_above,
                held: Cache::new(KEYS),
                metrics,
            }),
        }
    }

    /// Takes a call from what is held, or notes that the store is asked for it. Begins a new lease
    /// when it is time.
    fn take(&self, check: &Check, now: Instant) -> Option<Reserved> {
        let span = span_of(check.limit, self.keys.calls_above)?;
        let held = self.keys.held(&check.key);
        let (taken, wanted) = {
            let mut held = held.lock();
            let taken = held.take(check.limit, check.cost, now);
            (taken, held.expect(check.limit, span, check.cost, now))
        };
        if let Some(wanted) = wanted {
            let ask = LeaseAsk {
                key: check.key.clone(),
                limit: check.limit,
                wanted: wanted.units,
            };
            tokio::spawn(Arc::clone(&self.keys).lease(ask, wanted, Arc::clone(&held)));
        }
        taken.map(|taken| Reserved {
            held,
            taken,
            used: false,
        })
    }
}

impl<S> Keys<S> {
    /// Two callers at once may each make one; what the lost one leases is given back.
    fn held(&self, key: &Bytes) -> Arc<Mutex<Held>> {
        self.held.get(key).unwrap_or_else(|| {
            let held = Arc::<Mutex<Held>>::default();
            // A copy: the key on hand is a slice of a whole message, which it would keep in memory.
            self.held
                .insert(Bytes::copy_from_slice(key), Arc::clone(&held));
            held
        })
    }

    fn forget(&self, key: &Bytes) {
        if let Some(held) = self.held.get(key) {
            held.lock().forget();
        }
    }
}

impl<S: Lease> Keys<S> {
    /// The life of one lease.
    async fn lease(self: Arc<Self>, ask: LeaseAsk, wanted: Wanted, held: Arc<Mutex<Held>>) {
        let (key, asked_at) = (Bytes::copy_from_slice(&ask.key), Instant::now());
        let until = asked_at + wanted.span * USED.0 / USED.1;
        // Without an answer the store may have recorded it all the same: then it is lost.
        let grant = self.store.lease(ask).await.unwrap_or_default();
        self.metrics.granted(grant.units);
        if !held.lock().granted(grant, wanted, until, Instant::now()) {
            return;
        }
        sleep_until(until).await;
        let units = held.lock().end(wanted.number);
        if units > 0 {
            let unused = Unused {
                key,
                units,
                recorded: grant.recorded,
            };
            self.metrics
                .given_back
                .inc_by(self.store.give_back(unused).await.unwrap_or(0));
        }
    }
}

/// Calls taken from what is held. They go back unless the answer that needs them goes out.
#[derive(Debug)]
struct Reserved {
    held: Arc<Mutex<Held>>,
    taken: Taken,
    used: bool,
}

impl Reserved {
    fn make_use_of(mut self, metrics: &LeaseMetrics) -> Decision {
        self.used = true;
        metrics.used.inc_by(self.taken.units);
        self.taken.decision
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.used {
            self.held.lock().put_back(&self.taken);
        }
    }
}

/// What of a list is held here, with its places, and whether the store is asked for the rest.
struct Split {
    reserved: Vec<(usize, Reserved)>,
    asks: bool,
}

impl Split {
    /// What the store is asked of the split's list, if anything.
    fn left_of(&self, list: &[Check]) -> Option<CheckList> {
        let mut held = self.reserved.iter().map(|(place, _)| *place).peekable();
        let mut rest = Vec::new();
        for (place, check) in list.iter().enumerate() {
            if held.next_if_eq(&place).is_none() {
                rest.push(check.clone());
            }
        }
        self.asks.then_some(rest)
    }
}

impl<S: Decide + Lease> Leased<S> {
    /// Whether a check of the lists is under a limit that is leased.
    fn leases_any(&self, lists: &[CheckList]) -> bool {
        let above = self.keys.calls_above;
        let mut checks = lists.iter().flatten();
        checks.any(|check| span_of(check.limit, above).is_some())
    }

    fn split(&self, list: &[Check], now: Instant) -> Split {
        let mut reserved = Vec::new();
        for (place, check) in list.iter().enumerate() {
            reserved.extend(self.take(check, now).map(|taken| (place, taken)));
        }
        let asks = reserved.is_empty() || reserved.len() < list.len();
        Split { reserved, asks }
    }

    /// Puts what is held between the store's decisions. After a refusal nothing is used: the rest
    /// goes back.
    fn complete(&self, split: Split, outcome: Option<Outcome>) -> Outcome {
        let (mode, decided) = outcome.map_or((Mode::Exact, Vec::new()), |outcome| {
            (outcome.mode, outcome.decisions)
        });
        if split.reserved.is_empty() {
            return Outcome {
                decisions: decided,
                mode,
            };
        }
        let mut decisions = Vec::with_capacity(split.reserved.len() + decided.len());
        let mut decided = decided.into_iter();
        for (place, reserved) in split.reserved {
            decisions.extend(decided.by_ref().take(place - decisions.len()));
            if decisions.len() < place
                || decisions
                    .last()
                    .is_some_and(|last: &Decision| !last.allowed)
            {
                return Outcome { decisions, mode };
            }
            decisions.push(reserved.make_use_of(&self.keys.metrics));
        }
        decisions.extend(decided);
        Outcome { decisions, mode }
    }
}

impl<S: Decide + Lease> Decide for Leased<S> {
    async fn check(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        if !self.leases_any(lists) {
            return self.keys.store.check(lists).await;
        }
        let now = Instant::now();
        let splits: Vec<Split> = lists.iter().map(|list| self.split(list, now)).collect();
        let asked: Vec<CheckList> = lists
            .iter()
            .zip(&splits)
            .filter_map(|(list, split)| split.left_of(list))
            .collect();
        let outcomes = if asked.is_empty() {
            Vec::new()
        } else {
            self.keys.store.check(&asked).await?
        };
        if outcomes.len() != asked.len() {
            return Err(StoreError::Protocol(format!(
                "{} answers to {} lists",
                outcomes.len(),
                asked.len()
            )));
        }
        let mut outcomes = outcomes.into_iter();
        let mut complete = Vec::with_capacity(splits.len());
        for split in splits {
            let outcome = if split.asks { outcomes.next() } else { None };
            complete.push(self.complete(split, outcome));
        }
        Ok(complete)
    }
}

impl<S: Admin> Admin for Leased<S> {
    /// What is held is forgotten before, so that it is not used any more, and after, in case a
    /// lease was under way.
    async fn reset(&self, key: Bytes) -> Result<bool, StoreError> {
        self.keys.forget(&key);
        let answer = self.keys.store.reset(key.clone()).await;
        self.keys.forget(&key);
        answer
    }

    async fn refund(&self, refund: Refund) -> Result<u64, StoreError> {
        self.keys.store.refund(refund).await
    }
}

impl<S: Inspect> Inspect for Leased<S> {
    /// What is held counts already.
    async fn inspect(&self, key: Bytes) -> Result<Inspection, StoreError> {
        self.keys.store.inspect(key).await
    }
}

#[cfg(test)]
mod tests;
