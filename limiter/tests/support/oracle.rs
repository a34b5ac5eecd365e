//! A brute-force judge of verdicts. It keeps every admission for ever and recounts all of them for every verdict; it
//! shares no code with what it judges.
//!
//! While several limits share a key, a window may have forgotten what no limit in use needed. So the judge keeps two
//! sets: what a window must still know, and all it may still know. A verdict must lie between those two; with a single
//! limit they are the same, and the verdict is exactly determined.

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
}

/// Up to this many calls a window is exact.
const EXACT: u64 = 1000;

impl Oracle {
    /// The admission times so far, to aim at period edges.
    pub(crate) fn times(&self) -> Vec<u64> {
        self.all.iter().map(|admission| admission.time).collect()
    }

    /// Says what is wrong with a verdict, if anything, and takes note of it.
    pub(crate) fn judge(&mut self, rule: Rule, cost: u64, clock: u64, answer: Answer) -> Result<(), String> {
        let last = self.all.last().map_or(0, |admission| admission.time);
        if !self.all.is_empty() && last + self.longest <= clock {
            // Nothing counts any more. Only the next admission makes that final: a clock may be set back before it.
            let mut fresh = Self::default();
            fresh.judge(rule, cost, clock, answer)?;
            if !fresh.all.is_empty() {
                *self = fresh;
            }
            return Ok(());
        }
        let now = clock.max(self.all.last().map_or(clock, |admission| admission.time));
        let fail = |what: &str, expected: String| {
            Err(format!(
                "{what}: expected {expected} of {rule:?} cost {cost} at {clock} (now {now}), got {answer:?}; last {:?}",
                self.all.last()
            ))
        };

        let sure: Vec<_> = self.sure.iter().copied().filter(|a| a.time + self.longest > now).collect();
        let late = self.lateness();
        let wanted = cost.max(1);
        let least = used(&sure, rule.period, now);
        let most = used(&self.all, rule.period + late, now);
        if answer.allowed && least + wanted > rule.calls {
            return fail("admitted too much", format!("refusal, {least} are in the window"));
        }
        if !answer.allowed && most + wanted <= rule.calls {
            return fail("refused without need", format!("admission, only {most} are in the window"));
        }

        let charged = if answer.allowed { cost } else { 0 };
        let (low, high) = (rule.calls.saturating_sub(most), rule.calls.saturating_sub(least));
        if answer.remaining + charged < low || answer.remaining + charged > high {
            return fail("remaining", format!("{low}..={high} before charging {charged}"));
        }
        let newest = if charged > 0 { Some(now) } else { self.all.last().map(|a| a.time) };
        let reset = newest.filter(|time| time + rule.period > now).map_or(0, |time| time + rule.period - clock);
        if answer.reset_after != reset {
            return fail("reset_after", reset.to_string());
        }
        let (early, latest) = match (answer.allowed, wanted > rule.calls) {
            (true, _) => (0, 0),
            (false, true) => (reset, reset),
            (false, false) => {
                let early = first_fit(&sure, rule, wanted, now) - clock;
                (early, first_fit(&self.all, rule, wanted, now).max(now) + late - clock)
            }
        };
        if answer.retry_after < early || answer.retry_after > latest {
            return fail("retry_after", format!("{early}..={latest}"));
        }
        if charged > 0 {
            self.admit(Admission { time: now, cost, rule });
        }
        self.no_interval_is_over()
    }

    /// How much later than due an admission may leave the window: a slot's span.
    fn lateness(&self) -> u64 {
        if self.calls > EXACT { self.longest / 128 } else { 0 }
    }

    fn admit(&mut self, admission: Admission) {
        self.calls = self.calls.max(admission.rule.calls);
        self.longest = self.longest.max(admission.rule.period);
        self.all.push(admission);
        self.sure.push_back(admission);
        let longest = self.longest;
        self.sure.retain(|a| a.time + longest > admission.time);
        if self.calls <= EXACT {
            let mut excess = self.sure.iter().map(|a| a.cost).sum::<u64>().saturating_sub(self.calls);
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

    /// The promise itself, from the admissions alone. An interval that is over stays over when it is moved to start at
    /// its first admission and to end with its last, so only those that end with the newest one are new.
    fn no_interval_is_over(&self) -> Result<(), String> {
        let Some(last) = self.all.last() else { return Ok(()) };
        // A rule binds what it admits itself, from its first admission on.
        let since = self.all.iter().position(|a| a.rule == last.rule).unwrap_or(0);
        let mut count = 0;
        for start in self.all[since..].iter().rev().take_while(|a| a.time + last.rule.period > last.time) {
            count += start.cost;
            if count > last.rule.calls {
                return Err(format!("{count} admitted from {} to {} under {:?}", start.time, last.time, last.rule));
            }
        }
        Ok(())
    }
}

fn used(admissions: &[Admission], period: u64, now: u64) -> u64 {
    admissions.iter().filter(|a| a.time + period > now).map(|a| a.cost).sum()
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
