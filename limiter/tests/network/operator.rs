//! What operators ask: over gRPC, on memory and on Redis.

use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use weir_limiter::{Config, FailureMode, Limit, Operator, OperatorError};
use weir_proto::limiter::v1;
use weir_testkit::{Redis, eventually};

use crate::support::{Limiter, PATIENCE, on, one, wire};

const HOUR: u64 = 3_600_000;

async fn operator(limiter: &Limiter) -> Operator {
    Operator::resolve(&limiter.url(), PATIENCE)
        .await
        .unwrap()
        .remove(0)
}

fn limit(calls: u64, period: Duration) -> Limit {
    Limit {
        calls: NonZeroU64::new(calls).unwrap(),
        renewal_period: period,
    }
}

fn key(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[tokio::test]
async fn a_key_is_inspected_without_its_limit_in_memory_and_in_redis() {
    let redis = Redis::start();
    for config in [Config::default(), on(&redis)] {
        let limiter = Limiter::start(config).await;
        let (mut client, operator) = (limiter.client().await, operator(&limiter).await);
        let nothing = operator.inspect(key("alice"), &[]).await.unwrap();
        assert_eq!(
            (nothing.used, nothing.standings.len(), nothing.mode()),
            (0, 0, v1::Mode::Exact)
        );
        for call in 0..16 {
            let answer = client
                .check(one("alice", 15, HOUR))
                .await
                .unwrap()
                .into_inner();
            assert_eq!(answer.allowed, call < 15);
        }
        let told = operator
            .inspect(key("alice"), &[limit(20, Duration::from_secs(3_600))])
            .await
            .unwrap();
        assert_eq!((told.used, told.largest_calls), (15, 15));
        assert_eq!(
            (told.shortest_period_ms, told.longest_period_ms),
            (HOUR, HOUR)
        );
        assert!(
            told.last_age_ms <= told.first_age_ms && told.next_slot_ms <= told.empty_after_ms,
            "{told:?}"
        );
        assert!(
            (HOUR - 600_000..=HOUR).contains(&told.next_slot_ms),
            "{told:?}"
        );
        // The limit asked for, and the one that admitted.
        let left = |standing: &v1::Standing| {
            (
                standing.limit.unwrap().calls,
                standing.used,
                standing.remaining,
            )
        };
        assert_eq!(
            told.standings.iter().map(left).collect::<Vec<_>>(),
            [(20, 15, 5), (15, 15, 0)]
        );
        assert_eq!(told.standings[0].retry_after_ms, 0);
        assert!(told.standings[1].retry_after_ms > HOUR - 600_000);
        // Inspecting charges nothing.
        assert_eq!(operator.inspect(key("alice"), &[]).await.unwrap().used, 15);
        limiter.stop().await;
    }
}

#[tokio::test]
async fn remembered_refusals_are_told_and_a_reset_of_all_limiters_ends_them() {
    let redis = Redis::start();
    let (first, second) = (
        Limiter::start(on(&redis)).await,
        Limiter::start(on(&redis)).await,
    );
    for limiter in [&first, &second] {
        let mut client = limiter.client().await;
        while client
            .check(one("alice", 3, HOUR))
            .await
            .unwrap()
            .into_inner()
            .allowed
        {}
        let told = operator(limiter)
            .await
            .inspect(key("alice"), &[])
            .await
            .unwrap();
        assert_eq!(told.refusals.len(), 1, "{told:?}");
        assert_eq!(
            (told.refusals[0].limit.unwrap().calls, told.refusals[0].cost),
            (3, 1)
        );
        assert!(told.refusals[0].retry_after_ms > HOUR - 600_000);
    }
    assert!(operator(&first).await.reset(key("alice")).await.unwrap());
    let told = operator(&second)
        .await
        .inspect(key("alice"), &[])
        .await
        .unwrap();
    assert_eq!(
        (told.used, told.refusals.len()),
        (0, 1),
        "the other limiter still holds to what it knows"
    );
    assert!(!operator(&second).await.reset(key("alice")).await.unwrap());
    for limiter in [first, second] {
        assert!(
            limiter
                .client()
                .await
                .check(one("alice", 3, HOUR))
                .await
                .unwrap()
                .into_inner()
                .allowed
        );
        limiter.stop().await;
    }
}

#[tokio::test]
async fn without_its_store_a_limiter_tells_what_it_counted_itself() {
    let mut redis = Redis::start();
    let config = Config {
        on_store_failure: FailureMode::Local,
        ..on(&redis)
    };
    let limiter = Limiter::start(config).await;
    let (mut client, operator) = (limiter.client().await, operator(&limiter).await);
    client.check(one("alice", 15, HOUR)).await.unwrap();
    redis.kill();
    let mut counted = 0;
    while counted < 4 {
        let answer = client
            .check(one("alice", 15, HOUR))
            .await
            .unwrap()
            .into_inner();
        counted += u64::from(answer.mode() == v1::Mode::Local);
    }
    let told = operator.inspect(key("alice"), &[]).await.unwrap();
    assert_eq!((told.used, told.mode()), (4, v1::Mode::Local));
    redis.restart();
    eventually(PATIENCE, || async {
        operator
            .inspect(key("alice"), &[])
            .await
            .is_ok_and(|told| told.mode() == v1::Mode::Exact)
    })
    .await;
    limiter.stop().await;
}

#[tokio::test]
async fn something_else_under_a_counters_name_is_an_error_of_that_key_only() {
    let redis = Redis::start();
    let limiter = Limiter::start(on(&redis)).await;
    let () = redis::cmd("SET")
        .arg("weir:odd")
        .arg("hello")
        .query(&mut redis.connection())
        .unwrap();
    let operator = operator(&limiter).await;
    let error = operator.inspect(key("odd"), &[]).await.unwrap_err();
    assert!(matches!(error, OperatorError::Refused { .. }), "{error:?}");
    assert_eq!(operator.inspect(key("even"), &[]).await.unwrap().used, 0);
    limiter.stop().await;
}

#[tokio::test]
async fn the_busiest_and_the_most_refused_keys_stand_out() {
    let limiter = Limiter::start(Config::default()).await;
    let mut client = limiter.client().await;
    for _ in 0..20 {
        client.check(one("busy", 1_000, HOUR)).await.unwrap();
    }
    for _ in 0..8 {
        client.check(one("knocks", 2, HOUR)).await.unwrap();
    }
    client
        .peek(v1::PeekRequest {
            check: Some(wire("peeked", 2, HOUR)),
        })
        .await
        .unwrap();
    let top = operator(&limiter).await.top(10).await.unwrap();
    let told = |keys: &[v1::TopKey]| -> Vec<_> {
        keys.iter()
            .map(|top| {
                (
                    top.key.clone(),
                    top.checks,
                    top.refused,
                    top.limit.unwrap().calls,
                )
            })
            .collect()
    };
    assert_eq!(
        told(&top.busiest),
        [(key("busy"), 20, 0, 1_000), (key("knocks"), 8, 6, 2)]
    );
    assert_eq!(told(&top.most_refused), [(key("knocks"), 8, 6, 2)]);
    assert_eq!(top.busiest[0].limit_name, "per-subject");
    assert!(
        !limiter.get("/metrics").await.contains("knocks"),
        "keys stand in no metric"
    );
    limiter.stop().await;
}

#[tokio::test]
async fn keys_are_not_counted_where_that_is_switched_off() {
    let limiter = Limiter::start(Config {
        top_keys: 0,
        ..Config::default()
    })
    .await;
    limiter
        .client()
        .await
        .check(one("k", 2, HOUR))
        .await
        .unwrap();
    let error = operator(&limiter)
        .await
        .top(10)
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        format!(
            "{}: this limiter does not count keys: it was started with --top-keys 0",
            limiter.url()
        )
    );
    limiter.stop().await;
}

#[tokio::test]
async fn a_limiter_that_is_not_there_is_an_error_that_says_where() {
    let port = weir_testkit::free_port();
    let operator = Operator::resolve(&format!("http://localhost:{port}"), PATIENCE)
        .await
        .unwrap()
        .remove(0);
    let error = operator.top(1).await.unwrap_err();
    assert!(
        matches!(error, OperatorError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains(&port.to_string()), "{error}");
    assert!(Operator::resolve("limiter:8081", PATIENCE).await.is_err());
}
