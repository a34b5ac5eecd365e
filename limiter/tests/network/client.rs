//! The client against real limiters: failover, degraded modes, its refusal cache.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use weir_limiter::{Client, ClientConfig, ClientError, Config, FailureMode, Mode};
use weir_telemetry::Ops;
use weir_testkit::{Redis, eventually, free_port};

use crate::support::{Limiter, PATIENCE, check, on};

/// A client that waits as long as a loaded machine needs, unless a test says otherwise.
pub fn client_of(endpoints: Vec<String>, on_failure: FailureMode) -> (Client, Ops) {
    client_with(ClientConfig {
        endpoints,
        on_failure,
        timeout: Duration::from_secs(2),
        ..ClientConfig::default()
    })
}

pub fn client_with(config: ClientConfig) -> (Client, Ops) {
    let ops = Ops::new("gateway");
    (Client::new(config, &ops).unwrap(), ops)
}

/// What the client counted as failures, for the messages of assertions.
fn failures(ops: &Ops) -> Vec<String> {
    let text = ops.render();
    let told = |line: &&str| {
        line.contains("store_failures_total")
            || line.contains("_up{")
            || line.contains("circuit_open ")
    };
    text.lines().filter(told).map(str::to_owned).collect()
}

async fn until_mode(client: &Client, wanted: Mode) {
    eventually(PATIENCE, || async {
        client.check(vec![check("any", 1_000_000)]).await.mode == wanted
    })
    .await;
}

#[tokio::test]
async fn it_asks_and_is_told() {
    let limiter = Limiter::start(Config::default()).await;
    let (client, ops) = client_of(vec![limiter.url()], FailureMode::Deny);
    for number in 1..=4 {
        let outcome = client.check(vec![check("alice", 3)]).await;
        assert_eq!(outcome.mode, Mode::Exact);
        assert_eq!(outcome.allowed(), number <= 3);
    }
    assert!(!client.peek(check("alice", 3)).await.allowed());
    assert_eq!(
        client.peek(check("alice", 5)).await.decisions[0].remaining,
        2
    );
    assert!(client.check(vec![]).await.allowed());
    assert!(ops.is_ready());
    assert!(
        ops.render()
            .contains("weir_limiter_client_endpoint_up{endpoint=\"http://127.0.0.1:")
    );
    limiter.stop().await;
}

#[tokio::test]
async fn what_was_refused_is_refused_without_asking_again_until_it_is_reset() {
    let redis = Redis::start();
    let limiters = [
        Limiter::start(on(&redis)).await,
        Limiter::start(on(&redis)).await,
    ];
    let (client, ops) = client_of(
        limiters.iter().map(Limiter::url).collect(),
        FailureMode::Deny,
    );
    for number in 1..=6 {
        assert_eq!(
            client.check(vec![check("k", 2)]).await.allowed(),
            number <= 2
        );
    }
    assert!(
        ops.render()
            .contains("weir_limiter_client_refusal_cache_hits_total 3"),
        "{}",
        ops.render()
    );
    assert!(client.reset("k".into()).await.unwrap());
    // Both limiters have forgotten the refusal, whichever is asked now.
    for number in 1..=4 {
        assert_eq!(
            client.check(vec![check("k", 2)]).await.allowed(),
            number <= 2
        );
    }
    for limiter in limiters {
        limiter.stop().await;
    }
    let outcome = client.check(vec![check("k", 2)]).await;
    assert_eq!(
        (outcome.allowed(), outcome.mode),
        (false, Mode::Exact),
        "a known refusal needs no limiter"
    );
}

