//! The operations endpoints over a real socket.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::Duration;

use axum::routing::get;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use weir_serve::operations_with;
use weir_telemetry::Ops;

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(ops: &Ops, extra: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let (ops, stop) = (ops.clone(), shutdown.clone());
        let task = tokio::spawn(async move { operations_with(&ops, listener, extra, stop).await });
        Self {
            address,
            shutdown,
            task,
        }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        client()
            .get(format!("http://{}{path}", self.address))
            .send()
            .await
            .unwrap()
    }
}

fn client() -> reqwest::Client {
    // A proxy in the environment is not for loopback.
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn readiness_follows_its_parts() {
    let ops = Ops::new("limiter");
    assert!(ops.is_ready(), "nothing to wait for");
    let (store, keys) = (ops.readiness("store"), ops.readiness("keys"));
    let server = Running::start(&ops, Router::new()).await;

    let answer = server.get("/readyz").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(
        body["components"][0],
        serde_json::json!({ "name": "store", "state": "not_ready", "why": "starting" })
    );

    store.ready();
    assert!(!ops.is_ready(), "keys are missing");
    keys.ready();
    assert_eq!(server.get("/readyz").await.status(), 200);

    store.degraded("redis does not answer; counting in memory");
    let answer = server.get("/readyz").await;
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["ready"], true);
    assert_eq!(body["components"][0]["state"], "degraded");
    assert_eq!(
        body["components"][0]["why"],
        "redis does not answer; counting in memory"
    );

    ops.readiness("store").not_ready("gone");
    assert_eq!(server.get("/readyz").await.status(), 503);
    assert_eq!(
        server.get("/healthz").await.status(),
        200,
        "alive, though not ready"
    );
}

#[tokio::test]
async fn metrics_are_openmetrics() {
    let ops = Ops::new("gateway");
    let requests: Counter = Counter::default();
    let latency = Histogram::new(weir_telemetry::buckets::LATENCY_SECONDS);
    ops.registry(|registry| {
        registry.register("gateway_requests", "Requests", requests.clone());
        registry.register("gateway_latency_seconds", "Latency", latency.clone());
    });
    requests.inc_by(3);
    latency.observe(0.003);
    ops.readiness("keys").degraded("old");

    let answer = Running::start(&ops, Router::new())
        .await
        .get("/metrics")
        .await;
    assert_eq!(
        answer.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let text = answer.text().await.unwrap();
    for line in [
        "weir_gateway_requests_total 3",
        "weir_gateway_latency_seconds_bucket{le=\"0.004\"} 1",
        "weir_gateway_latency_seconds_bucket{le=\"0.002\"} 0",
        "weir_component_state{component=\"keys\",state=\"degraded\"} 1",
        "weir_component_state{component=\"keys\",state=\"not_ready\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    assert!(text.contains("weir_build_info{role=\"gateway\""), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn anything_else_is_404_json() {
    let ops = Ops::new("gateway");
    let server = Running::start(&ops, Router::new().route("/extra", get(async || "more"))).await;
    assert_eq!(server.get("/extra").await.text().await.unwrap(), "more");

    let url = format!("http://{}", server.address);
    let client = client();
    for request in [
        client.get(&url),
        client.get(format!("{url}/metrics/")),
        client.post(format!("{url}/healthz")),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 404);
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["statusCode"], 404);
    }
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_silent_client() {
    let ops = Ops::new("gateway");
    let server = Running::start(&ops, Router::new()).await;
    let mut silent = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut silent, b"GET /healthz HTTP/1.1\r\n")
        .await
        .unwrap();
    server.get("/healthz").await;

    server.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(30), server.task)
        .await
        .unwrap()
        .unwrap();
}

/// The clock is paused: it jumps to the next deadline as soon as nothing else is to be done.
#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_let_go() {
    let server = Running::start(&Ops::new("gateway"), Router::new()).await;
    for said in ["", "GET /healthz HTT"] {
        let mut silent = tokio::net::TcpStream::connect(server.address)
            .await
            .unwrap();
        silent.write_all(said.as_bytes()).await.unwrap();
        let begun = tokio::time::Instant::now();
        silent.read_to_end(&mut Vec::new()).await.unwrap();
        assert!(
            begun.elapsed() <= Duration::from_secs(60),
            "{said:?}: {:?}",
            begun.elapsed()
        );
    }
}
