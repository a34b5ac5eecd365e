//! Leases against a judge who knows when calls were really made: in a window, in memory and in
//! Redis; and the judge against leases that are wrong on purpose.
// How often each mistake is caught, with --no-capture.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "support/leases.rs"]
mod leases;

use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use leases::{History, Subject, histories, run};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use weir_limiter::parts::{
    LeaseAsk, ManualClock, MemoryStore, RedisConfig, RedisStore, Store, Unused,
};
use weir_limiter::window::{Admitted, Grant, Terms, Window, lease_span};
use weir_limiter::{Check, Decision, Limit, MemoryConfig};
use weir_testkit::Redis;

/// Far in the future (2096), so that Redis does not expire what this clock calls fresh.
const START: u64 = 4_000_000_000_000_000;

impl Subject for Window {
    fn check(&mut self, calls: u64, period: u64, cost: u64, clock: u64) -> bool {
        Window::check(self, Terms { calls, period }, cost, clock).allowed
    }

    fn remaining(&mut self, calls: u64, period: u64, clock: u64) -> u64 {
        Window::check(self, Terms { calls, period }, 0, clock).remaining
    }

    fn lease(&mut self, calls: u64, period: u64, wanted: u64, clock: u64) -> Grant {
        Window::lease(self, Terms { calls, period }, wanted, clock)
    }

    fn give_back(&mut self, units: u64, recorded: u64, clock: u64) -> u64 {
        self.refund(units, Admitted::Since(recorded), clock)
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn replicas_that_lease_are_never_over_together(history in histories()) {
        run(&history, START, 0, &mut Window::default()).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn limits_that_are_counted_exactly_are_not_leased() {
    let mut window = Window::default();
    assert_eq!(
        window.lease(
            Terms {
                calls: 1000,
                period: 60_000_000
            },
            10,
            START
        ),
        Grant {
            remaining: 1000,
            ..Grant::default()
        }
    );
    assert_eq!(window.ends_at(), 0);
    // Not even with company that is.
    let (small, large) = (
        Terms {
            calls: 500,
            period: 60_000_000,
        },
        Terms {
            calls: 5000,
            period: 60_000_000,
        },
    );
    assert_eq!(window.lease(large, 10, START).units, 10);
    assert_eq!(window.lease(small, 10, START).units, 0);
    assert_eq!(window.check(small, 0, START).remaining, 490);
}

#[test]
fn a_lease_takes_a_quarter_of_what_is_left_at_most() {
    let (mut window, terms) = (
        Window::default(),
        Terms {
            calls: 4000,
            period: 60_000_000,
        },
    );
    let grant = window.lease(terms, 2000, START);
    assert_eq!(
        grant,
        Grant {
            units: 1000,
            recorded: START + lease_span(terms.period),
            remaining: 3000
        }
    );
    assert_eq!(window.lease(terms, 2000, START).units, 750);
    assert!(window.check(terms, 2249, START).allowed);
    assert_eq!(
        window.lease(terms, 1, START),
        Grant {
            units: 0,
            recorded: 0,
            remaining: 1
        }
    );
}

/// Leases with one mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// Recorded at the moment they are taken.
    RecordedWhenTaken,
    /// Decided at the last moment at which they may be used.
    DecidedAtTheEnd,
    /// The newest admissions are given back, whoever made them.
    GivesBackTheNewest,
    /// What was used is given back too.
    GivesBackMore,
    /// What is left is not given back.
    KeepsWhatIsLeft,
}

struct Wrong {
    window: Window,
    mistake: Mistake,
}

impl Subject for Wrong {
    fn check(&mut self, calls: u64, period: u64, cost: u64, clock: u64) -> bool {
        Subject::check(&mut self.window, calls, period, cost, clock)
    }

    fn remaining(&mut self, calls: u64, period: u64, clock: u64) -> u64 {
        Subject::remaining(&mut self.window, calls, period, clock)
    }

    fn lease(&mut self, calls: u64, period: u64, wanted: u64, clock: u64) -> Grant {
        let terms = Terms { calls, period };
        let moment = match self.mistake {
            Mistake::RecordedWhenTaken => clock,
            Mistake::DecidedAtTheEnd => clock + lease_span(period),
            _ => return self.window.lease(terms, wanted, clock),
        };
        let remaining = self.window.check(terms, 0, moment).remaining;
        let units = wanted.min(remaining / 4);
        if units > 0 {
            self.window.check(terms, units, moment);
        }
        Grant {
            units,
            recorded: moment,
            remaining: remaining - units,
        }
    }

    fn give_back(&mut self, units: u64, recorded: u64, clock: u64) -> u64 {
        match self.mistake {
            Mistake::GivesBackTheNewest => self.window.refund(units, Admitted::Last, clock),
            Mistake::GivesBackMore => {
                self.window
                    .refund(units + 20, Admitted::Since(recorded), clock);
                units
            }
            Mistake::KeepsWhatIsLeft => 0,
            _ => self.window.refund(units, Admitted::Since(recorded), clock),
        }
    }
}

/// Whether a history is over by nothing, with leases used some time longer than they may be.
type Judge = Box<dyn FnMut(&History, u64) -> bool>;

fn survived(overtime: u64, mut subject: impl FnMut() -> Judge) -> usize {
    let (mut runner, histories) = (TestRunner::deterministic(), histories());
    let survives = |_: &usize| {
        subject()(
            &histories.new_tree(&mut runner).unwrap().current(),
            overtime,
        )
    };
    (0..400).filter(survives).count()
}

#[test]
fn the_judge_catches_every_mistake() {
    let right = || -> Judge {
        Box::new(|history, overtime| run(history, START, overtime, &mut Window::default()).is_ok())
    };
    assert_eq!(survived(0, right), 400);
    let late = survived(16, right);
    println!("used a span too long got through {late} of 400 histories");
    assert!(
        late < 380,
        "used a span too long got through {late} of 400 histories"
    );
    for mistake in [
        Mistake::RecordedWhenTaken,
        Mistake::DecidedAtTheEnd,
        Mistake::GivesBackTheNewest,
        Mistake::GivesBackMore,
        Mistake::KeepsWhatIsLeft,
    ] {
        let survived = survived(0, || {
            Box::new(move |history, overtime| {
                run(
                    history,
                    START,
                    overtime,
                    &mut Wrong {
                        window: Window::default(),
                        mistake,
                    },
                )
                .is_ok()
            })
        });
        println!("{mistake:?} got through {survived} of 400 histories");
        assert!(
            survived < 380,
            "{mistake:?} got through {survived} of 400 histories"
        );
    }
}

/// A key of a store.
struct Counter<'a, S> {
    store: &'a S,
    clock: &'a ManualClock,
    runtime: &'a tokio::runtime::Runtime,
    key: Bytes,
}

fn limit(calls: u64, period: u64) -> Limit {
    Limit {
        calls: NonZeroU64::new(calls).unwrap(),
        renewal_period: Duration::from_micros(period),
    }
}

impl<S: Store> Counter<'_, S> {
    fn decide(&self, calls: u64, period: u64, cost: u64, clock: u64) -> Decision {
        self.clock.set_micros(clock);
        let check = Check {
            limit_name: "test".into(),
            key: self.key.clone(),
            limit: limit(calls, period),
            cost,
        };
        self.runtime
            .block_on(self.store.check(&[vec![check]]))
            .unwrap()[0]
            .decisions[0]
    }
}

