//! Judges one key of one limit from outside: only from when its calls were sent and answered.
//!
//! # What is certain
//!
//! The promise: in every half-open interval `[t, t + P)` at most `N` calls are admitted. The moment
//! at which a call was admitted is hidden, but it lies between the moment it was sent, `s`, and the
//! moment its answer arrived, `r`. An answer of 2xx was certainly admitted; one of 429 was
//! certainly refused; anything else (another status, no answer at all) may have been either.
//!
//! An **excess** is certain only if no choice of hidden moments keeps the promise. Two tests find
//! it:
//!
//! 1. *Windows.* Calls with `s ≥ t` and `r < t + P` were admitted within `[t, t + P)` whatever the
//!    hidden moments are. More than `N` of them break the promise. It is enough to look at windows
//!    that start when a call was sent: moving the start of any other window up to the next `s`
//!    loses no call. The largest count is the *worst window*.
//! 2. *Chains.* Windows that are each within the limit may still contradict each other. Sort the
//!    sent times into `s₁ ≤ s₂ ≤ …` and, apart from them, the answer times into `r₁ ≤ r₂ ≤ …`. Let
//!    `eₖ = max(sₖ, eₖ₋ₙ + P)`. If some `eₖ > rₖ`, the promise was broken.
//!
//!    *Proof.* Let `a₁ ≤ a₂ ≤ …` be the true moments, sorted, and assume the promise held. At least
//!    `k` calls have a moment up to `aₖ`, and were sent by then, so `sₖ ≤ aₖ`; at least as many as
//!    from `k` on were answered after it, so `aₖ ≤ rₖ`. The promise says `aₖ ≥ aₖ₋ₙ + P`. By
//!    induction `eₖ ≤ aₖ`, hence `eₖ ≤ rₖ`. ∎
//!
//!    If no call was both sent before and answered after another one, the test is also complete:
//!    then call `k` has both `sₖ` and `rₖ`, and the `eₖ` are a choice of moments that keeps the
//!    promise.
//!
//! So a target that keeps its promise is never accused, however slow the answers are; one that
//! breaks it is found unless the answers are so slow that an honest target could have looked the
//! same.
//!
//! A **refusal** is *explained* if at some moment between its `s` and `r` the limit may have been
//! used up: if there is an `x` in `[s, r]` such that at least `N` other calls may have been
//! admitted within `(x - P, x]`, that is, have `sᵢ ≤ x` and `rᵢ > x - P`. All that *may* have been
//! admitted count here. If the key may have been in use before the run, refusals within the first
//! period count as explained too. A refusal that is not explained was certainly early: the target
//! could have admitted it.
//!
//! `P` is taken `tolerance` shorter for an excess and `tolerance` longer for a refusal. Above 1,000
//! calls weir promises not to refuse early by more than 1/128 of the period; that is added for
//! refusals too. Every call costs 1.
//!
//! The property tests compare both judgements with a search through all hidden moments.

mod highest;
#[cfg(test)]
mod tests;

use highest::Highest;

use crate::verify::Limit;

/// The answer time of a call without an answer: it may be admitted at any later moment.
pub(crate) const NEVER: u64 = u64::MAX;

/// Up to so many calls weir's window is exact in both directions.
const EXACT_CALLS: u64 = 1_000;

/// How much later than needed weir may admit above that, as a part of the period.
const COARSE: u64 = 128;

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 2xx: past every limit.
    Admitted,
    /// 429.
    Refused,
    /// Another status, or none: a limit may have counted it or not.
    Unknown,
}

/// One call of the key. Times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) outcome: Outcome,
}

/// A limit in the judge's units.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) calls: u64,
    /// The shortest the window can be in our time.
    pub(crate) shortest: u64,
    /// The longest.
    pub(crate) longest: u64,
    /// Whether a refused call may have been counted here and refused by another limit.
    pub(crate) refused_may_count: bool,
    /// Whether nobody can have called with the key before the run. Otherwise a refusal within the
    /// first period may be due to calls that nobody here has seen.
    pub(crate) fresh: bool,
}

impl Rule {
    pub(crate) fn of(limit: &Limit, refused_may_count: bool, fresh: bool) -> Self {
        let nanos =
            |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let (period, tolerance) = (nanos(limit.period), nanos(limit.tolerance));
        let coarse = if limit.calls > EXACT_CALLS {
            period / COARSE
        } else {
            0
        };
        Self {
            calls: limit.calls,
            shortest: period.saturating_sub(tolerance),
            longest: period.saturating_add(tolerance).saturating_add(coarse),
            refused_may_count,
            fresh,
        }
    }
}

