//! Too large, too slow, too many.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response};
use weir_backend::{Function, Level};

use crate::support::{Gate, Host, KEY, client, wait_for};

/// Short enough to wait for, long enough not to hit what is meant to pass.
const SOON: Duration = Duration::from_millis(300);

#[tokio::test]
async fn both_versions_of_http_are_spoken() {
    let host = Host::start().await;
    let two = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let request = two
        .get(host.url("/api/hello"))
        .bearer_auth(host.provider.token())
        .header("x-functions-key", KEY);
    let answer = request.send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, http::Version::HTTP_2)
    );
    let answer = host.good(Method::GET, "/api/hello").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, http::Version::HTTP_11)
    );
}

#[tokio::test]
async fn huge_headers_are_431() {
    let host = Host::start().await;
    let huge = host
        .good(Method::GET, "/api/hello")
        .header("x-filler", "x".repeat(100_000));
    assert_eq!(huge.send().await.unwrap().status(), 431);
    let head = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100_000));
    let answer = host.raw(&head).await;
    assert!(
        answer.starts_with("HTTP/1.1 431 ") || answer.starts_with("HTTP/1.1 414 "),
        "{answer}"
    );
}

#[tokio::test]
async fn huge_bodies_are_413_with_and_without_a_length() {
    let host = Host::start_with(|config| config.limits.body_bytes = 1000).await;
    let post = |bytes: usize| host.good(Method::POST, "/api/echo").body("x".repeat(bytes));
    assert_eq!(post(1000).send().await.unwrap().status(), 200);
    assert_eq!(post(1001).send().await.unwrap().status(), 413);
    let head = format!(
        "POST /api/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
         Authorization: Bearer {}\r\nx-functions-key: {KEY}\r\n\r\n",
        host.provider.token()
    );
    let chunks = format!("200\r\n{}\r\n", "x".repeat(0x200)).repeat(2);
    let answer = host.raw(&format!("{head}{chunks}0\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_never_ends_is_408() {
    let host = Host::start_with(|config| config.limits.body_time = SOON).await;
    let answer = host
        .raw(&format!(
            "POST /api/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n\
             Authorization: Bearer {}\r\nx-functions-key: {KEY}\r\n\r\nhalf",
            host.provider.token()
        ))
        .await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_client_that_sends_no_request_is_dropped() {
    let host = Host::start_with(|config| config.limits.connections.header_timeout = SOON).await;
    // Nothing, half a head, and half a preface of HTTP/2: each stalls another part of the server.
    for start in [
        "",
        "GET /api/hello HTTP/1.1\r\nHost: a\r\n",
        "PRI * HTTP/2.0\r\n",
    ] {
        let answer = host.raw(start).await;
        assert!(!answer.contains(" 200 "), "{start}: {answer}");
    }
}

#[tokio::test]
async fn too_many_at_a_time_are_429_without_retry_after() {
    let gate = Gate::new();
    let host = Host::start_with(|config| {
        config.functions.push(gate.function());
        (config.limits.executing, config.limits.outstanding) = (1, 1);
    })
    .await;
    let first = tokio::spawn(host.good(Method::GET, "/api/gate").send());
    wait_for(&gate.entered).await;

    let answer = host.good(Method::GET, "/api/hello").send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["x-function-scaleout"], "1");
    assert!(!answer.headers().contains_key("retry-after"));
    let keyless = client()
        .get(host.url("/api/hello"))
        .bearer_auth(host.provider.token())
        .send()
        .await
        .unwrap();
    assert_eq!(keyless.status(), 401, "who has no key takes no place");

    gate.open.add_permits(1);
    assert_eq!(
        first.await.unwrap().unwrap().text().await.unwrap(),
        "passed"
    );
    assert_eq!(
        host.good(Method::GET, "/api/hello")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn some_wait_for_their_turn() {
    let gate = Gate::new();
    let host = Host::start_with(|config| {
        config.functions.push(gate.function());
        (config.limits.executing, config.limits.outstanding) = (1, 3);
    })
    .await;
    let all: Vec<_> = (0..3)
        .map(|_| tokio::spawn(host.good(Method::GET, "/api/gate").send()))
        .collect();
    for _ in 0..3 {
        wait_for(&gate.entered).await;
        assert_eq!(gate.entered.available_permits(), 0, "one at a time");
        gate.open.add_permits(1);
    }
    for one in all {
        assert_eq!(one.await.unwrap().unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_function_that_panics_harms_nobody_else() {
    let panics = async |_| -> Response<Bytes> { panic!("on purpose") };
    let panics = Function::new("panics", Level::Function, [Method::GET], panics);
    let host = Host::start_with(|config| config.functions.push(panics)).await;
    let answer = host.good(Method::GET, "/api/panics").send().await.unwrap();
    assert_eq!(answer.status(), 500);
    assert!(answer.bytes().await.unwrap().is_empty());
    assert_eq!(
        host.good(Method::GET, "/api/hello")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_ended() {
    let gate = Gate::new();
    let host = Host::start_with(|config| {
        config.functions.push(gate.function());
        config.limits.function_time = SOON;
    })
    .await;
    assert_eq!(
        host.good(Method::GET, "/api/gate")
            .send()
            .await
            .unwrap()
            .status(),
        504
    );
    wait_for(&gate.left).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_its_function() {
    let gate = Gate::new();
    let host = Host::start_with(|config| config.functions.push(gate.function())).await;
    let request = tokio::spawn(host.good(Method::GET, "/api/gate").send());
    wait_for(&gate.entered).await;
    request.abort();
    wait_for(&gate.left).await;
}
