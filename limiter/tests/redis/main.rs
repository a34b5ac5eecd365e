//! The Redis store against a real Redis and its real clock: races, restarts, outages, expiry, size.
#![allow(clippy::unwrap_used)]

mod size;

use std::num::NonZeroU64;
use std::time::Duration;

use futures_util::future::join_all;
use redis::Commands as _;
use weir_limiter::parts::{Decide as _, RedisConfig, RedisStore};
use weir_limiter::{Check, Decision, Limit, StoreError};
use weir_testkit::{Redis, eventually};

const MINUTE: Duration = Duration::from_secs(60);
/// Generous: the machine may be busy, and only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

fn config(server: &Redis) -> RedisConfig {
    RedisConfig {
        url: server.url(),
        timeout: PATIENCE,
        ..RedisConfig::default()
    }
}

fn connect(server: &Redis) -> RedisStore {
    RedisStore::new(config(server)).unwrap()
}

fn check(key: &str, calls: u64, period: Duration) -> Check {
    let limit = Limit {
        calls: NonZeroU64::new(calls).unwrap(),
        renewal_period: period,
    };
    Check {
        limit_name: "test".into(),
        key: bytes::Bytes::copy_from_slice(key.as_bytes()),
        limit,
        cost: 1,
    }
}

async fn ask(store: &RedisStore, check: Check) -> Result<Decision, StoreError> {
    Ok(store.check(&[vec![check]]).await?[0].decisions[0])
}

