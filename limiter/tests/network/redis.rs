//! The service on a real Redis: exactness over several limiters, the refusal cache, and what holds
//! while Redis is away.

use std::time::Duration;

use tokio::task::JoinSet;
use tonic::transport::Channel;
use weir_limiter::{Config, Error, FailureMode, StoreConfig};
use weir_proto::limiter::v1;
use weir_proto::limiter::v1::limiter_client::LimiterClient;
use weir_testkit::{Redis, eventually};

use crate::support::{Limiter, PATIENCE, evaluations, on, one, wire};

const HOUR: u64 = 3_600_000;

/// A limiter that gives up on Redis soon.
fn impatient(redis: &Redis, mode: FailureMode) -> Config {
    Config {
        on_store_failure: mode,
        store_timeout: Duration::from_millis(100),
        ..on(redis)
    }
}

async fn mode_of(client: &LimiterClient<Channel>, key: &str) -> v1::Mode {
    client
        .clone()
        .check(one(key, 1_000_000, HOUR))
        .await
        .unwrap()
        .into_inner()
        .mode()
}

async fn until_mode(client: &LimiterClient<Channel>, wanted: v1::Mode) {
    eventually(PATIENCE, || async {
        mode_of(client, "any").await == wanted
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_hundred_concurrent_calls_over_two_limiters_admit_exactly_fifteen() {
    let redis = Redis::start();
    let limiters = [
        Limiter::start(on(&redis)).await,
        Limiter::start(on(&redis)).await,
    ];
    let clients = [limiters[0].client().await, limiters[1].client().await];
    let mut calls = JoinSet::new();
    for number in 0..400 {
        let mut client = clients[number % 2].clone();
        calls.spawn(async move {
            client
                .check(one("alice", 15, HOUR))
                .await
                .unwrap()
                .into_inner()
        });
    }
    let mut admitted = 0;
    while let Some(answer) = calls.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.mode(), v1::Mode::Exact);
        admitted += usize::from(answer.allowed);
    }
    assert_eq!(admitted, 15);
    for limiter in limiters {
        limiter.stop().await;
    }
}

#[tokio::test]
async fn a_flood_of_refused_calls_costs_redis_nothing() {
    let redis = Redis::start();
    let limiter = Limiter::start(on(&redis)).await;
    let mut client = limiter.client().await;
    for allowed in [true, true, false] {
        assert_eq!(
            client
                .check(one("k", 2, HOUR))
                .await
                .unwrap()
                .into_inner()
                .allowed,
            allowed
        );
    }
    let evaluated = evaluations(&redis);
    let mut last_wait = u64::MAX;
    for _ in 0..500 {
        let answer = client.check(one("k", 2, HOUR)).await.unwrap().into_inner();
        assert_eq!((answer.allowed, answer.mode()), (false, v1::Mode::Exact));
        assert!(
            answer.decisions[0].retry_after_ms <= last_wait,
            "the wait counts down"
        );
        last_wait = answer.decisions[0].retry_after_ms;
    }
    let peeked = client
        .peek(v1::PeekRequest {
            check: Some(wire("k", 2, HOUR)),
        })
        .await
        .unwrap()
        .into_inner();
    assert!(!peeked.decision.unwrap().allowed);
    assert_eq!(evaluations(&redis), evaluated);
    assert_eq!(
        limiter
            .metric("weir_limiter_refusal_cache_hits_total")
            .await,
        501
    );
    assert_eq!(limiter.metric("weir_limiter_refusal_cache_keys").await, 1);

    assert!(
        client
            .check(one("k", 3, HOUR))
            .await
            .unwrap()
            .into_inner()
            .allowed,
        "a raised limit asks"
    );
    assert!(evaluations(&redis) > evaluated);
    let key = bytes::Bytes::from_static(b"k");
    assert!(
        client
            .reset(v1::ResetRequest { key })
            .await
            .unwrap()
            .into_inner()
            .existed
    );
    assert!(
        client
            .check(one("k", 2, HOUR))
            .await
            .unwrap()
            .into_inner()
            .allowed
    );
    limiter.stop().await;
}

#[tokio::test]
async fn after_its_wait_a_refused_call_is_admitted() {
    let redis = Redis::start();
    let limiter = Limiter::start(on(&redis)).await;
    let mut client = limiter.client().await;
    assert!(
        client
            .check(one("k", 1, 700))
            .await
            .unwrap()
            .into_inner()
            .allowed
    );
    let mut answer = client.check(one("k", 1, 700)).await.unwrap().into_inner();
    // On a machine that stood still for the whole period there is nothing to wait for.
    while !answer.allowed {
        let wait = answer.decisions[0].retry_after_ms;
        assert!((1..=700).contains(&wait), "{wait}");
        tokio::time::sleep(Duration::from_millis(wait)).await;
        answer = client.check(one("k", 1, 700)).await.unwrap().into_inner();
    }
    limiter.stop().await;
}

#[tokio::test]
async fn a_frozen_redis_is_replaced_by_local_counting_and_taken_back() {
    let redis = Redis::start();
    let limiter = Limiter::start(impatient(&redis, FailureMode::Local)).await;
    let client = limiter.client().await;
    until_mode(&client, v1::Mode::Exact).await;
    redis.pause();
    until_mode(&client, v1::Mode::Local).await;
    eventually(PATIENCE, || async {
        limiter.metric("weir_limiter_circuit_open").await == 1 || {
            mode_of(&client, "any").await;
            false
        }
    })
    .await;
    let mut admitted = 0;
    for _ in 0..20 {
        let answer = client
            .clone()
            .check(one("local", 5, HOUR))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(answer.mode(), v1::Mode::Local);
        admitted += usize::from(answer.allowed);
    }
    assert_eq!(admitted, 5);
    let ready = limiter.get("/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    assert!(
        ready.contains("degraded") && ready.contains("mode local holds"),
        "{ready}"
    );

    redis.resume();
    until_mode(&client, v1::Mode::Exact).await;
    assert_eq!(limiter.metric("weir_limiter_circuit_open").await, 0);
    assert!(!limiter.get("/readyz").await.contains("degraded"));
    let answer = client
        .clone()
        .check(one("local", 5, HOUR))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (answer.allowed, answer.mode()),
        (true, v1::Mode::Exact),
        "local refusals end with the outage"
    );
    limiter.stop().await;
}

