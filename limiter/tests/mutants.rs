//! The judge on trial: windows that are wrong on purpose, and how many random schedules find them
//! out. What a mistake gets through here, it could get through in a store's tests too.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // figures are shown with --no-capture

#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/schedule.rs"]
mod schedule;

use oracle::{Answer, Rule};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use schedule::{Schedule, Subject, changing_schedules, refund_schedules, run, schedules};

/// A window by brute force, with one mistake.
struct Wrong {
    mistake: Mistake,
    admitted: Vec<u64>,
    longest: u64,
    /// Calls that a refund beyond what counted left as a credit.
    credit: u64,
    /// The limit that admitted first.
    first: Option<Rule>,
}

impl Wrong {
    fn with(mistake: Mistake) -> Self {
        Self {
            mistake,
            admitted: Vec::new(),
            longest: 0,
            credit: 0,
            first: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// None at all: the oracle must accept it.
    None,
    /// Counts per fixed window.
    FixedWindow,
    /// Weighs the fixed window before by how much of it the sliding window still covers.
    WeightedTwoWindows,
    /// `>` for `>=`: an admission leaves a microsecond late.
    LeavesLate,
    /// An admission leaves a microsecond early.
    LeavesEarly,
    /// One call more than the limit.
    AdmitsOneMore,
    /// Refused calls count too.
    CountsRefused,
    /// Remembers only what the limit at hand needs.
    ShrinksWithTheLimit,
    /// Forgets when the limit's shortest period is over, not its longest.
    ExpiresWithTheLastPeriod,
    /// A changed limit holds only once nothing counts any more.
    KeepsTheFirstLimit,
    /// A changed limit starts from nothing.
    ForgetsWhenChanged,
    /// Believes a clock that was set back.
    RunsBackwards,
    /// Charges one, whatever the cost.
    IgnoresCost,
    /// Admits a part of a cost that does not fit as a whole.
    ChargesWhatFits,
    /// Charges a peek.
    ChargesPeeks,
    /// Says the wait until everything has left, not the first moment with room.
    WaitsTooLong,
    /// Says the wait until one call fits, whatever the cost.
    WaitsForOne,
    /// A reset forgets all but the newest.
    ResetsHalf,
    /// A refund takes nothing back.
    KeepsRefunded,
    /// Takes the oldest back, always.
    RefundsTheOldest,
    /// Takes the newest back, whichever the refund is for.
    RefundsTheNewest,
    /// Takes one back, whatever the cost.
    RefundsOne,
    /// Refunds of more than counts leave a credit.
    RefundsBelowEmpty,
    /// A refund takes back what counts in place of what has left.
    RefundsTwice,
}

use Mistake as M;

impl Wrong {
    fn fresh_start(&mut self, rule: Rule, cost: u64, clock: u64) -> Answer {
        let mut fresh = Self::with(self.mistake);
        let answer = fresh.check(rule, cost, clock);
        if !fresh.admitted.is_empty() {
            *self = fresh;
        }
        answer
    }

    fn has_ended(&self, clock: u64) -> bool {
        self.admitted
            .last()
            .is_some_and(|last| last + self.longest <= clock)
    }

    fn now(&self, clock: u64) -> u64 {
        let last = self.admitted.last().copied().unwrap_or(0);
        if self.mistake == M::RunsBackwards {
            clock
        } else {
            clock.max(last)
        }
    }

    /// The admissions that count.
    fn window(&self, rule: Rule, now: u64) -> Vec<u64> {
        let period = rule.period;
        let live = |time: &u64| match self.mistake {
            M::FixedWindow => time / period == now / period,
            M::LeavesLate => time + period >= now,
            M::LeavesEarly => time + period > now + 1,
            _ => time + period > now,
        };
        if self.mistake == M::WeightedTwoWindows {
            return self.weighted(period, now);
        }
        self.admitted.iter().copied().filter(live).collect()
    }

    fn weighted(&self, period: u64, now: u64) -> Vec<u64> {
        let current = now / period;
        let (before, mut counted): (Vec<u64>, Vec<u64>) = self
            .admitted
            .iter()
            .filter(|time| *time / period + 1 >= current)
            .partition(|time| *time / period < current);
        let share = before.len() as u64 * (period - now % period) / period;
        let mut weighted = before[before.len() - share as usize..].to_vec();
        weighted.append(&mut counted);
        weighted
    }
}

impl Subject for Wrong {
    fn check(&mut self, rule: Rule, cost: u64, clock: u64) -> Answer {
        if self.has_ended(clock) {
            return self.fresh_start(rule, cost, clock);
        }
        let rule = match self.first {
            Some(first) if self.mistake == M::KeepsTheFirstLimit => Rule {
                calls: first.calls,
                ..rule
            },
            Some(first) if self.mistake == M::ForgetsWhenChanged && first != rule => {
                return self.fresh_start(rule, cost, clock);
            }
            _ => rule,
        };
        let calls = if self.mistake == M::AdmitsOneMore {
            rule.calls + 1
        } else {
            rule.calls
        } + self.credit;
        let now = self.now(clock);
        let window = self.window(rule, now);
        let used = window.len() as u64;
        let wanted = match self.mistake {
            M::IgnoresCost => 1,
            M::ChargesWhatFits => cost.max(1).min(calls.saturating_sub(used).max(1)),
            _ => cost.max(1),
        };
        let wait = |time: u64| (time + rule.period).saturating_sub(clock);
        let allowed = used + wanted <= calls;
        let charged = if cost == 0 && self.mistake != M::ChargesPeeks {
            0
        } else {
            wanted
        };
        if (allowed || self.mistake == M::CountsRefused) && charged <= calls {
            self.admitted.extend((0..charged).map(|_| now));
            if charged > 0 {
                self.first.get_or_insert(rule);
                self.longest = self.longest.max(rule.period);
                if self.mistake == M::ExpiresWithTheLastPeriod {
                    self.longest = rule.period;
                }
            }
        }
        if self.mistake == M::ShrinksWithTheLimit {
            let excess = self.admitted.len().saturating_sub(calls as usize);
            self.admitted.drain(..excess);
        }
        let reset = if allowed && charged > 0 {
            wait(now)
        } else {
            window.last().map_or(0, |time| wait(*time))
        };
        let leaving = if self.mistake == M::WaitsForOne {
            1
        } else {
            wanted
        };
        let fits_at_all = wanted <= calls;
        let leaves = (used + leaving)
            .checked_sub(calls + 1)
            .and_then(|index| window.get(index as usize));
        Answer {
            allowed,
            remaining: calls.saturating_sub(used + if allowed { charged } else { 0 }),
            retry_after: match leaves {
                _ if allowed => 0,
                Some(time) if self.mistake != M::WaitsTooLong && fits_at_all => wait(*time),
                _ => reset,
            },
            reset_after: reset,
        }
    }

    fn reset(&mut self, clock: u64) -> bool {
        let existed = !self.admitted.is_empty() && !self.has_ended(clock);
        if self.mistake == M::ResetsHalf {
            let kept = self.admitted.len() / 2;
            self.admitted.drain(..kept);
        } else {
            *self = Self::with(self.mistake);
        }
        existed
    }

    fn refund(&mut self, units: u64, age: Option<u64>, clock: u64) -> u64 {
        if self.has_ended(clock) || self.admitted.is_empty() {
            return 0;
        }
        let (now, longest) = (self.now(clock), self.longest);
        let since = age.map(|age| clock - age);
        if self.mistake != M::RefundsTwice && since.is_some_and(|since| since + longest <= now) {
            return 0;
        }
        self.admitted.retain(|time| time + longest > now);
        let count = self.admitted.len();
        let units = if self.mistake == M::RefundsOne {
            units.min(1)
        } else {
            units
        };
        let taken = usize::try_from(units).unwrap().min(count);
        let before = match since {
            _ if self.mistake == M::RefundsTheOldest => 0,
            Some(since) if self.mistake != M::RefundsTheNewest => {
                self.admitted.partition_point(|time| *time < since)
            }
            _ => count,
        };
        if self.mistake == M::RefundsBelowEmpty {
            self.credit += units - taken as u64;
        }
        let first = before.min(count - taken);
        if self.mistake != M::KeepsRefunded {
            self.admitted.drain(first..first + taken);
        }
        if self.admitted.is_empty() && self.mistake != M::RefundsBelowEmpty {
            *self = Self::with(self.mistake);
        }
        taken as u64
    }
}

/// How many of 100 schedules a window with this mistake gets through.
fn survived(mistake: Mistake, schedules: &impl Strategy<Value = Schedule>) -> usize {
    let mut runner = TestRunner::deterministic();
    let survives = |_: &usize| {
        let schedule = schedules.new_tree(&mut runner).unwrap().current();
        run(&schedule, &mut Wrong::with(mistake)).is_ok()
    };
    (0..100).filter(survives).count()
}

fn is_caught(mistakes: &[Mistake], schedules: &impl Strategy<Value = Schedule>) {
    assert_eq!(
        survived(M::None, schedules),
        100,
        "a right window is refused"
    );
    for mistake in mistakes {
        let survived = survived(*mistake, schedules);
        println!("{mistake:?} got through {survived} of 100 schedules");
        // The tests of windows and stores run at least 150 schedules: what one in twenty finds is
        // found there.
        assert!(
            survived < 95,
            "{mistake:?} got through {survived} of 100 schedules"
        );
    }
}

#[test]
fn mistakes_with_one_limit_are_caught() {
    let mistakes = [
        M::FixedWindow,
        M::WeightedTwoWindows,
        M::LeavesLate,
        M::LeavesEarly,
        M::AdmitsOneMore,
        M::CountsRefused,
        M::RunsBackwards,
        M::IgnoresCost,
        M::ChargesWhatFits,
        M::ChargesPeeks,
        M::WaitsTooLong,
        M::WaitsForOne,
    ];
    is_caught(&mistakes, &schedules(1_u64..16, 1));
}

#[test]
fn mistakes_with_limits_that_share_a_key_are_caught() {
    is_caught(
        &[M::ShrinksWithTheLimit, M::ExpiresWithTheLastPeriod],
        &schedules(1_u64..16, 3),
    );
}

#[test]
fn mistakes_with_limits_that_change_are_caught() {
    let mistakes = [
        M::ExpiresWithTheLastPeriod,
        M::KeepsTheFirstLimit,
        M::ForgetsWhenChanged,
        M::ResetsHalf,
    ];
    is_caught(&mistakes, &changing_schedules(1_u64..16));
}

#[test]
fn mistakes_with_resets_and_refunds_are_caught() {
    let mistakes = [
        M::FixedWindow,
        M::LeavesEarly,
        M::ResetsHalf,
        M::KeepsRefunded,
        M::RefundsTheOldest,
        M::RefundsTheNewest,
        M::RefundsOne,
        M::RefundsBelowEmpty,
        M::RefundsTwice,
    ];
    is_caught(&mistakes, &refund_schedules(1_u64..16));
}