impl<S: Store> Subject for Counter<'_, S> {
    fn check(&mut self, calls: u64, period: u64, cost: u64, clock: u64) -> bool {
        self.decide(calls, period, cost, clock).allowed
    }

    fn remaining(&mut self, calls: u64, period: u64, clock: u64) -> u64 {
        self.decide(calls, period, 0, clock).remaining
    }

    fn lease(&mut self, calls: u64, period: u64, wanted: u64, clock: u64) -> Grant {
        self.clock.set_micros(clock);
        let ask = LeaseAsk {
            key: self.key.clone(),
            limit: limit(calls, period),
            wanted,
        };
        self.runtime.block_on(self.store.lease(ask)).unwrap()
    }

    fn give_back(&mut self, units: u64, recorded: u64, clock: u64) -> u64 {
        self.clock.set_micros(clock);
        let unused = Unused {
            key: self.key.clone(),
            units,
            recorded,
        };
        self.runtime.block_on(self.store.give_back(unused)).unwrap()
    }
}

fn judge<S: Store>(cases: u32, open: impl FnOnce(ManualClock) -> S) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let clock = ManualClock::at_micros(START);
    let store = runtime.block_on(async { open(clock.clone()) });
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let next_key = std::cell::Cell::new(0);
    let result = TestRunner::new(config).run(&histories(), |history| {
        next_key.set(next_key.get() + 1);
        let key = format!("history {}", next_key.get()).into();
        let mut counter = Counter {
            store: &store,
            clock: &clock,
            runtime: &runtime,
            key,
        };
        run(&history, START, 0, &mut counter).map_err(TestCaseError::fail)
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn leases_from_memory_are_never_over() {
    judge(400, |clock| {
        MemoryStore::with_clock(&MemoryConfig::default(), clock)
    });
}

#[test]
fn leases_from_redis_are_never_over() {
    let server = Redis::start();
    let config = RedisConfig {
        url: server.url(),
        timeout: Duration::from_secs(20),
        ..RedisConfig::default()
    };
    judge(300, |clock| RedisStore::with_clock(config, clock).unwrap());
}