/// What was found about one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Finding {
    /// The most calls that were certainly admitted within one window.
    pub(crate) worst: u64,
    /// When that window starts.
    pub(crate) worst_from: u64,
    /// Whether a window is certainly over the limit.
    pub(crate) window_over: bool,
    /// The first moment by which the promise was certainly broken, from the chains.
    pub(crate) chain_broken: Option<u64>,
}

impl Finding {
    pub(crate) fn is_violated(&self) -> bool {
        self.window_over || self.chain_broken.is_some()
    }
}

/// Looks for an excess.
pub(crate) fn excess(rule: &Rule, calls: &[Call]) -> Finding {
    let mut admitted: Vec<(u64, u64)> = calls
        .iter()
        .filter(|c| c.outcome == Outcome::Admitted)
        .map(|c| (c.sent, c.received))
        .collect();
    admitted.sort_unstable();
    let (worst, worst_from) = worst_window(&admitted, rule.shortest);
    let chain_broken = broken_chain(&admitted, rule);
    Finding {
        worst,
        worst_from,
        window_over: worst > rule.calls,
        chain_broken,
    }
}

/// The most calls inside one window that starts when a call was sent, and that start. `calls` are
/// sorted.
fn worst_window(calls: &[(u64, u64)], period: u64) -> (u64, u64) {
    // From the last start to the first: all calls sent at or after the start have been added to the
    // tree by rank of their answer, so those answered before the window's end are a prefix.
    let mut answers: Vec<u64> = calls.iter().map(|(_, received)| *received).collect();
    answers.sort_unstable();
    let mut tree = vec![0_u64; answers.len() + 1];
    let mut best = (0, 0);
    for (sent, received) in calls.iter().rev() {
        let mut at = answers.partition_point(|answer| answer < received) + 1;
        while at < tree.len() {
            tree[at] += 1;
            at += at & at.wrapping_neg();
        }
        let end = sent.saturating_add(period);
        let mut at = answers.partition_point(|answer| *answer < end);
        let mut inside = 0;
        while at > 0 {
            inside += tree[at];
            at &= at - 1;
        }
        if inside >= best.0 {
            best = (inside, *sent);
        }
    }
    best
}

/// The first answer time by which the chain of earliest moments has passed it. `calls` are sorted
/// by sent time.
fn broken_chain(calls: &[(u64, u64)], rule: &Rule) -> Option<u64> {
    let mut answers: Vec<u64> = calls.iter().map(|(_, received)| *received).collect();
    answers.sort_unstable();
    let spread = usize::try_from(rule.calls).unwrap_or(usize::MAX);
    let mut earliest: Vec<u64> = Vec::with_capacity(calls.len());
    for (k, (sent, _)) in calls.iter().enumerate() {
        let after = match k.checked_sub(spread) {
            Some(before) => earliest[before].saturating_add(rule.shortest),
            None => 0,
        };
        earliest.push((*sent).max(after));
        if earliest[k] > answers[k] {
            return Some(answers[k]);
        }
    }
    None
}

/// For every call whether it is a refusal that this limit explains.
pub(crate) fn explained_refusals(rule: &Rule, calls: &[Call]) -> Vec<bool> {
    let may_count = |call: &&Call| match call.outcome {
        Outcome::Admitted | Outcome::Unknown => true,
        Outcome::Refused => rule.refused_may_count,
    };
    let counted: Vec<&Call> = calls.iter().filter(may_count).collect();
    let mut sent: Vec<u64> = counted.iter().map(|call| call.sent).collect();
    let mut gone: Vec<u64> = counted
        .iter()
        .map(|call| call.received.saturating_add(rule.longest))
        .collect();
    sent.sort_unstable();
    gone.sort_unstable();
    // Calls that may lie in the window that ends at x. Only a sent call raises it, so its peaks are
    // at sent times.
    let possible = |x: u64| sent.partition_point(|s| *s <= x) - gone.partition_point(|g| *g <= x);
    let peaks = Highest::of(&sent.iter().map(|s| possible(*s) as u64).collect::<Vec<_>>());
    let explains = |call: &Call| {
        let inner = sent.partition_point(|s| *s <= call.sent)
            ..sent.partition_point(|s| *s <= call.received);
        let most = (possible(call.sent) as u64).max(peaks.within(inner));
        let unseen = !rule.fresh && call.sent < rule.longest;
        // A refused call that is counted here itself does not explain itself.
        unseen || most.saturating_sub(u64::from(rule.refused_may_count)) >= rule.calls
    };
    calls
        .iter()
        .map(|call| call.outcome == Outcome::Refused && explains(call))
        .collect()
}
