//! The window's oracle over gRPC: what comes out of the service is what the store decided, in whole
//! milliseconds.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/support/oracle.rs"]
mod oracle;
#[path = "../../../tests/support/schedule.rs"]
mod schedule;

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::metrics::histogram::Histogram;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use weir_proto::limiter::v1::limiter_client::LimiterClient;
use weir_testkit::Redis;

use super::*;
use crate::layers::batch::{BatchConfig, Batched};
use crate::server::metrics::ServiceMetrics;
use crate::store::Store;
use crate::stores::clock::ManualClock;
use crate::stores::memory::{MemoryConfig, MemoryStore};
use crate::stores::redis::{RedisConfig, RedisStore};
use oracle::{Answer, Rule};
use schedule::{
    START, Schedule, Subject, any_calls, changing_schedules, few_calls, forward_schedules,
    many_calls, refund_schedules, run, schedules,
};

const DAY: u64 = 86_400_000;

/// A key of a service whose store's clock the test moves. The schedule's microseconds are
/// milliseconds here.
struct Counter<'a> {
    runtime: &'a Runtime,
    client: LimiterClient<Channel>,
    clock: &'a ManualClock,
    key: Bytes,
}

impl Counter<'_> {
    fn at(&self, clock: u64) {
        self.clock.set_micros(if clock > START {
            START + (clock - START) * 1000
        } else {
            START - (START - clock) * 1000
        });
    }
}

impl Subject for Counter<'_> {
    fn check(&mut self, rule: Rule, cost: u64, clock: u64) -> Answer {
        self.at(clock);
        let check = v1::Check {
            limit_name: "test".to_owned(),
            key: self.key.clone(),
            calls: rule.calls,
            renewal_period_ms: rule.period,
            cost: Some(cost),
        };
        let decision = if cost == 0 {
            let asked = self.client.peek(v1::PeekRequest { check: Some(check) });
            self.runtime
                .block_on(asked)
                .unwrap()
                .into_inner()
                .decision
                .unwrap()
        } else {
            let asked = self.client.check(v1::CheckRequest {
                checks: vec![check],
            });
            self.runtime.block_on(asked).unwrap().into_inner().decisions[0]
        };
        let v1::Decision {
            allowed,
            limit,
            remaining,
            retry_after_ms,
            reset_after_ms,
            recheck_after_ms,
        } = decision;
        assert_eq!((limit, recheck_after_ms), (rule.calls, 0));
        Answer {
            allowed,
            remaining,
            retry_after: retry_after_ms,
            reset_after: reset_after_ms,
        }
    }

    fn reset(&mut self, clock: u64) -> bool {
        self.at(clock);
        let asked = self.client.reset(v1::ResetRequest {
            key: self.key.clone(),
        });
        self.runtime.block_on(asked).unwrap().into_inner().existed
    }

    fn refund(&mut self, units: u64, age: Option<u64>, clock: u64) -> u64 {
        self.at(clock);
        let message = v1::RefundRequest {
            key: self.key.clone(),
            cost: Some(units),
            admitted_within_ms: age,
        };
        self.runtime
            .block_on(self.client.refund(message))
            .unwrap()
            .into_inner()
            .refunded
    }
}

/// Serves the store of a clock, and a client of that.
async fn serve<S: Store>(store: S) -> LimiterClient<Channel> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let metrics = ServiceMetrics::default();
    let service = super::serve(Arc::new(Decider::new(Arc::new(store), 16, 0, metrics)));
    // Ends with the test's runtime.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tokio::spawn(
        Server::builder()
            .add_service(service)
            .serve_with_incoming(incoming),
    );
    LimiterClient::new(
        Endpoint::from_shared(format!("http://{address}"))
            .unwrap()
            .connect()
            .await
            .unwrap(),
    )
}

/// Random schedules, each on a key of its own of one service.
fn judge<S: Store>(
    open: impl FnOnce(ManualClock) -> S,
    cases: u32,
    schedules: &[BoxedStrategy<Schedule>],
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let clock = ManualClock::at_micros(START);
    let client = runtime.block_on(async { serve(open(clock.clone())).await });
    let next_key = Cell::new(0);
    for schedules in schedules {
        let config = Config {
            cases,
            failure_persistence: None,
            max_shrink_iters: 200,
            ..Config::default()
        };
        let result = TestRunner::new(config).run(schedules, |schedule| {
            next_key.set(next_key.get() + 1);
            let key = format!("schedule {}", next_key.get()).into();
            let client = client.clone();
            run(
                &schedule,
                &mut Counter {
                    runtime: &runtime,
                    client,
                    clock: &clock,
                    key,
                },
            )
            .map_err(TestCaseError::fail)
        });
        result.unwrap_or_else(|failure| panic!("{failure}"));
    }
}

/// Periods of at most a day, as the contract has them, and at most so many calls. (The clock of a
/// slotted key may be set back by a part of a millisecond, which this judge does not see: such
/// schedules only go forward.)
fn within_a_day(
    most: u64,
    schedules: impl Strategy<Value = Schedule> + 'static,
) -> BoxedStrategy<Schedule> {
    let shorten_all = move |mut schedule: Schedule| {
        let shorten = |rule: &Rule| Rule {
            calls: rule.calls.min(most),
            period: rule.period.min(DAY),
        };
        schedule.rules = schedule.rules.iter().map(shorten).collect();
        schedule
    };
    schedules.prop_map(shorten_all).boxed()
}

fn all_schedules() -> [BoxedStrategy<Schedule>; 5] {
    [
        within_a_day(1000, schedules(few_calls(), 3)),
        within_a_day(1000, changing_schedules(few_calls())),
        within_a_day(1000, refund_schedules(1_u64..16)),
        within_a_day(1_000_000_000, refund_schedules(any_calls())),
        // A cost of more than 1,000,000,000 is refused, and costs go up to two and a half times the
        // calls.
        within_a_day(400_000_000, forward_schedules(many_calls())),
    ]
}

#[test]
fn the_memory_store_agrees_with_the_oracle_over_grpc() {
    judge(
        |clock| MemoryStore::with_clock(&MemoryConfig::default(), clock),
        60,
        &all_schedules(),
    );
}

#[test]
fn redis_in_batches_agrees_with_the_oracle_over_grpc() {
    let server = Redis::start();
    let config = RedisConfig {
        url: server.url(),
        timeout: Duration::from_secs(20),
        ..RedisConfig::default()
    };
    let open = |clock| {
        let store = RedisStore::with_clock(config, clock).unwrap();
        let batches = BatchConfig {
            timeout: Duration::from_secs(20),
            ..BatchConfig::default()
        };
        Batched::new(store, batches, Histogram::new([1.0]))
    };
    judge(open, 60, &all_schedules());
}
