//! The client's side: HTTP/1.1, HTTP/2, malformed and hostile requests, the end of connections.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use weir_testkit::eventually;

use crate::support::{Gateway, PATIENCE, Setup, inbound, send};
use crate::upstream::Upstream;

async fn gateway() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let gateway = Setup::new(upstream.address, inbound("")).start().await;
    (upstream, gateway)
}

/// Sends bytes and reads until the gateway closes the connection.
async fn raw(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    // The gateway may refuse before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the connection ends");
    String::from_utf8_lossy(&answer).into_owned()
}

fn assert_status(answer: &str, status: &str) {
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status}")),
        "{answer}"
    );
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_served_on_the_same_port() {
    let (upstream, gateway) = gateway().await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .timeout(PATIENCE)
        .build()
        .unwrap();
    let calls = (0..20).map(|_| {
        client
            .get(gateway.url("/api/hello"))
            .header("cookie", "a=1")
            .send()
    });
    for response in futures_util::future::join_all(calls).await {
        let response = response.unwrap();
        assert_eq!(response.version(), http::Version::HTTP_2);
        assert!(response.headers().contains_key("x-trace-id"));
        assert_eq!(response.text().await.unwrap(), "hello");
    }
    let seen = upstream.seen();
    assert_eq!(seen.len(), 20);
    assert_eq!(
        seen[0].header("x-forwarded-host"),
        Some(&*gateway.address.to_string())
    );
    assert_eq!(
        client
            .get(gateway.url("/nowhere"))
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
}

#[tokio::test]
async fn paths_that_backends_read_differently_are_refused() {
    let (upstream, gateway) = gateway().await;
    for path in [
        "/api/files/../hello",
        "/api/files/%2e%2e/hello",
        "/api/files/..;/hello",
        "/api/files//hello",
        "/api/files/a%2Fb",
        "/api/files/a%5cb",
        "/api/files/a%00b",
        "/api/files/%zz",
        "//api/hello",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        assert_status(&raw(&gateway, request.as_bytes()).await, "400");
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn requests_with_two_opinions_about_themselves_are_refused_or_end_the_connection() {
    let (upstream, gateway) = gateway().await;
    for bad in [
        "GET /api/hello HTTP/1.1\r\n\r\n",
        "GET /api/hello HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n",
        "GET /api/hello HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n",
        "POST /api/hello HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nbody!",
        "POST /api/hello HTTP/1.1\r\nhost: a\r\ncontent-length: +4\r\n\r\nbody",
        "POST /api/hello HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        "POST /api/hello HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /api/hello HTTP/1.1\r\nhost : a\r\n\r\n",
        "GET /api/hello HTTP/1.1\r\nhost: a\r\n x: folded\r\n\r\n",
        "NONSENSE\r\n\r\n",
    ] {
        let bad = bad.replace("HTTP/1.1\r\n\r\n", "HTTP/1.1\r\nconnection: close\r\n\r\n");
        assert_status(&raw(&gateway, bad.as_bytes()).await, "400");
    }
    assert!(upstream.seen().is_empty());
    // A length beside chunks: the chunks count, and what follows is not taken for a second request.
    let smuggled = "POST /api/hello HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\ntransfer-encoding: chunked\r\n\r\n\
                    0\r\n\r\nGET /api/items/smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = raw(&gateway, smuggled.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    assert_eq!(upstream.only().uri, "/backend/hello");
}

#[tokio::test]
async fn headers_over_the_limits_are_431() {
    let (upstream, gateway) = gateway().await;
    let large = format!(
        "GET /api/hello HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "x".repeat(40_000)
    );
    assert_status(&raw(&gateway, large.as_bytes()).await, "431");
    let many = format!(
        "GET /api/hello HTTP/1.1\r\nhost: a\r\n{}\r\n",
        "x: y\r\n".repeat(200)
    );
    assert_status(&raw(&gateway, many.as_bytes()).await, "431");
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn connect_and_upgrade_lead_nowhere() {
    let (upstream, gateway) = gateway().await;
    let connect = "CONNECT backend:80 HTTP/1.1\r\nhost: backend:80\r\nconnection: close\r\n\r\n";
    let answer = raw(&gateway, connect.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 404"),
        "{answer}"
    );
    assert!(upstream.seen().is_empty());
    let upgrade = "GET /api/hello HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade, close\r\n\r\n";
    assert_status(&raw(&gateway, upgrade.as_bytes()).await, "200");
    assert_eq!(upstream.only().header("upgrade"), None);
}

#[tokio::test]
async fn an_absolute_url_names_the_host() {
    let (upstream, gateway) = gateway().await;
    let request = "GET http://public.example/api/hello HTTP/1.1\r\nhost: other.example\r\nconnection: close\r\n\r\n";
    assert_status(&raw(&gateway, request.as_bytes()).await, "200");
    assert_eq!(
        upstream.only().header("x-forwarded-host"),
        Some("public.example")
    );
}

#[tokio::test]
async fn connections_without_a_request_and_idle_ones_are_ended() {
    let upstream = Upstream::start().await;
    let mut setup = Setup::new(upstream.address, inbound(""));
    setup.clients.connections.header_timeout = Duration::from_millis(100);
    setup.clients.connections.idle_timeout = Duration::from_millis(100);
    let gateway = setup.start().await;
    for sent in [
        &b""[..],
        b"GET /api/hel",
        b"PRI * HTTP/2.0\r\n",
        b"GET /api/hello HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        let answer = raw(&gateway, sent).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 200"),
            "{answer}"
        );
    }
    let slow = [
        &b"GET /api/hello HTTP/1.1\r\nhost: a\r\n\r\n"[..],
        b"GET /api/hello HTTP/1.1\r\nx-slow: ",
    ]
    .concat();
    let answer = raw(&gateway, &slow).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1, "{answer}");
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_a_place() {
    let upstream = Upstream::start().await;
    let mut setup = Setup::new(upstream.address, inbound(""));
    setup.clients.connections.connections = 1;
    setup.clients.connections.header_timeout = PATIENCE;
    let gateway = setup.start().await;
    let mut holder = TcpStream::connect(gateway.address).await.unwrap();
    let mut ask = async || {
        holder
            .write_all(b"GET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        let mut answer = [0; 4096];
        let read = holder.read(&mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 404"));
    };
    ask().await;
    let waiting = tokio::spawn(send(gateway.get("/api/hello")));
    // Time for the second connection to be served, if it could be.
    for _ in 0..20 {
        ask().await;
        let metrics =
            send(crate::support::client().get(format!("http://{}/metrics", gateway.operations)))
                .await;
        assert!(
            metrics.body.contains("weir_gateway_connections 1\n"),
            "{}",
            metrics.body
        );
    }
    drop(holder);
    assert_eq!(waiting.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_in_progress() {
    let (arrived, finish) = (
        std::sync::Arc::new(tokio::sync::Notify::new()),
        std::sync::Arc::new(tokio::sync::Notify::new()),
    );
    let (arriving, finishing) = (arrived.clone(), finish.clone());
    let upstream = Upstream::streaming(move |_| {
        let (arriving, finishing) = (arriving.clone(), finishing.clone());
        async move {
            arriving.notify_one();
            finishing.notified().await;
            http::Response::new(crate::upstream::full("finished"))
        }
    })
    .await;
    let mut gateway = Setup::new(upstream.address, inbound("")).start().await;
    let idle = TcpStream::connect(gateway.address).await.unwrap();
    let call = tokio::spawn(send(gateway.get("/api/hello")));
    tokio::time::timeout(PATIENCE, arrived.notified())
        .await
        .unwrap();
    gateway.shutdown.cancel();
    eventually(PATIENCE, || async {
        TcpStream::connect(gateway.address).await.is_err()
    })
    .await;
    finish.notify_one();
    assert_eq!(call.await.unwrap().body, "finished");
    tokio::time::timeout(PATIENCE, &mut gateway.running)
        .await
        .expect("idle connections do not hold it up")
        .unwrap()
        .unwrap();
    drop(idle);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever() {
    let upstream = Upstream::streaming(|_| std::future::pending()).await;
    let mut setup = Setup::new(upstream.address, inbound(""));
    setup.clients.connections.drain = Duration::from_millis(100);
    let mut gateway = setup.start().await;
    let call = tokio::spawn(gateway.get("/api/hello").send());
    let metrics = format!("http://{}/metrics", gateway.operations);
    eventually(PATIENCE, || async {
        let text = send(crate::support::client().get(&metrics)).await.body;
        text.contains("weir_gateway_requests_in_progress 1")
    })
    .await;
    gateway.shutdown.cancel();
    tokio::time::timeout(PATIENCE, &mut gateway.running)
        .await
        .expect("the deadline holds")
        .unwrap()
        .unwrap();
    call.await.unwrap().unwrap_err();
}
