//! The exact sliding window over one key, as a pure function of its past: no clock, no I/O.
//!
//! Promise: in every half-open interval of `period`, wherever it starts, at most `calls` are
//! admitted. Up to [`EXACT_CALLS`] the window is exact the other way too: it refuses only what
//! would break the promise, and says the first moment at which it would not. It keeps the time of
//! every admission that still matters, so the question "do `cost` more fit?" is a look at how many
//! of them lie in `(now - period, now]`; no other interval that contains `now` can hold more,
//! because nothing has been admitted after `now`.
//!
//! Above [`EXACT_CALLS`], admissions that fall close together share a slot that leaves the window
//! as a whole with its *latest* member: still never over, refused early by less than 1/128 of the
//! period, memory bounded.
//!
//! Time is whole microseconds since anything. It never runs backwards for a key: a moment before
//! the last admission counts as that admission's moment, and waits are told as the lagging clock
//! will measure them.
//!
//! **Ahead.** [`Window::lease`] admits calls that will be made within [`lease_span`], without
//! knowing when. It decides at the first moment at which they can be made and records the last one.
//! That keeps the promise: take any interval of a period, and of the admissions in it the one that
//! was decided last, at `d`. It is in the interval, so the interval begins after `d - period`;
//! every other admission in it is recorded no earlier than it was made, so after `d - period` too,
//! and was counted at `d`. So a log may hold moments that are still to come, and a clock behind the
//! newest admission is not always one that was set back. Only slotted logs do (others hold too few
//! calls to be worth it): there a clock that is behind by no more than [`lease_span`] is believed.
//! Such admissions leave the window that much late, which with a slot's span still is less than 1 %
//! of the period.
//!
//! **Back.** [`Window::refund`] takes admissions back as if they had not been. Without more
//! knowledge it takes the newest. That is right if the call was the newest; otherwise a call that
//! does count keeps the place of an older one, and leaves the window too early. Who says how long
//! ago the call was made at most, gets the oldest admissions of that time, which are not newer than
//! the call's own: the promise holds for the calls that are left.
//!
//! Equal keys may be checked against different limits. While a key counts, it remembers as many
//! admissions as the largest `calls` that admitted on it needs, for the longest period that
//! admitted on it. So a limit holds from its first admission on; what was forgotten before, because
//! no limit in use needed it, stays forgotten. Once a key has admitted under more than
//! [`EXACT_CALLS`] it stays slotted, for small limits too, until nothing counts any more.

mod exact;
mod slotted;
mod snapshot;

use std::time::Duration;

use crate::check::Limit;
use exact::Exact;
use slotted::Slotted;

pub use snapshot::{Snapshot, Standing};

/// Up to this many calls every admission is remembered by itself.
pub const EXACT_CALLS: u64 = 1000;

/// Larger `calls` and longer periods are counted as this many calls, this many microseconds (12
/// days): stores write both in five bytes, and a cost above any `calls` must fit into them too.
pub(crate) const MOST: u64 = (1 << 40) - 2;

/// The longest that a call may be admitted ahead: long enough to save many questions, short enough
/// that what nobody made is soon given back.
const LONGEST_LEASE: u64 = 100_000;

/// A lease takes at most this part of what is left, so that others get something too and the last
/// calls are decided one by one.
const LEASE_SHARE: u64 = 4;

/// How many microseconds ahead calls may be admitted under limits of this period: 1/1024 of it, so
/// that it and a slot's 1/128 are less than 1 % together.
#[must_use]
pub fn lease_span(period: u64) -> u64 {
    (period / 1024).min(LONGEST_LEASE)
}

/// A limit in the window's units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The most admissions in a period.
    pub calls: u64,
    /// The period in microseconds; at least 1.
    pub period: u64,
}

impl Terms {
    /// How long from `clock` until an admission of this moment has left.
    fn wait_for(self, admission: u64, clock: u64) -> u64 {
        (admission + self.period).saturating_sub(clock)
    }
}

impl From<Limit> for Terms {
    /// A part of a microsecond counts as a whole one.
    fn from(limit: Limit) -> Self {
        let micros = limit.renewal_period.as_nanos().div_ceil(1000);
        Self {
            calls: limit.calls.get().min(MOST),
            period: u64::try_from(micros).unwrap_or(MOST).clamp(1, MOST),
        }
    }
}

