//! The window against the brute-force oracle, and the oracle against windows that are wrong on purpose.
#![allow(clippy::unwrap_used)]

#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/schedule.rs"]
mod schedule;

use oracle::{Answer, Rule};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use schedule::{
    Schedule, Subject, any_calls, exact_calls, few_calls, long_exact_schedules, long_schedules, many_calls, run,
    schedules,
};
use weir_limiter::window::{Terms, Verdict, Window};

impl Subject for Window {
    fn check(&mut self, rule: Rule, cost: u64, clock: u64) -> Answer {
        let verdict = Window::check(self, Terms { calls: rule.calls, period: rule.period }, cost, clock);
        let Verdict { allowed, remaining, retry_after, reset_after } = verdict;
        Answer { allowed, remaining, retry_after, reset_after }
    }
}

fn holds(schedule: &Schedule) -> Result<(), TestCaseError> {
    run(schedule, &mut Window::default()).map_err(TestCaseError::fail)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_small_limit_is_exact(schedule in schedules(few_calls(), 1)) {
        holds(&schedule)?;
    }

    #[test]
    fn one_limit_up_to_a_thousand_is_exact(schedule in schedules(exact_calls(), 1)) {
        holds(&schedule)?;
    }

    #[test]
    fn one_large_limit_is_never_over_and_early_by_less_than_a_hundredth(schedule in schedules(many_calls(), 1)) {
        holds(&schedule)?;
    }

    #[test]
    fn limits_that_share_a_key_hold_together(schedule in schedules(few_calls(), 3)) {
        holds(&schedule)?;
    }

    #[test]
    fn limits_of_all_sizes_that_share_a_key_are_never_over(schedule in schedules(any_calls(), 3)) {
        holds(&schedule)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_long_run_of_one_limit_is_exact(schedule in long_exact_schedules()) {
        holds(&schedule)?;
    }

    #[test]
    fn a_long_run_of_two_large_limits_is_never_over(schedule in long_schedules()) {
        holds(&schedule)?;
    }
}

/// A window by brute force, with one mistake.
struct Wrong {
    mistake: Mistake,
    admitted: Vec<u64>,
    longest: u64,
}

impl Wrong {
    fn with(mistake: Mistake) -> Self {
        Self { mistake, admitted: Vec::new(), longest: 0 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// None at all: the oracle must accept it.
    None,
    /// Counts per fixed window.
    FixedWindow,
    /// `>` for `>=`: an admission leaves a microsecond late.
    LeavesLate,
    /// An admission leaves a microsecond early.
    LeavesEarly,
    /// Refused calls count too.
    CountsRefused,
    /// Remembers only what the limit at hand needs.
    ShrinksWithTheLimit,
    /// Believes a clock that was set back.
    RunsBackwards,
    /// Charges one, whatever the cost.
    IgnoresCost,
    /// Charges a peek.
    ChargesPeeks,
    /// Says the wait until everything has left, not the first moment with room.
    WaitsTooLong,
}

impl Subject for Wrong {
    fn check(&mut self, rule: Rule, cost: u64, clock: u64) -> Answer {
        use Mistake as M;
        let Rule { calls, period } = rule;
        let last = self.admitted.last().copied().unwrap_or(0);
        if !self.admitted.is_empty() && last + self.longest <= clock {
            let mut fresh = Self::with(self.mistake);
            let answer = fresh.check(rule, cost, clock);
            if !fresh.admitted.is_empty() {
                *self = fresh;
            }
            return answer;
        }
        let now = if self.mistake == M::RunsBackwards { clock } else { clock.max(last) };
        let live = |time: u64| match self.mistake {
            M::FixedWindow => time / period == now / period,
            M::LeavesLate => time + period >= now,
            M::LeavesEarly => time + period > now + 1,
            _ => time + period > now,
        };
        let window: Vec<u64> = self.admitted.iter().copied().filter(|time| live(*time)).collect();
        let used = window.len() as u64;
        let wanted = if self.mistake == M::IgnoresCost { 1 } else { cost.max(1) };
        let wait = |time: u64| (time + period).saturating_sub(clock);
        let allowed = used + wanted <= calls;
        let charged = if cost == 0 && self.mistake != M::ChargesPeeks { 0 } else { wanted };
        if (allowed || self.mistake == M::CountsRefused) && charged <= calls {
            self.admitted.extend((0..charged).map(|_| now));
            self.longest = self.longest.max(if charged > 0 { period } else { 0 });
        }
        if self.mistake == M::ShrinksWithTheLimit {
            let excess = self.admitted.len().saturating_sub(calls as usize);
            self.admitted.drain(..excess);
        }
        let reset = if allowed && charged > 0 { wait(now) } else { window.last().map_or(0, |time| wait(*time)) };
        let leaves = (used + wanted).checked_sub(calls + 1).and_then(|index| window.get(index as usize));
        Answer {
            allowed,
            remaining: calls.saturating_sub(used + if allowed { charged } else { 0 }),
            retry_after: match leaves {
                _ if allowed => 0,
                Some(time) if self.mistake != M::WaitsTooLong => wait(*time),
                _ => reset,
            },
            reset_after: reset,
        }
    }
}

/// How many of 100 schedules a window with this mistake gets through.
fn survived(mistake: Mistake, rules: usize) -> usize {
    let mut runner = TestRunner::deterministic();
    let schedules = schedules(1_u64..16, rules);
    let survives = |_: &usize| {
        let schedule = schedules.new_tree(&mut runner).unwrap().current();
        run(&schedule, &mut Wrong::with(mistake)).is_ok()
    };
    (0..100).filter(survives).count()
}

#[test]
fn the_oracle_accepts_a_right_window() {
    assert_eq!(survived(Mistake::None, 1), 100);
}

#[test]
fn the_oracle_catches_every_mistake() {
    use Mistake as M;
    let alone = [
        M::FixedWindow,
        M::LeavesLate,
        M::LeavesEarly,
        M::CountsRefused,
        M::RunsBackwards,
        M::IgnoresCost,
        M::ChargesPeeks,
        M::WaitsTooLong,
    ];
    for mistake in alone {
        let survived = survived(mistake, 1);
        assert!(survived < 80, "{mistake:?} got through {survived} of 100 schedules");
    }
    let survived = survived(M::ShrinksWithTheLimit, 3);
    assert!(survived < 80, "ShrinksWithTheLimit got through {survived} of 100 schedules");
}

#[test]
fn memory_is_bounded_by_the_limit() {
    for (calls, most) in [(15, 15 * 8), (1000, 1000 * 8), (1_000_000, 16 << 10)] {
        let (mut window, terms) = (Window::default(), Terms { calls, period: 1_000_000 });
        for step in 0..20_000 {
            window.check(terms, 1, 1_000_000_000 + step * 97);
        }
        assert!(window.heap_bytes() <= most, "{calls} calls take {} bytes", window.heap_bytes());
    }
}
