//! Random schedules, judged by the oracle.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use weir_limiter::parts::{Refund, Store};
use weir_limiter::window::Terms;
use weir_limiter::{Admitted, Limit};

use crate::fixture::{Fixture, check, limit, memory, redis};
use crate::oracle::{Answer, Rule};
use crate::schedule::{
    Schedule, Subject, any_calls, around_the_turn, bursty_schedules, changing_schedules,
    exact_calls, few_calls, long_exact_schedules, long_schedules, many_calls, refund_schedules,
    run, schedules,
};

/// A key of a store as the subject of a schedule.
struct Counter<'a, S> {
    fixture: &'a Fixture<S>,
    runtime: &'a tokio::runtime::Runtime,
    key: String,
    /// Checks so far.
    checks: usize,
}

/// Reading a counter back costs a round trip more, so not every check is followed by it.
const INSPECTED: usize = 3;

impl<S: Store> Counter<'_, S> {
    /// What is read back from the store answers like the store.
    fn inspect(&self, limit: Limit) {
        let peek = self
            .runtime
            .block_on(self.fixture.one(check(&self.key, limit, 0)));
        let key = Bytes::copy_from_slice(self.key.as_bytes());
        let snapshot = self
            .runtime
            .block_on(self.fixture.store.inspect(key))
            .unwrap()
            .snapshot;
        let standing = snapshot.standing(Terms::from(limit));
        let micros = |wait: Duration| u64::try_from(wait.as_micros()).unwrap();
        assert_eq!(
            (
                standing.remaining,
                standing.retry_after,
                standing.reset_after
            ),
            (
                peek.remaining,
                micros(peek.retry_after),
                micros(peek.reset_after)
            ),
            "{limit:?} {snapshot:?}"
        );
        assert_eq!(
            limit.calls.get().saturating_sub(standing.used),
            peek.remaining,
            "{snapshot:?}"
        );
        assert!(
            standing.next_slot <= standing.reset_after
                && (standing.next_slot > 0) == (standing.used > 0)
        );
    }
}

impl<S: Store> Subject for Counter<'_, S> {
    fn check(&mut self, rule: Rule, cost: u64, clock: u64) -> Answer {
        self.fixture.clock.set_micros(clock);
        let limit = limit(rule.calls, Duration::from_micros(rule.period));
        let decision = self
            .runtime
            .block_on(self.fixture.one(check(&self.key, limit, cost)));
        self.checks += 1;
        if self.checks.is_multiple_of(INSPECTED) {
            self.inspect(limit);
        }
        let micros = |wait: Duration| u64::try_from(wait.as_micros()).unwrap();
        Answer {
            allowed: decision.allowed,
            remaining: decision.remaining,
            retry_after: micros(decision.retry_after),
            reset_after: micros(decision.reset_after),
        }
    }

    fn reset(&mut self, clock: u64) -> bool {
        self.fixture.clock.set_micros(clock);
        self.runtime
            .block_on(self.fixture.store.reset(self.key.clone().into()))
            .unwrap()
    }

    fn refund(&mut self, units: u64, age: Option<u64>, clock: u64) -> u64 {
        self.fixture.clock.set_micros(clock);
        let admitted = age.map_or(Admitted::Last, |age| {
            Admitted::Within(Duration::from_micros(age))
        });
        let refund = Refund {
            key: self.key.clone().into(),
            cost: units,
            admitted,
        };
        self.runtime
            .block_on(self.fixture.store.refund(refund))
            .unwrap()
    }
}

/// Random schedules, each on a key of its own of one store.
fn judge<S: Store>(
    fixture: fn() -> Fixture<S>,
    cases: u32,
    schedules: impl Strategy<Value = Schedule>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let fixture = &runtime.block_on(async { fixture() });
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let next_key = std::cell::Cell::new(0);
    let result = TestRunner::new(config).run(&schedules, |schedule| {
        next_key.set(next_key.get() + 1);
        let key = format!("schedule {}", next_key.get());
        run(
            &schedule,
            &mut Counter {
                fixture,
                runtime: &runtime,
                key,
                checks: 0,
            },
        )
        .map_err(TestCaseError::fail)
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn memory_agrees_with_the_oracle() {
    judge(memory, 200, schedules(few_calls(), 1));
    judge(memory, 200, schedules(any_calls(), 3));
}

#[test]
fn memory_agrees_with_the_oracle_on_limits_that_change() {
    judge(memory, 200, changing_schedules(few_calls()));
    judge(memory, 200, changing_schedules(any_calls()));
}

#[test]
fn memory_agrees_with_the_oracle_on_refunds() {
    judge(memory, 200, refund_schedules(1_u64..16));
    judge(memory, 200, refund_schedules(any_calls()));
}

#[test]
fn redis_agrees_with_the_oracle_on_limits_that_change() {
    judge(redis, 150, changing_schedules(few_calls()));
    judge(redis, 150, changing_schedules(any_calls()));
}

#[test]
fn redis_agrees_with_the_oracle_on_refunds() {
    judge(redis, 200, refund_schedules(1_u64..16));
    judge(redis, 150, refund_schedules(exact_calls()));
    judge(redis, 200, refund_schedules(many_calls()));
}

#[test]
fn redis_agrees_with_the_oracle_on_small_limits() {
    judge(redis, 150, schedules(few_calls(), 1));
    judge(redis, 150, schedules(few_calls(), 3));
}

#[test]
fn redis_agrees_with_the_oracle_on_limits_up_to_a_thousand() {
    judge(redis, 200, schedules(exact_calls(), 1));
}

#[test]
fn redis_agrees_with_the_oracle_on_large_limits() {
    judge(redis, 200, schedules(many_calls(), 1));
}

#[test]
fn redis_agrees_with_the_oracle_when_limits_of_all_sizes_share_a_key() {
    judge(redis, 300, schedules(any_calls(), 3));
}

#[test]
fn redis_agrees_with_the_oracle_over_long_runs() {
    judge(redis, 5, long_exact_schedules());
    judge(redis, 5, long_schedules());
    judge(redis, 10, bursty_schedules());
}

#[test]
fn redis_agrees_with_the_oracle_around_the_turn_of_its_times() {
    judge(redis, 300, around_the_turn(schedules(few_calls(), 1)));
    judge(redis, 100, around_the_turn(schedules(exact_calls(), 1)));
    judge(redis, 100, around_the_turn(schedules(any_calls(), 3)));
    judge(redis, 50, around_the_turn(refund_schedules(1_u64..16)));
    judge(redis, 3, around_the_turn(long_exact_schedules()));
}