/// Where the window stands after a check; waits are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the call may go on.
    pub allowed: bool,
    /// Calls that would still be admitted now.
    pub remaining: u64,
    /// 0 if allowed; otherwise the wait until this cost fits, or `reset_after` if it never does.
    pub retry_after: u64,
    /// The wait until nothing counts any more.
    pub reset_after: u64,
}

impl Verdict {
    /// The answer to a check of `limit`.
    #[must_use]
    pub fn decision(&self, limit: Limit) -> crate::check::Decision {
        crate::check::Decision {
            allowed: self.allowed,
            limit: limit.calls.get(),
            remaining: self.remaining,
            retry_after: Duration::from_micros(self.retry_after),
            reset_after: Duration::from_micros(self.reset_after),
            recheck_after: None,
        }
    }
}

/// Calls admitted ahead; times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grant {
    /// How many.
    pub units: u64,
    /// The moment they are recorded at: the last one at which they may be made, or a later one.
    pub recorded: u64,
    /// Calls that would still be admitted now.
    pub remaining: u64,
}

/// Which admissions a refund takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// The newest.
    Last,
    /// The oldest of those recorded at this moment or later; if there are too few, the newest of
    /// those before.
    Since(u64),
}

/// The admissions of one key that still matter.
#[derive(Debug, Clone, Default)]
pub struct Window {
    reach: Reach,
    log: Log,
}

/// What the limits that admitted on a key need remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reach {
    /// The largest `calls`.
    calls: u64,
    /// The shortest period: decides how fine slots are.
    shortest: u64,
    /// The longest period: decides when an admission stops to matter.
    longest: u64,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            calls: 0,
            shortest: u64::MAX,
            longest: 0,
        }
    }
}

impl Reach {
    fn with(self, terms: Terms) -> Self {
        Self {
            calls: self.calls.max(terms.calls),
            shortest: self.shortest.min(terms.period),
            longest: self.longest.max(terms.period),
        }
    }
}

#[derive(Debug, Clone)]
enum Log {
    Exact(Exact),
    Slotted(Slotted),
}

impl Default for Log {
    fn default() -> Self {
        Self::Exact(Exact::default())
    }
}

impl Log {
    /// The last admission.
    fn newest(&self) -> Option<u64> {
        match self {
            Self::Exact(log) => log.newest(),
            Self::Slotted(log) => log.newest(),
        }
    }

    /// How many admissions happened less than `period` before `now`.
    fn used(&self, now: u64, period: u64) -> u64 {
        match self {
            Self::Exact(log) => log.used(now, period),
            Self::Slotted(log) => log.used(now, period),
        }
    }

    /// When the `rank`-th newest admission happened, `rank` from 1; `None` if it is not remembered.
    fn nth_newest(&self, rank: u64) -> Option<u64> {
        match self {
            Self::Exact(log) => log.nth_newest(rank),
            Self::Slotted(log) => log.nth_newest(rank),
        }
    }
}

impl Window {
    /// Decides a call of `cost` (0: whether one more would be admitted) at `clock`, and remembers
    /// it if admitted.
    pub fn check(&mut self, terms: Terms, cost: u64, clock: u64) -> Verdict {
        if self.has_ended(clock) {
            return self.start_anew(|fresh| fresh.check(terms, cost, clock));
        }
        let newest = self.log.newest();
        let now = self.now(clock);

        let used = self.log.used(now, terms.period);
        let room = terms.calls.saturating_sub(used);
        let reset_after = newest
            .filter(|_| used > 0)
            .map_or(0, |newest| terms.wait_for(newest, clock));
        let wanted = cost.max(1);
        if wanted > room {
            // The first admission whose leaving makes room. Without one the cost exceeds the limit
            // itself.
            let leaves = (terms.calls + 1)
                .checked_sub(wanted)
                .filter(|rank| *rank > 0);
            let retry_after = leaves
                .and_then(|rank| self.log.nth_newest(rank))
                .map_or(reset_after, |leaving| terms.wait_for(leaving, clock));
            return Verdict {
                allowed: false,
                remaining: room,
                retry_after,
                reset_after,
            };
        }
        if cost == 0 {
            return Verdict {
                allowed: true,
                remaining: room,
                retry_after: 0,
                reset_after,
            };
        }
        let recorded = self.admit(terms, cost, now, now);
        Verdict {
            allowed: true,
            remaining: room - cost,
            retry_after: 0,
            reset_after: terms.wait_for(recorded, clock),
        }
    }

