//! The gRPC service on the memory store.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use weir_limiter::{Config, MemoryConfig};
use weir_proto::limiter::v1;

use crate::support::{Limiter, PATIENCE, one, wire};

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
