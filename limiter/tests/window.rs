//! The window against the brute-force oracle, and the oracle against windows that are wrong on
//! purpose.
#![allow(clippy::unwrap_used)]

#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/schedule.rs"]
mod schedule;

use oracle::{Answer, Rule};
use proptest::prelude::*;
use schedule::{
    Schedule, Subject, any_calls, changing_schedules, exact_calls, few_calls, long_exact_schedules,
    long_schedules, many_calls, refund_schedules, run, schedules,
};
use weir_limiter::window::{Admitted, Terms, Verdict, Window};

impl Subject for Window {
    fn check(&mut self, rule: Rule, cost: u64, clock: u64) -> Answer {
        let verdict = Window::check(
            self,
            Terms {
                calls: rule.calls,
                period: rule.period,
            },
            cost,
            clock,
        );
        let Verdict {
            allowed,
            remaining,
            retry_after,
            reset_after,
        } = verdict;
        Answer {
            allowed,
            remaining,
            retry_after,
            reset_after,
        }
    }

    fn reset(&mut self, clock: u64) -> bool {
        std::mem::take(self).ends_at() > clock
    }

    fn refund(&mut self, units: u64, age: Option<u64>, clock: u64) -> u64 {
        let admitted = age.map_or(Admitted::Last, |age| Admitted::Since(clock - age));
        Window::refund(self, units, admitted, clock)
    }
}

fn holds(schedule: &Schedule) -> Result<(), TestCaseError> {
    run(schedule, &mut Window::default()).map_err(TestCaseError::fail)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn one_small_limit_is_exact(schedule in schedules(few_calls(), 1)) {
        holds(&schedule)?;
    }

    #[test]
    fn one_limit_up_to_a_thousand_is_exact(schedule in schedules(exact_calls(), 1)) {
        holds(&schedule)?;
    }

    #[test]
    fn one_large_limit_is_never_over_and_early_by_less_than_a_hundredth(
        schedule in schedules(many_calls(), 1),
    ) {
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

    #[test]
    fn a_limit_that_is_raised_lowered_or_stretched_holds_at_once(
        schedule in changing_schedules(few_calls()),
    ) {
        holds(&schedule)?;
    }

    #[test]
    fn limits_of_all_sizes_that_are_changed_are_never_over(
        schedule in changing_schedules(any_calls()),
    ) {
        holds(&schedule)?;
    }

    #[test]
    fn what_is_refunded_never_counted(schedule in refund_schedules(few_calls())) {
        holds(&schedule)?;
    }

    #[test]
    fn refunds_of_a_limit_up_to_a_thousand_are_exact(schedule in refund_schedules(exact_calls())) {
        holds(&schedule)?;
    }

    #[test]
    fn refunds_of_a_large_limit_leave_no_interval_over(schedule in refund_schedules(many_calls())) {
        holds(&schedule)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_long_run_of_one_limit_is_exact(schedule in long_exact_schedules()) {
        holds(&schedule)?;
    }

    #[test]
    fn a_long_run_of_two_large_limits_is_never_over(schedule in long_schedules()) {
        holds(&schedule)?;
    }
}

#[test]
fn memory_is_bounded_by_the_limit() {
    for (calls, most) in [(15, 15 * 8), (1000, 1000 * 8), (1_000_000, 16 << 10)] {
        let (mut window, terms) = (
            Window::default(),
            Terms {
                calls,
                period: 1_000_000,
            },
        );
        for step in 0..20_000 {
            window.check(terms, 1, 1_000_000_000 + step * 97);
        }
        assert!(
            window.heap_bytes() <= most,
            "{calls} calls take {} bytes",
            window.heap_bytes()
        );
    }
}
