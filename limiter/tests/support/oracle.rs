//! A brute-force judge of verdicts. It keeps every admission for ever and recounts all of them for
//! every verdict; it shares no code with what it judges.
//!
//! While several limits share a key, a window may have forgotten what no limit in use needed. So
//! the judge keeps two sets: what a window must still know, and all it may still know. A verdict
//! must lie between those two; with a single limit they are the same, and the verdict is exactly
//! determined. Large limits are the exception once something was taken back: a slot cannot tell the
//! moment's own admissions from those just before it, so newer ones may stay.

use std::collections::VecDeque;

/// A limit: at most `calls` in any half-open interval of `period` microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) calls: u64,
    pub(crate) period: u64,
}

/// A verdict; waits in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) allowed: bool,
    pub(crate) remaining: u64,
    pub(crate) retry_after: u64,
    pub(crate) reset_after: u64,
}

#[derive(Debug, Clone, Copy)]
struct Admission {
    time: u64,
    cost: u64,
    rule: Rule,
}

/// Judges one key.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// Every admission since anything last counted.
    all: Vec<Admission>,
    /// Those that no limit in use allows to forget.
    sure: VecDeque<Admission>,
    /// The largest calls and the longest period that admitted since anything last counted.
    calls: u64,
    longest: u64,
    /// How much later than the newest admission a window may believe it to be.
    uncertain: u64,
}

/// Up to this many calls a window is exact.
const EXACT: u64 = 1000;

impl Oracle {
    /// The admission times so far, to aim at period edges.
    pub(crate) fn times(&self) -> Vec<u64> {
        self.all.iter().map(|admission| admission.time).collect()
    }

    /// The times of admissions that still count.
    pub(crate) fn counting(&self, clock: u64) -> Vec<u64> {
        self.times()
            .into_iter()
            .filter(|time| time + self.longest > clock)
            .collect()
    }

    /// Says what is wrong with a verdict, if anything, and takes note of it.
    pub(crate) fn judge(
        &mut self,
        rule: Rule,
        cost: u64,
        clock: u64,
        answer: Answer,
    ) -> Result<(), String> {
        if self.has_ended(clock) {
            // Nothing counts any more. Only the next admission makes that final: a clock may be set
            // back before it.
            let mut fresh = Self::default();
            fresh.judge(rule, cost, clock, answer)?;
            if !fresh.all.is_empty() {
                *self = fresh;
            }
            return Ok(());
        }
        let now = self.now(clock);
        let fail = |what: &str, expected: String| {
            Err(format!(
                "{what}: expected {expected} of {rule:?} cost {cost} at {clock} (now {now}), got {answer:?}; last {:?}",
                self.all.last()
            ))
        };

        let sure: Vec<_> = self
            .sure
            .iter()
            .copied()
            .filter(|a| a.time + self.longest > now)
            .collect();
        let late = self.lateness();
        let wanted = cost.max(1);
        let least = used(&sure, rule.period, now);
        let most = used(&self.all, rule.period + late, now);
        if answer.allowed && least + wanted > rule.calls {
            return fail(
                "admitted too much",
                format!("refusal, {least} are in the window"),
            );
        }
        if !answer.allowed && most + wanted <= rule.calls {
            return fail(
                "refused without need",
                format!("admission, only {most} are in the window"),
            );
        }

        let charged = if answer.allowed { cost } else { 0 };
        let (low, high) = (
            rule.calls.saturating_sub(most),
            rule.calls.saturating_sub(least),
        );
        if answer.remaining + charged < low || answer.remaining + charged > high {
            return fail(
                "remaining",
                format!("{low}..={high} before charging {charged}"),
            );
        }
        let recorded = self.all.last().map_or(now, |last| last.time.max(now));
        let newest = if charged > 0 {
            Some(recorded)
        } else {
            self.all.last().map(|a| a.time)
        };
        let surely_newest = if charged > 0 {
            newest
        } else {
            self.surely_newest()
        };
        let counts_until = |time: u64| {
            if time + rule.period > now {
                time + rule.period - clock
            } else {
                0
            }
        };
        let reset = surely_newest.map_or(0, counts_until);
        // Of a slot that lost its newest admission the window knows no more than that it was in it.
        let latest_reset = newest.map_or(0, |time| counts_until(time + self.uncertain));
        if answer.reset_after < reset || answer.reset_after > latest_reset {
            return fail("reset_after", format!("{reset}..={latest_reset}"));
        }
        let (early, latest) = match (answer.allowed, wanted > rule.calls) {
            (true, _) => (0, 0),
            (false, true) => (reset, latest_reset),
            (false, false) => {
                let early = first_fit(&sure, rule, wanted, now) - clock;
                (
                    early,
                    first_fit(&self.all, rule, wanted, now).max(now) + late - clock,
                )
            }
        };
        if answer.retry_after < early || answer.retry_after > latest {
            return fail("retry_after", format!("{early}..={latest}"));
        }
        if charged > 0 {
            self.admit(Admission {
                time: recorded,
                cost,
                rule,
            });
        }
        self.no_interval_is_over()
    }

    /// Takes note of a reset, and says what is wrong with its answer.
    pub(crate) fn judge_reset(&mut self, clock: u64, existed: bool) -> Result<(), String> {
        // A store may still hold what does not count any more; it must not lose what does.
        let newest = self.surely_newest();
        let counts = newest.is_some_and(|time| time + self.longest > clock);
        *self = Self::default();
        if counts && !existed {
            Err("the key counted, but the reset found nothing".to_owned())
        } else {
            Ok(())
        }
    }