    /// Admits up to `wanted` calls that are made between now and [`lease_span`] later: none if
    /// there is hardly room, or the limit is counted exactly.
    pub fn lease(&mut self, terms: Terms, wanted: u64, clock: u64) -> Grant {
        if self.has_ended(clock) {
            return self.start_anew(|fresh| fresh.lease(terms, wanted, clock));
        }
        let now = self.now(clock);
        let remaining = terms.calls.saturating_sub(self.log.used(now, terms.period));
        let units = wanted.min(remaining / LEASE_SHARE);
        if units == 0 || terms.calls <= EXACT_CALLS {
            return Grant {
                remaining,
                ..Grant::default()
            };
        }
        let recorded = self.admit(terms, units, now, now + lease_span(terms.period));
        Grant {
            units,
            recorded,
            remaining: remaining - units,
        }
    }

    /// Takes up to `units` admissions back that still count; says how many.
    pub fn refund(&mut self, units: u64, admitted: Admitted, clock: u64) -> u64 {
        if self.log.newest().is_none() || self.has_ended(clock) {
            return 0;
        }
        let (now, longest) = (self.now(clock), self.reach.longest);
        // What was admitted that long ago may have left: then somebody else's would be taken.
        if matches!(admitted, Admitted::Since(moment) if moment + longest <= now) {
            return 0;
        }
        let taken = match &mut self.log {
            Log::Exact(log) => log.take_back(units, admitted, now, longest),
            Log::Slotted(log) => log.take_back(units, admitted, now, longest),
        };
        if self.log.newest().is_none() {
            *self = Self::default();
        }
        taken
    }

    /// From this moment on nothing here matters any more; 0 if nothing does already.
    #[must_use]
    pub fn ends_at(&self) -> u64 {
        self.log
            .newest()
            .map_or(0, |newest| newest + self.reach.longest)
    }

    /// Whether remembering a call of `cost` takes more memory than it has.
    #[must_use]
    pub fn would_grow(&self, terms: Terms, cost: u64, clock: u64) -> bool {
        match &self.log {
            Log::Exact(log) => log.would_grow(cost, clock, self.reach.with(terms)),
            Log::Slotted(log) => log.would_grow(),
        }
    }

    /// Roughly the bytes it keeps on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match &self.log {
            Log::Exact(log) => log.heap_bytes(),
            Log::Slotted(log) => log.heap_bytes(),
        }
    }

    fn has_ended(&self, clock: u64) -> bool {
        self.log.newest().is_some() && self.ends_at() <= clock
    }

    /// Begins a window without a past, which takes this one's place only if it admits something:
    /// otherwise a clock may still be set back to where this one matters.
    fn start_anew<T>(&mut self, decide: impl FnOnce(&mut Self) -> T) -> T {
        let mut fresh = Self::default();
        let decided = decide(&mut fresh);
        if fresh.log.newest().is_some() {
            *self = fresh;
        }
        decided
    }

    /// The key's time: never before the newest admission, unless that may have been admitted ahead.
    fn now(&self, clock: u64) -> u64 {
        let ahead = match &self.log {
            Log::Exact(_) => 0,
            Log::Slotted(_) => lease_span(self.reach.longest),
        };
        self.log
            .newest()
            .map_or(clock, |newest| clock.max(newest.saturating_sub(ahead)))
    }

    /// Remembers a call that was decided at `now`, as made at `moment` or, if that is later, with
    /// the newest.
    fn admit(&mut self, terms: Terms, cost: u64, now: u64, moment: u64) -> u64 {
        let recorded = self
            .log
            .newest()
            .map_or(moment, |newest| newest.max(moment));
        self.reach = self.reach.with(terms);
        if let Log::Exact(log) = &self.log
            && self.reach.calls > EXACT_CALLS
        {
            self.log = Log::Slotted(Slotted::from_times(log.times(), now, self.reach));
        }
        match &mut self.log {
            Log::Exact(log) => log.admit(recorded, cost, self.reach),
            Log::Slotted(log) => log.admit(now, recorded, cost, self.reach),
        }
        recorded
    }
}
