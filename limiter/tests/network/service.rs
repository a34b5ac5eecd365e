//! The gRPC service on the memory store.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
use weir_limiter::{Config, MemoryConfig};
use weir_proto::limiter::v1;
use weir_testkit::Redis;

use crate::support::{Limiter, PATIENCE, on, one, wire};

const NAME: &str = "weir.limiter.v1.Limiter";

#[tokio::test]
async fn the_sixteenth_call_of_fifteen_is_refused_with_a_wait() {
    let limiter = Limiter::start(Config::default()).await;
    let mut client = limiter.client().await;
    for remaining in (0..15).rev() {
        let answer = client
            .check(one("alice", 15, 3_600_000))
            .await
            .unwrap()
            .into_inner();
        assert!(answer.allowed);
        assert_eq!(answer.mode(), v1::Mode::Exact);
        let decision = &answer.decisions[0];
        assert_eq!(
            (decision.limit, decision.remaining, decision.retry_after_ms),
            (15, remaining, 0)
        );
    }
    let answer = client
        .check(one("alice", 15, 3_600_000))
        .await
        .unwrap()
        .into_inner();
    assert!(!answer.allowed);
    let decision = &answer.decisions[0];
    assert!(!decision.allowed);
    assert!(
        (1..=3_600_000).contains(&decision.retry_after_ms),
        "{decision:?}"
    );
    assert!(
        client
            .check(one("bob", 15, 3_600_000))
            .await
            .unwrap()
            .into_inner()
            .allowed
    );
    limiter.stop().await;
}

#[tokio::test]
async fn lists_batches_peeks_and_resets() {
    let limiter = Limiter::start(Config::default()).await;
    let mut client = limiter.client().await;
    let list = || v1::CheckRequest {
        checks: vec![
            wire("a", 5, 3_600_000),
            wire("b", 1, 3_600_000),
            wire("c", 5, 3_600_000),
        ],
    };
    let batch = v1::CheckBatchRequest {
        requests: vec![list(), list()],
    };
    let answers = client
        .check_batch(batch)
        .await
        .unwrap()
        .into_inner()
        .responses;
    assert_eq!((answers[0].allowed, answers[0].decisions.len()), (true, 3));
    assert_eq!(
        (answers[1].allowed, answers[1].decisions.len()),
        (false, 2),
        "the list ends at its refusal"
    );

    let mut peek = async |key: &str, calls| {
        let asked = v1::PeekRequest {
            check: Some(wire(key, calls, 3_600_000)),
        };
        client
            .peek(asked)
            .await
            .unwrap()
            .into_inner()
            .decision
            .unwrap()
    };
    assert_eq!(peek("a", 5).await.remaining, 3);
    assert_eq!(peek("a", 5).await.remaining, 3, "a peek charges nothing");
    assert_eq!(
        peek("c", 5).await.remaining,
        4,
        "what stands after a refusal is not charged"
    );
    assert!(!peek("b", 1).await.allowed);

    let key = Bytes::from_static(b"b");
    assert!(
        client
            .reset(v1::ResetRequest { key: key.clone() })
            .await
            .unwrap()
            .into_inner()
            .existed
    );
    assert!(
        !client
            .reset(v1::ResetRequest { key })
            .await
            .unwrap()
            .into_inner()
            .existed
    );
    assert!(
        client
            .check(one("b", 1, 3_600_000))
            .await
            .unwrap()
            .into_inner()
            .allowed
    );
    limiter.stop().await;
}

#[tokio::test]
async fn a_flood_of_fresh_keys_is_refused_and_frees_nobody() {
    let memory = MemoryConfig {
        max_keys: 1_000,
        ..MemoryConfig::default()
    };
    let limiter = Limiter::start(Config {
        memory,
        ..Config::default()
    })
    .await;
    let mut client = limiter.client().await;
    for _ in 0..15 {
        assert!(
            client
                .check(one("victim", 15, 3_600_000))
                .await
                .unwrap()
                .into_inner()
                .allowed
        );
    }
    for batch in 0..50 {
        let fresh = |n: usize| one(&format!("flood {batch} {n}"), 15, 3_600_000);
        let requests = (0..200)
            .map(fresh)
            .chain([one("victim", 15, 3_600_000)])
            .collect();
        let answers = client
            .check_batch(v1::CheckBatchRequest { requests })
            .await
            .unwrap()
            .into_inner()
            .responses;
        assert!(!answers[200].allowed, "after {batch} batches");
        assert!(
            batch < 5 || answers[..200].iter().all(|answer| !answer.allowed),
            "there is no room for more"
        );
    }
    assert_eq!(limiter.metric("weir_limiter_memory_keys").await, 1_000);
    assert_eq!(limiter.metric("weir_limiter_memory_max_keys").await, 1_000);
    assert_eq!(
        limiter
            .metric("weir_limiter_memory_full_refusals_total")
            .await,
        10_000 - 999
    );
    limiter.stop().await;
}