#[tokio::test]
async fn when_one_of_two_limiters_dies_no_call_notices() {
    let redis = Redis::start();
    let (first, second) = (
        Limiter::start(on(&redis)).await,
        Limiter::start(on(&redis)).await,
    );
    let (client, ops) = client_of(vec![first.url(), second.url()], FailureMode::Allow);
    let mut admitted = 0;
    for _ in 0..20 {
        admitted += usize::from(client.check(vec![check("alice", 50)]).await.allowed());
    }
    let (address, asked) = (
        first.address,
        "weir_limiter_requests_total{method=\"Check\",code=\"OK\"}",
    );
    assert_eq!(
        (first.metric(asked).await, second.metric(asked).await),
        (10, 10),
        "they take turns"
    );
    first.stop().await;
    for _ in 0..60 {
        let outcome = client.check(vec![check("alice", 50)]).await;
        assert_eq!(outcome.mode, Mode::Exact, "{:?}", failures(&ops));
        admitted += usize::from(outcome.allowed());
    }
    assert_eq!(admitted, 50);
    let down = format!("weir_limiter_client_endpoint_up{{endpoint=\"http://{address}\"}} 0");
    for _ in 0..10 {
        client.check(vec![check("bob", 1_000)]).await;
    }
    assert!(ops.render().contains(&down), "{}", ops.render());

    let first = Limiter::start_at(address, on(&redis)).await;
    let up = down.replace("} 0", "} 1");
    eventually(PATIENCE, || async { ops.render().contains(&up) }).await;
    eventually(PATIENCE, || async {
        client.check(vec![check("carol", 1_000_000)]).await;
        first.metric(asked).await > 1
    })
    .await;
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn without_any_limiter_each_mode_holds_and_ends() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let endpoints = || vec![format!("http://{address}")];
    let (local, ops) = client_of(endpoints(), FailureMode::Local);
    let (allow, _) = client_of(endpoints(), FailureMode::Allow);
    let (deny, _) = client_of(endpoints(), FailureMode::Deny);
    for number in 1..=20 {
        let outcome = local.check(vec![check("k", 7)]).await;
        assert_eq!(
            (outcome.allowed(), outcome.mode),
            (number <= 7, Mode::Local)
        );
        let outcome = allow.check(vec![check("k", 1)]).await;
        assert_eq!((outcome.allowed(), outcome.mode), (true, Mode::Allow));
        let outcome = deny.check(vec![check("k", 1)]).await;
        assert_eq!((outcome.allowed(), outcome.mode), (false, Mode::Deny));
        assert_eq!(
            outcome.decisions[0].retry_after,
            weir_limiter::parts::DENY_RETRY_AFTER
        );
    }
    assert!(ops.is_ready(), "degraded is ready enough");
    assert!(
        ops.render().contains("weir_limiter_client_circuit_open 1"),
        "{}",
        ops.render()
    );
    assert!(matches!(
        local.reset("k".into()).await,
        Err(ClientError::Reset(_))
    ));

    let limiter = Limiter::start_at(address, Config::default()).await;
    for client in [&local, &allow, &deny] {
        until_mode(client, Mode::Exact).await;
        let outcome = client.check(vec![check("k", 1_000)]).await;
        assert_eq!((outcome.allowed(), outcome.mode), (true, Mode::Exact));
    }
    assert!(ops.render().contains("weir_limiter_client_circuit_open 0"));
    limiter.stop().await;
}

#[tokio::test]
async fn a_limiter_that_accepts_and_says_nothing_is_left_out() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let limiter = Limiter::start(Config::default()).await;
    let (client, ops) = client_with(ClientConfig {
        endpoints: vec![silent_url.clone(), limiter.url()],
        on_failure: FailureMode::Deny,
        // Five of these pass before it is left out; the other limiter keeps it on a loaded machine.
        timeout: Duration::from_secs(1),
        ..ClientConfig::default()
    });
    let down = format!("weir_limiter_client_endpoint_up{{endpoint=\"{silent_url}\"}} 0");
    eventually(PATIENCE, || async {
        client.check(vec![check("any", 1_000_000)]).await;
        ops.render().contains(&down)
    })
    .await;
    until_mode(&client, Mode::Exact).await;
    for _ in 0..50 {
        assert_eq!(
            client.check(vec![check("k", 1_000)]).await.mode,
            Mode::Exact,
            "{:?}",
            failures(&ops)
        );
    }
    limiter.stop().await;
}