#[tokio::test]
async fn while_redis_is_frozen_allow_admits_and_deny_refuses() {
    let redis = Redis::start();
    let allow = Limiter::start(impatient(&redis, FailureMode::Allow)).await;
    let deny = Limiter::start(impatient(&redis, FailureMode::Deny)).await;
    let (allowing, denying) = (allow.client().await, deny.client().await);
    redis.pause();
    until_mode(&allowing, v1::Mode::Allow).await;
    until_mode(&denying, v1::Mode::Deny).await;
    for _ in 0..5 {
        let answer = allowing
            .clone()
            .check(one("k", 1, HOUR))
            .await
            .unwrap()
            .into_inner();
        assert_eq!((answer.allowed, answer.mode()), (true, v1::Mode::Allow));
        let answer = denying
            .clone()
            .check(one("fresh", 1, HOUR))
            .await
            .unwrap()
            .into_inner();
        assert_eq!((answer.allowed, answer.mode()), (false, v1::Mode::Deny));
        assert_eq!(answer.decisions[0].retry_after_ms, 1_000);
    }
    let status = denying
        .clone()
        .reset(v1::ResetRequest {
            key: bytes::Bytes::from_static(b"k"),
        })
        .await
        .unwrap_err();
    assert_eq!(
        status.code(),
        tonic::Code::Unavailable,
        "a reset is never pretended: {status}"
    );
    redis.resume();
    until_mode(&allowing, v1::Mode::Exact).await;
    until_mode(&denying, v1::Mode::Exact).await;
    allow.stop().await;
    deny.stop().await;
}

#[tokio::test]
async fn it_starts_without_redis_and_finds_it_later() {
    let mut redis = Redis::start();
    redis.kill();
    let limiter = Limiter::start(impatient(&redis, FailureMode::Local)).await;
    let client = limiter.client().await;
    assert_eq!(mode_of(&client, "any").await, v1::Mode::Local);
    assert!(limiter.get("/readyz").await.contains("degraded"));
    redis.restart();
    until_mode(&client, v1::Mode::Exact).await;
    limiter.stop().await;
}

#[tokio::test]
async fn refusals_known_from_redis_hold_while_it_is_away() {
    let redis = Redis::start();
    let limiter = Limiter::start(impatient(&redis, FailureMode::Allow)).await;
    let client = limiter.client().await;
    until_mode(&client, v1::Mode::Exact).await;
    for allowed in [true, false] {
        assert_eq!(
            client
                .clone()
                .check(one("k", 1, HOUR))
                .await
                .unwrap()
                .into_inner()
                .allowed,
            allowed
        );
    }
    redis.pause();
    until_mode(&client, v1::Mode::Allow).await;
    let answer = client
        .clone()
        .check(one("k", 1, HOUR))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((answer.allowed, answer.mode()), (false, v1::Mode::Exact));
    redis.resume();
    limiter.stop().await;
}

#[tokio::test]
async fn a_limit_survives_the_limiters_restart() {
    let redis = Redis::start();
    let limiter = Limiter::start(on(&redis)).await;
    for allowed in [true, false] {
        let answer = limiter
            .client()
            .await
            .check(one("k", 1, HOUR))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(answer.allowed, allowed);
    }
    let address = limiter.address;
    limiter.stop().await;
    let limiter = Limiter::start_at(address, on(&redis)).await;
    assert!(
        !limiter
            .client()
            .await
            .check(one("k", 1, HOUR))
            .await
            .unwrap()
            .into_inner()
            .allowed
    );
    limiter.stop().await;
}

#[tokio::test]
async fn a_store_that_can_never_work_keeps_the_limiter_from_starting() {
    let bind = || tokio::net::TcpListener::bind("127.0.0.1:0");
    let listeners = weir_serve::Listeners::plain(bind().await.unwrap(), None);
    let config = Config {
        store: StoreConfig::Redis("http://user:hunter2@127.0.0.1:1".to_owned().into()),
        ..Config::default()
    };
    let error = weir_limiter::run(config, listeners, Default::default())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Store { .. }), "{error:?}");
    assert!(
        !format!("{error} {error:?}").contains("hunter2"),
        "{error:?}"
    );
}
