//! How long a key lives, and how much memory it takes.

use std::time::Duration;

use redis::Commands as _;
use weir_limiter::Check;
use weir_limiter::parts::{Decide as _, RedisStore};
use weir_testkit::{Redis, eventually};

use crate::{MINUTE, PATIENCE, check, connect, one};

/// Redis's clock in microseconds.
fn time(connection: &mut redis::Connection) -> i64 {
    let (seconds, micros): (i64, i64) = redis::cmd("TIME").query(connection).unwrap();
    seconds * 1_000_000 + micros
}

/// A key lives a period longer than its last call, and up to a quarter more so that not every call
/// has to say so.
#[tokio::test]
async fn a_key_expires_a_period_after_its_last_call_and_not_before() {
    let server = Redis::start();
    let (store, mut connection) = (connect(&server), server.connection());
    for calls in [15, 100, 1000, 5000] {
        let key = calls.to_string();
        one(
            &store,
            Check {
                cost: calls - 1,
                ..check(&key, calls, MINUTE)
            },
        )
        .await;
        let before = time(&mut connection);
        // A shorter limit on the same key does not shorten its life.
        assert!(
            one(&store, check(&key, calls, Duration::from_secs(1)))
                .await
                .allowed
        );
        assert_expiry(&mut connection, &key, before, MINUTE);
    }
    one(&store, check("short", 1, Duration::from_millis(50))).await;
    eventually(PATIENCE, || async {
        !server.connection().exists::<_, bool>("weir:short").unwrap()
    })
    .await;
    assert!(one(&store, check("short", 1, MINUTE)).await.allowed);
}

/// Calls that come one by one, over many quarters of their period, in every form a log can have.
#[tokio::test]
async fn every_call_leaves_its_key_long_enough_to_live() {
    let server = Redis::start();
    let (store, mut connection) = (connect(&server), server.connection());
    let period = Duration::from_millis(400);
    let start = time(&mut connection);
    one(
        &store,
        Check {
            cost: 40,
            ..check("100", 100, period)
        },
    )
    .await;
    let (mut admitted, mut longest) = ([0; 4], 0);
    while time(&mut connection) < start + 2_500_000 {
        for (calls, admitted) in [15, 100, 1000, 5000].into_iter().zip(&mut admitted) {
            let before = time(&mut connection);
            if one(&store, check(&calls.to_string(), calls, period))
                .await
                .allowed
            {
                *admitted += 1;
                assert_expiry(&mut connection, &calls.to_string(), before, period);
            }
        }
        longest = longest.max(connection.strlen::<_, usize>("weir:100").unwrap());
    }
    assert!(
        admitted.iter().all(|admitted| *admitted > 20),
        "{admitted:?} were admitted"
    );
    assert!(
        longest > 300,
        "a long log was to be among them, not one of {longest} bytes"
    );
}

/// After a call that was made since `before`, in microseconds of Redis.
fn assert_expiry(connection: &mut redis::Connection, key: &str, before: i64, period: Duration) {
    let expires: i64 = redis::cmd("PEXPIRETIME")
        .arg(format!("weir:{key}"))
        .query(connection)
        .unwrap();
    let (expires, after, period) = (
        expires * 1000,
        time(connection),
        i64::try_from(period.as_micros()).unwrap(),
    );
    assert!(
        expires >= before + period,
        "{key} calls: {expires} us is before {before} us and {period} us"
    );
    let latest = after + period + period / 4 + 1000;
    assert!(
        expires <= latest,
        "{key} calls: {expires} us is after {after} us and five quarters of {period} us"
    );
}

/// All the memory Redis uses for one more key that has counted `calls`, tables and expiry included.
async fn bytes_per_key(server: &Redis, store: &RedisStore, keys: usize, calls: u64) -> usize {
    let used = || -> usize {
        let info: String = redis::cmd("INFO")
            .arg("memory")
            .query(&mut server.connection())
            .unwrap();
        info.lines()
            .find_map(|line| line.strip_prefix("used_memory:"))
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    };
    let key = |n: usize| format!("user:{calls:05}:{n:011}"); // as long as an object id, 22 bytes
    let lists = |first: usize| {
        (first..first + 64)
            .map(|n| vec![check(&key(n), calls, MINUTE * 60)])
            .collect::<Vec<_>>()
    };
    // The script and the buffers are there before it is measured.
    store.check(&lists(keys)).await.unwrap();
    let before = used();
    for first in (0..keys).step_by(64) {
        for _ in 0..calls {
            store.check(&lists(first)).await.unwrap();
        }
    }
    (used() - before) / keys
}

#[tokio::test]
async fn fifteen_calls_take_at_most_260_bytes_and_a_thousand_at_most_nine_a_call() {
    let server = Redis::start();
    let store = connect(&server);
    for (keys, calls, most) in [(4032, 15, 260), (64, 1000, 9_000)] {
        let bytes = bytes_per_key(&server, &store, keys, calls).await;
        assert!(bytes <= most, "{calls} calls take {bytes} bytes");
    }
}