/// Answers every connection with raw HTTP/2 frames once the request has come, then hangs up.
async fn rude_peer(frames: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let frames = frames.clone();
            tokio::spawn(async move {
                // An empty SETTINGS frame lets the client send its request.
                stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.ok();
                let mut seen = Vec::new();
                // The path of the call stands plain in the request's header block unless it is
                // Huffman-coded; the body holds the limit's name plain in any case.
                while !seen.windows(11).any(|part| part == b"per-subject") {
                    let mut buffer = [0; 4_096];
                    match stream.read(&mut buffer).await {
                        Ok(read) if read > 0 => seen.extend_from_slice(&buffer[..read]),
                        _ => return,
                    }
                }
                stream.write_all(&frames).await.ok();
            });
        }
    });
    url
}

#[tokio::test]
async fn however_a_limiter_breaks_off_another_one_is_asked() {
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let mut frame = vec![0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream];
        frame.extend_from_slice(payload);
        frame
    };
    let reset = |code: u8| frame(3, 0, 1, &[0, 0, 0, code]);
    let go_away = |last: u8, code: u8| frame(7, 0, 0, &[0, 0, 0, last, 0, 0, 0, code]);
    let ways = [
        ("hangs up", vec![]),
        ("resets with NO_ERROR", reset(0)),
        ("resets with INTERNAL_ERROR", reset(2)),
        ("refuses the stream", reset(7)),
        ("cancels the stream", reset(8)),
        ("goes away before the call", go_away(0, 0)),
        ("goes away during the call", go_away(1, 0)),
        ("goes away in anger", go_away(1, 11)),
        ("answers 200 and no status", frame(1, 5, 1, &[0x88])),
        ("answers 200, then hangs up", frame(1, 4, 1, &[0x88])),
        ("answers 500", frame(1, 5, 1, &[0x8e])),
        ("answers 404", frame(1, 5, 1, &[0x8d])),
        ("answers 400", frame(1, 5, 1, &[0x8c])),
        (
            "speaks no HTTP/2",
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        ),
    ];
    let limiter = Limiter::start(Config::default()).await;
    let mut lost = Vec::new();
    for (way, frames) in ways {
        let (client, ops) = client_of(
            vec![rude_peer(frames).await, limiter.url()],
            FailureMode::Deny,
        );
        for _ in 0..4 {
            if client.check(vec![check("any", 1_000_000)]).await.mode != Mode::Exact {
                lost.push((way, failures(&ops)));
                break;
            }
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
    limiter.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_hundred_concurrent_checks_admit_exactly_fifteen_each_time() {
    let redis = Redis::start();
    let limiters = [
        Limiter::start(on(&redis)).await,
        Limiter::start(on(&redis)).await,
    ];
    for (key, charged_by_now) in [("alice", 400), ("bob", 800)] {
        let config = ClientConfig {
            endpoints: limiters.iter().map(Limiter::url).collect(),
            on_failure: FailureMode::Deny,
            timeout: PATIENCE,
            ..ClientConfig::default()
        };
        let clients = [client_with(config.clone()).0, client_with(config).0];
        let mut checks = JoinSet::new();
        for number in 0..400 {
            let client = clients[number % 2].clone();
            checks.spawn(async move {
                client
                    .check(vec![check("shared address", 100_000), check(key, 15)])
                    .await
            });
        }
        let mut admitted = 0;
        while let Some(outcome) = checks.join_next().await {
            let outcome = outcome.unwrap();
            assert_eq!((outcome.mode, outcome.decisions.len()), (Mode::Exact, 2));
            admitted += usize::from(outcome.allowed());
        }
        assert_eq!(admitted, 15, "{key}");
        let charged = 100_000
            - clients[0]
                .peek(check("shared address", 100_000))
                .await
                .decisions[0]
                .remaining;
        assert_eq!(
            charged, charged_by_now,
            "what stands before a refusal stays charged"
        );
    }
    for limiter in limiters {
        limiter.stop().await;
    }
}
