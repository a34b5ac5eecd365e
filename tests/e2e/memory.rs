//! How much memory calls under way take, and in which pages it comes.

use futures_util::future::join_all;
use tonic::Code;
use weir_proto::limiter::v1;
use weir_proto::limiter::v1::limiter_client::LimiterClient;
use weir_testkit::Redis;

use crate::support::Role;

fn request(n: usize, calls: u64) -> v1::CheckRequest {
    let check = |key: String| v1::Check {
        limit_name: "per-subject".to_owned(),
        key: key.into(),
        calls,
        renewal_period_ms: 60_000,
        cost: None,
    };
    v1::CheckRequest {
        checks: vec![
            check(format!("60:10.0.0.{n}")),
            check(format!("60:subject-{n}")),
        ],
    }
}

/// Memory in huge pages comes 2 MiB at a time, and calls wait while the kernel clears it.
#[tokio::test]
async fn memory_comes_in_small_pages() {
    let limiter = Role::start("limiter", &[]).await;
    assert_eq!(limiter.status_of_process("THP_enabled"), 0);
}

/// A standstill of Redis makes thousands of calls wait; each is to cost what it says, not the
/// buffers it might have filled.
#[tokio::test]
async fn calls_that_wait_take_little_memory() {
    const CALLS: usize = 2_000;
    let redis = Redis::start();
    let store = format!("--store={}", redis.url());
    let limiter = Role::start(
        "limiter",
        &[&store, "--store-timeout=60s", "--on-store-failure=deny"],
    )
    .await;
    let client = LimiterClient::connect(limiter.url().to_owned())
        .await
        .unwrap();
    let check = |n, calls| {
        let mut client = client.clone();
        async move { client.check(request(n, calls)).await }
    };
    check(CALLS, 15).await.unwrap();
    let before = limiter.status_of_process("VmRSS");

    redis.pause();
    let waiting = tokio::spawn(join_all((0..CALLS).map(|n| check(n, 15))));
    tokio::task::yield_now().await;
    // On the same connection, and refused at once: what was sent before it has arrived.
    assert_eq!(check(0, 0).await.unwrap_err().code(), Code::InvalidArgument);
    redis.resume();
    for answer in waiting.await.unwrap() {
        assert!(answer.unwrap().into_inner().allowed);
    }
    let each = (limiter.status_of_process("VmHWM") - before) * 1_024 / CALLS as u64;
    println!("a call that waits takes {each} bytes");
    assert!(
        each < 9_500,
        "{each} bytes; with tonic's own buffers it is 11,000"
    );
}