#[tokio::test]
async fn bad_input_is_refused_by_the_name_of_its_field() {
    let limiter = Limiter::start(Config::default()).await;
    let mut client = limiter.client().await;
    let long_key = "k".repeat(10_240);
    let cases = [
        (
            one("k", 0, 1_000),
            "checks[0].calls: must be 1 to 1000000000, got 0",
        ),
        (
            one("k", 1, 90_000_000),
            "checks[0].renewal_period_ms: must be 1 to 86400000 (24 h), got 90000000",
        ),
        (
            one("", 1, 1_000),
            "checks[0].key: must be 1 to 1024 bytes, got 0",
        ),
        (
            one(&long_key, 1, 1_000),
            "checks[0].key: must be 1 to 1024 bytes, got 10240",
        ),
        (
            v1::CheckRequest {
                checks: vec![wire("k", 1, 1_000); 1_000],
            },
            "checks: must hold 1 to 64 checks, got 1000",
        ),
        (
            v1::CheckRequest {
                checks: vec![wire("k", 1, 1_000), wire("k", 1, 1_000), wire("k", 1, 0)],
            },
            "checks[2].renewal_period_ms: must be 1 to 86400000 (24 h), got 0",
        ),
    ];
    for (request, message) in cases {
        let status = client.check(request).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::InvalidArgument, message)
        );
    }
    let status = client
        .peek(v1::PeekRequest { check: None })
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::InvalidArgument, "check: is missing")
    );
    let status = client
        .reset(v1::ResetRequest { key: Bytes::new() })
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::InvalidArgument, "key: must be 1 to 1024 bytes, got 0")
    );
    let many = v1::CheckBatchRequest {
        requests: vec![one("k", 1, 1_000); 257],
    };
    let status = client.check_batch(many).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (
            Code::InvalidArgument,
            "requests: must hold 1 to 256 lists, got 257"
        )
    );

    let huge = one(&"k".repeat(3 << 20), 1, 1_000);
    let status = client.check(huge).await.unwrap_err();
    assert_eq!(
        status.code(),
        Code::OutOfRange,
        "more than the service reads: {status}"
    );
    assert!(
        client
            .check(one("k", 1, 1_000))
            .await
            .unwrap()
            .into_inner()
            .allowed
    );
    limiter.stop().await;
}

#[tokio::test]
async fn the_largest_batch_fits_into_one_call() {
    let limiter = Limiter::start(Config::default()).await;
    let mut client = limiter.client().await;
    let largest = v1::Check {
        limit_name: "n".repeat(128),
        key: vec![b'k'; 1_024].into(),
        calls: 1_000_000_000,
        renewal_period_ms: 86_400_000,
        cost: Some(1),
    };
    let requests = vec![
        v1::CheckRequest {
            checks: vec![largest; 64]
        };
        16
    ];
    let answers = client
        .check_batch(v1::CheckBatchRequest { requests })
        .await
        .unwrap()
        .into_inner()
        .responses;
    assert_eq!(
        answers
            .iter()
            .map(|answer| answer.decisions.len())
            .sum::<usize>(),
        1_024
    );
    limiter.stop().await;
}

#[tokio::test]
async fn health_is_served_and_follows_a_shutdown() {
    let mut config = Config::default();
    config.connections.drain = Duration::from_millis(200);
    let limiter = Limiter::start(config).await;
    let mut health = HealthClient::new(limiter.channel().await);
    for service in ["", NAME] {
        let asked = HealthCheckRequest {
            service: service.to_owned(),
        };
        assert_eq!(
            health.check(asked).await.unwrap().into_inner().status(),
            ServingStatus::Serving
        );
    }
    let unknown = HealthCheckRequest {
        service: "weir.limiter.v9".to_owned(),
    };
    assert_eq!(
        health.check(unknown).await.unwrap_err().code(),
        Code::NotFound
    );

    let asked = HealthCheckRequest {
        service: NAME.to_owned(),
    };
    let mut watch = health.watch(asked).await.unwrap().into_inner();
    assert_eq!(
        watch.message().await.unwrap().unwrap().status(),
        ServingStatus::Serving
    );
    limiter.begin_stop();
    assert_eq!(
        watch.message().await.unwrap().unwrap().status(),
        ServingStatus::NotServing
    );
    // The watch is a call in flight that never ends by itself: the deadline of the drain ends the
    // limiter.
    limiter.stop().await;
}

