//! What others see of a limiter: health, reflection, metrics, and that it is full.

use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::task::JoinSet;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
use weir_limiter::Config;
use weir_proto::limiter::v1;
use weir_testkit::Redis;

use crate::support::{Limiter, PATIENCE, on, one, wire};

const NAME: &str = "weir.limiter.v1.Limiter";

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