    /// Takes note of a refund, and says what is wrong with its answer. `of` is the moment of the
    /// admission it is for; without one it is for the newest.
    pub(crate) fn judge_refund(
        &mut self,
        units: u64,
        of: Option<u64>,
        clock: u64,
        taken: u64,
    ) -> Result<(), String> {
        let now = self.now(clock);
        let longest = self.longest;
        let gone = self.has_ended(clock) || of.is_some_and(|moment| moment + longest <= now);
        // What still counts at least, and at most.
        let live = |admissions: &[Admission], late| used(admissions, longest + late, now);
        let sure: Vec<_> = self.sure.iter().copied().collect();
        let (least, most) = if gone {
            (0, 0)
        } else {
            (live(&sure, 0), live(&self.all, self.lateness()))
        };
        if taken < units.min(least) || taken > units.min(most) {
            return Err(format!(
                "took {taken} of {units} back at {clock}: {least}..={most} count"
            ));
        }
        if taken == 0 {
            return Ok(());
        }
        if self.is_slotted() {
            self.uncertain = self.lateness();
        }
        let late = self.lateness();
        self.all.retain(|a| a.time + longest + late > now);
        // The slot that holds the moment may begin a slot's span before it.
        take_back(
            &mut self.all,
            units,
            of.map(|moment| moment.saturating_sub(late)),
        );
        let mut sure: Vec<_> = self.sure.drain(..).collect();
        take_back(&mut sure, units, of);
        self.sure = sure.into();
        if self.all.is_empty() {
            *self = Self::default();
        }
        Ok(())
    }

    fn has_ended(&self, clock: u64) -> bool {
        self.all
            .last()
            .is_some_and(|last| last.time + self.longest + self.uncertain <= clock)
    }

    /// The key's time. A window that may hold admissions ahead of time believes a clock that is a
    /// little behind.
    fn now(&self, clock: u64) -> u64 {
        let ahead = if self.is_slotted() {
            (self.longest / 1024).min(100_000)
        } else {
            0
        };
        self.all
            .last()
            .map_or(clock, |last| clock.max(last.time - ahead))
    }

    /// Whether a window may count in slots.
    fn is_slotted(&self) -> bool {
        self.calls > EXACT
    }

    /// The newest admission that a window cannot have taken back.
    fn surely_newest(&self) -> Option<u64> {
        let newest = if self.is_slotted() {
            self.sure.back()
        } else {
            self.all.last()
        };
        newest.map(|admission| admission.time)
    }

    /// How much later than due an admission may leave the window: a slot's span.
    fn lateness(&self) -> u64 {
        if self.is_slotted() {
            self.longest / 128
        } else {
            0
        }
    }

    fn admit(&mut self, admission: Admission) {
        self.calls = self.calls.max(admission.rule.calls);
        self.longest = self.longest.max(admission.rule.period);
        self.all.push(admission);
        self.sure.push_back(admission);
        let longest = self.longest;
        self.sure.retain(|a| a.time + longest > admission.time);
        if self.calls <= EXACT {
            let mut excess = self
                .sure
                .iter()
                .map(|a| a.cost)
                .sum::<u64>()
                .saturating_sub(self.calls);
            while excess > 0 {
                let oldest = &mut self.sure[0];
                let dropped = excess.min(oldest.cost);
                oldest.cost -= dropped;
                excess -= dropped;
                if oldest.cost == 0 {
                    self.sure.pop_front();
                }
            }
        }
    }

    /// The promise itself, from the admissions alone. An interval that is over stays over when it
    /// is moved to start at its first admission and to end with its last, so only those that end
    /// with the newest one are new.
    fn no_interval_is_over(&self) -> Result<(), String> {
        // In slots, what was taken back is certain only of the sure ones.
        let admissions: Vec<Admission> = if self.is_slotted() {
            self.sure.iter().copied().collect()
        } else {
            self.all.clone()
        };
        let Some(last) = admissions.last() else {
            return Ok(());
        };
        // A rule binds what it admits itself, from its first admission on.
        let since = admissions
            .iter()
            .position(|a| a.rule == last.rule)
            .unwrap_or(0);
        let mut count = 0;
        for start in admissions[since..]
            .iter()
            .rev()
            .take_while(|a| a.time + last.rule.period > last.time)
        {
            count += start.cost;
            if count > last.rule.calls {
                return Err(format!(
                    "{count} admitted from {} to {} under {:?}",
                    start.time, last.time, last.rule
                ));
            }
        }
        Ok(())
    }
}

fn used(admissions: &[Admission], period: u64, now: u64) -> u64 {
    admissions
        .iter()
        .filter(|a| a.time + period > now)
        .map(|a| a.cost)
        .sum()
}

/// Takes the newest units away, or the oldest of those since a moment, and of those before it the
/// newest.
fn take_back(admissions: &mut Vec<Admission>, units: u64, of: Option<u64>) {
    let mut left = units;
    let mut take = |admission: &mut Admission| {
        let taken = left.min(admission.cost);
        admission.cost -= taken;
        left -= taken;
    };
    let since = of.map_or(admissions.len(), |moment| {
        admissions.partition_point(|a| a.time < moment)
    });
    let (before, from) = admissions.split_at_mut(since);
    from.iter_mut().for_each(&mut take);
    before.iter_mut().rev().for_each(&mut take);
    admissions.retain(|a| a.cost > 0);
}

/// The first moment, from `now` on, at which `wanted` more fit.
fn first_fit(admissions: &[Admission], rule: Rule, wanted: u64, now: u64) -> u64 {
    let fits = |moment: u64| used(admissions, rule.period, moment) + wanted <= rule.calls;
    if fits(now) {
        return now;
    }
    // Admissions are in the order of time, and what fits once fits for ever.
    let first = admissions.partition_point(|a| !fits((a.time + rule.period).max(now)));
    admissions[first].time + rule.period
}