#[tokio::test]
async fn reflection_lists_the_services_and_describes_them() {
    let limiter = Limiter::start(Config::default()).await;
    let mut reflection = ServerReflectionClient::new(limiter.channel().await);
    let mut ask = async |question: MessageRequest| {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(question),
        };
        let stream = reflection
            .server_reflection_info(tokio_stream::once(request))
            .await
            .unwrap();
        let answer: ServerReflectionResponse =
            stream.into_inner().message().await.unwrap().unwrap();
        answer.message_response.unwrap()
    };
    let MessageResponse::ListServicesResponse(services) =
        ask(MessageRequest::ListServices(String::new())).await
    else {
        panic!("not a list of services");
    };
    let names: Vec<_> = services
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    for name in [
        NAME,
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let MessageResponse::FileDescriptorResponse(files) =
        ask(MessageRequest::FileContainingSymbol(NAME.to_owned())).await
    else {
        panic!("not a descriptor");
    };
    assert!(!files.file_descriptor_proto.is_empty());
    limiter.stop().await;
}

#[tokio::test]
async fn operations_show_what_was_decided_and_never_a_key() {
    let limiter = Limiter::start(Config::default()).await;
    let mut client = limiter.client().await;
    for _ in 0..3 {
        client
            .check(one("secret-subject", 2, 3_600_000))
            .await
            .unwrap();
    }
    client
        .peek(v1::PeekRequest {
            check: Some(wire("secret-subject", 2, 3_600_000)),
        })
        .await
        .unwrap();
    client.check(one("k", 0, 1)).await.unwrap_err();
    for (name, value) in [
        (
            "weir_limiter_decisions_total{limit=\"per-subject\",result=\"allowed\"}",
            2,
        ),
        (
            "weir_limiter_decisions_total{limit=\"per-subject\",result=\"refused\"}",
            1,
        ),
        (
            "weir_limiter_requests_total{method=\"Check\",code=\"OK\"}",
            3,
        ),
        (
            "weir_limiter_requests_total{method=\"Check\",code=\"INVALID_ARGUMENT\"}",
            1,
        ),
        (
            "weir_limiter_requests_total{method=\"Peek\",code=\"OK\"}",
            1,
        ),
        ("weir_limiter_memory_keys", 1),
    ] {
        assert_eq!(limiter.metric(name).await, value, "{name}");
    }
    assert!(!limiter.get("/metrics").await.contains("secret-subject"));
    assert!(limiter.get("/healthz").await.starts_with("HTTP/1.1 200"));
    limiter.stop().await;
}

#[tokio::test]
async fn made_up_limit_names_do_not_grow_the_metrics() {
    let limiter = Limiter::start(Config::default()).await;
    let mut client = limiter.client().await;
    for number in 0..300 {
        let check = v1::Check {
            limit_name: format!("limit-{number}"),
            ..wire("k", 1_000, 3_600_000)
        };
        client
            .check(v1::CheckRequest {
                checks: vec![check],
            })
            .await
            .unwrap();
    }
    let metrics = limiter.get("/metrics").await;
    let names = metrics.lines().filter(|line| {
        line.starts_with("weir_limiter_decisions_total{") && line.contains("allowed")
    });
    assert_eq!(names.count(), 101, "a hundred and `other`");
    let other = "weir_limiter_decisions_total{limit=\"other\",result=\"allowed\"}";
    assert_eq!(limiter.metric(other).await, 200);
    limiter.stop().await;
}

#[tokio::test]
async fn more_calls_than_may_be_in_flight_are_refused_at_once() {
    let redis = Redis::start();
    let config = Config {
        calls_in_flight: NonZeroUsize::MIN,
        store_timeout: PATIENCE,
        ..on(&redis)
    };
    let limiter = Limiter::start(config).await;
    let mut client = limiter.client().await;
    client.check(one("k", 5, 3_600_000)).await.unwrap();
    redis.pause();
    let mut calls = JoinSet::new();
    for _ in 0..2 {
        let mut client = client.clone();
        calls.spawn(async move { client.check(one("k", 5, 3_600_000)).await });
    }
    let status = calls.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(
        status.message().starts_with("too many calls in flight"),
        "{status}"
    );
    redis.resume();
    let answer = calls
        .join_next()
        .await
        .unwrap()
        .unwrap()
        .unwrap()
        .into_inner();
    assert_eq!((answer.allowed, answer.mode()), (true, v1::Mode::Exact));
    limiter.stop().await;
}

/// Pings find a gateway that is gone, but only once it has spoken.
#[tokio::test]
async fn a_client_that_says_nothing_is_let_go() {
    let mut config = Config::default();
    config.connections.header_timeout = Duration::from_millis(100);
    let limiter = Limiter::start(config).await;
    for said in [&b""[..], b"PRI * HTTP/2.0\r\n\r\nSM"] {
        let mut silent = TcpStream::connect(limiter.address).await.unwrap();
        silent.write_all(said).await.unwrap();
        let mut rest = Vec::new();
        // Closed with bytes unread is closed too.
        let closed = tokio::time::timeout(PATIENCE, silent.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "{said:?}");
    }
    limiter.stop().await;
}