async fn one(store: &RedisStore, check: Check) -> Decision {
    ask(store, check).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_hundred_at_once_over_two_limiters_and_exactly_fifteen_get_through() {
    let server = Redis::start();
    let stores = [connect(&server), connect(&server)];
    let checks = (0..400).map(|n| {
        let store = stores[n % 2].clone();
        tokio::spawn(async move { one(&store, check("alice", 15, MINUTE)).await.allowed })
    });
    let admitted = join_all(checks)
        .await
        .into_iter()
        .filter(|allowed| *allowed.as_ref().unwrap())
        .count();
    assert_eq!(admitted, 15);
}

#[tokio::test]
async fn a_call_fits_once_its_retry_after_has_passed() {
    let server = Redis::start();
    let store = connect(&server);
    for (calls, name) in [(3, "exact"), (1500, "slotted")] {
        let check = || Check {
            cost: calls / 3,
            ..check(name, calls, Duration::from_millis(400))
        };
        for _ in 0..6 {
            let decision = one(&store, check()).await;
            if !decision.allowed {
                tokio::time::sleep(decision.retry_after).await;
                assert!(
                    one(&store, check()).await.allowed,
                    "{name}: nobody else asks, and the wait is over"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_was_admitted_still_counts_after_redis_is_killed() {
    let mut server = Redis::start_with_aof();
    let store = connect(&server);
    for calls in [15, 200, 2000] {
        let check = || check(&calls.to_string(), calls, Duration::from_secs(3600));
        one(
            &store,
            Check {
                cost: calls - 10,
                ..check()
            },
        )
        .await;
        for _ in 0..10 {
            assert!(one(&store, check()).await.allowed);
        }
    }
    server.kill();
    assert!(ask(&store, check("15", 15, MINUTE)).await.is_err());
    server.restart();
    let (store, first) = (&connect(&server), &store);
    eventually(PATIENCE, || async { store.ping().await.is_ok() }).await; // it reads its file first
    for calls in [15, 200, 2000] {
        let check = || check(&calls.to_string(), calls, Duration::from_secs(3600));
        assert!(!one(store, check()).await.allowed);
        // The store that saw it die comes back by itself.
        eventually(PATIENCE, || async {
            ask(first, check())
                .await
                .is_ok_and(|decision| !decision.allowed)
        })
        .await;
    }
}

#[tokio::test]
async fn a_forgotten_script_is_sent_again() {
    let server = Redis::start();
    let store = connect(&server);
    assert!(one(&store, check("a", 2, MINUTE)).await.allowed);
    let () = redis::cmd("SCRIPT")
        .arg("FLUSH")
        .query(&mut server.connection())
        .unwrap();
    assert!(one(&store, check("a", 2, MINUTE)).await.allowed);
    assert!(!one(&store, check("a", 2, MINUTE)).await.allowed);
    assert_eq!(
        (server.calls_of("eval"), server.calls_of("evalsha")),
        (2, 3)
    );
}

#[tokio::test]
async fn many_lists_are_one_round_trip() {
    let server = Redis::start();
    let store = connect(&server);
    one(&store, check("warm", 1, MINUTE)).await;
    let before = server.calls_of("evalsha");
    let lists = (0..50)
        .map(|n| {
            vec![
                check(&n.to_string(), 1, MINUTE),
                check("shared", 300, MINUTE),
            ]
        })
        .collect::<Vec<_>>();
    assert_eq!(store.check(&lists).await.unwrap().len(), 50);
    assert_eq!(server.calls_of("evalsha") - before, 1);
}

#[tokio::test]
async fn the_connections_are_few_and_shared() {
    let server = Redis::start();
    let store = RedisStore::new(RedisConfig {
        connections: 3,
        ..config(&server)
    })
    .unwrap();
    join_all((0..200).map(|n| ask(&store, check(&n.to_string(), 1, MINUTE)))).await;
    let clients = || {
        let list: String = redis::cmd("CLIENT")
            .arg("LIST")
            .query(&mut server.connection())
            .unwrap();
        list.lines().count() - 1 // the one that asks
    };
    eventually(PATIENCE, || async { clients() == 3 }).await;
}

#[tokio::test]
async fn a_frozen_redis_is_a_timeout_and_a_thawed_one_serves_again() {
    let server = Redis::start();
    let timeout = Duration::from_millis(200);
    let store = RedisStore::new(RedisConfig {
        timeout,
        ..config(&server)
    })
    .unwrap();
    eventually(PATIENCE, || async { store.ping().await.is_ok() }).await;
    server.pause();
    let error = ask(&store, check("a", 9, MINUTE)).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Timeout(after) if after == timeout),
        "{error:?}"
    );
    for _ in 0..3 {
        assert!(
            ask(&store, check("a", 9, MINUTE))
                .await
                .unwrap_err()
                .is_transient()
        );
    }
    server.resume();
    eventually(PATIENCE, || async {
        ask(&store, check("b", 9, MINUTE)).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_is_gone_is_unavailable_at_once_and_says_why() {
    let mut server = Redis::start();
    let store = connect(&server);
    one(&store, check("a", 9, MINUTE)).await;
    server.kill();
    let _ = ask(&store, check("a", 9, MINUTE)).await; // finds the connections broken
    let error = ask(&store, check("a", 9, MINUTE)).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Unavailable(_)) && error.is_transient(),
        "{error:?}"
    );
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("refused"), "{cause}");
}

#[tokio::test]
async fn a_foreign_value_under_a_counters_name_is_an_error_and_stays() {
    let server = Redis::start();
    let (store, mut connection) = (connect(&server), server.connection());
    let () = connection.rpush("weir:list", "x").unwrap();
    let () = connection.set("weir:text", "x").unwrap();
    for key in ["list", "text"] {
        let error = ask(&store, check(key, 9, MINUTE)).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Protocol(_)) && !error.is_transient(),
            "{error:?}"
        );
    }
    assert_eq!(connection.get::<_, String>("weir:text").unwrap(), "x");
}

#[tokio::test]
async fn a_redis_out_of_memory_says_full() {
    let server = Redis::start();
    let store = connect(&server);
    one(&store, check("a", 9, MINUTE)).await;
    let () = redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory", "1"])
        .query(&mut server.connection())
        .unwrap();
    let error = ask(&store, check("a", 9, MINUTE)).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Full) && error.is_transient(),
        "{error:?}"
    );
}

#[tokio::test]
async fn credentials_decide_and_are_never_printed() {
    let server = Redis::start();
    let () = redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", "s3cret"])
        .query(&mut server.connection())
        .unwrap();
    let with = |password: &str| {
        let url = server
            .url()
            .replace("redis://", &format!("redis://:{password}@"));
        RedisStore::new(RedisConfig {
            url,
            ..config(&server)
        })
        .unwrap()
    };
    assert!(one(&with("s3cret"), check("a", 9, MINUTE)).await.allowed);
    for store in [with("wr0ng"), connect(&server)] {
        let error = ask(&store, check("a", 9, MINUTE)).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
        assert!(!format!("{error} {error:?} {store:?}").contains("wr0ng"));
    }
    let config = RedisConfig {
        url: "redis://:s3cret@localhost".to_owned(),
        ..config(&server)
    };
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    for (url, connections) in [
        ("localhost:6379", 4),
        ("http://localhost", 4),
        ("", 4),
        ("redis://localhost", 0),
    ] {
        let config = RedisConfig {
            url: url.to_owned(),
            connections,
            ..RedisConfig::default()
        };
        let error = RedisStore::new(config).unwrap_err();
        assert!(
            matches!(error, StoreError::Config(_)) && !error.is_transient(),
            "{url}: {error:?}"
        );
    }
}
