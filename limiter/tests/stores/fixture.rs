//! Stores on a clock that the tests move.

use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use weir_limiter::parts::{ManualClock, MemoryStore, RedisConfig, RedisStore, Store};
use weir_limiter::{Check, Decision, Limit, MemoryConfig, Mode};
use weir_testkit::Redis;

use crate::schedule::START;

/// A store, its clock, and what must live as long as it.
pub struct Fixture<S> {
    pub store: S,
    pub clock: ManualClock,
    pub server: Option<Redis>,
}

pub fn memory() -> Fixture<MemoryStore<ManualClock>> {
    let clock = ManualClock::at_micros(START);
    let store = MemoryStore::with_clock(&MemoryConfig::default(), clock.clone());
    Fixture {
        store,
        clock,
        server: None,
    }
}

pub fn redis() -> Fixture<RedisStore> {
    let (server, clock) = (Redis::start(), ManualClock::at_micros(START));
    let config = RedisConfig {
        url: server.url(),
        timeout: Duration::from_secs(20),
        ..RedisConfig::default()
    };
    Fixture {
        store: RedisStore::with_clock(config, clock.clone()).unwrap(),
        clock,
        server: Some(server),
    }
}

pub fn limit(calls: u64, period: Duration) -> Limit {
    Limit {
        calls: NonZeroU64::new(calls).unwrap(),
        renewal_period: period,
    }
}

pub fn check(key: &str, limit: Limit, cost: u64) -> Check {
    Check {
        limit_name: "test".into(),
        key: Bytes::copy_from_slice(key.as_bytes()),
        limit,
        cost,
    }
}

pub const MINUTE: Duration = Duration::from_secs(60);

impl<S: Store> Fixture<S> {
    /// One check by itself.
    pub async fn one(&self, check: Check) -> Decision {
        self.list(vec![check]).await[0]
    }

    pub async fn list(&self, checks: Vec<Check>) -> Vec<Decision> {
        let outcome = self.store.check(&[checks]).await.unwrap().remove(0);
        assert_eq!(outcome.mode, Mode::Exact);
        outcome.decisions
    }
}
