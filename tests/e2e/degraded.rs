//! Redis or the limiter away under load: each degraded mode does what it says, and ends by itself.

use weir_proto::limiter::v1;
use weir_proto::limiter::v1::limiter_client::LimiterClient;
use weir_testkit::{Redis, eventually};

use crate::exactness::{backend, gateway};
use crate::support::{ConfigDir, PATIENCE, Provider, Role, client, flood};

/// The whole path with one limiter on `redis`.
async fn path(redis: &Redis, store_failure: &str, limiter_failure: &str) -> (Provider, [Role; 3]) {
    let config = ConfigDir::scenario().with(r#"calls="300""#, r#"calls="1000""#);
    let provider = Provider::start().await;
    let backend = backend(&provider).await;
    // Long enough that a machine under load does not look like a Redis that is away.
    let arguments = [
        "--store",
        &redis.url(),
        "--on-store-failure",
        store_failure,
        "--store-timeout",
        "3s",
    ];
    let limiter = Role::start("limiter", &arguments).await;
    let arguments = ["--on-limiter-failure", limiter_failure];
    let gateway = gateway(&config, &[&limiter], &backend, &provider, &arguments).await;
    (provider, [gateway, limiter, backend])
}

async fn served(hello: &str, provider: &Provider, user: &str, n: usize) -> usize {
    flood(
        &[hello.to_owned()],
        &provider.sign(&provider.claims(user)),
        n,
    )
    .await
    .0
}

/// Calls as fresh subjects until Redis decides again: the answer names nobody else who did.
async fn until_redis_decides(hello: &str, provider: &Provider) {
    let client = client();
    let mut n = 0;
    eventually(PATIENCE, || {
        n += 1;
        let token = provider.sign(&provider.claims(&format!("probe {n}")));
        let call = client.get(hello).bearer_auth(token).send();
        async move {
            let answer = call.await.unwrap();
            answer.status() == 200 && !answer.headers().contains_key("x-weir-limiter")
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_local_enforces_the_limit_in_memory_and_recovers() {
    let mut redis = Redis::start();
    let (provider, roles) = path(&redis, "local", "deny").await;
    let hello = format!("{}/hello", roles[0].url());
    assert_eq!(served(&hello, &provider, "before", 60).await, 15);
    redis.kill();
    assert_eq!(served(&hello, &provider, "during", 60).await, 15);
    redis.restart();
    until_redis_decides(&hello, &provider).await;
    assert_eq!(served(&hello, &provider, "after", 60).await, 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_allow_serves_everything_and_recovers() {
    let mut redis = Redis::start();
    let (provider, roles) = path(&redis, "allow", "deny").await;
    let hello = format!("{}/hello", roles[0].url());
    redis.kill();
    assert_eq!(served(&hello, &provider, "during", 60).await, 60);
    redis.restart();
    until_redis_decides(&hello, &provider).await;
    assert_eq!(served(&hello, &provider, "after", 60).await, 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_deny_refuses_everything_and_recovers() {
    let mut redis = Redis::start();
    let (provider, roles) = path(&redis, "deny", "allow").await;
    let hello = format!("{}/hello", roles[0].url());
    redis.kill();
    assert_eq!(served(&hello, &provider, "during", 30).await, 0);
    redis.restart();
    until_redis_decides(&hello, &provider).await;
    assert_eq!(served(&hello, &provider, "after", 60).await, 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_redis_delays_nobody_for_long() {
    let redis = Redis::start();
    let (provider, roles) = path(&redis, "local", "deny").await;
    let hello = format!("{}/hello", roles[0].url());
    redis.pause();
    // Every call is answered (with `deny` behind it, a limiter that hung would show as zero
    // served).
    assert_eq!(served(&hello, &provider, "during", 60).await, 15);
    redis.resume();
    until_redis_decides(&hello, &provider).await;
    assert_eq!(served(&hello, &provider, "after", 60).await, 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_limiter_each_mode_of_the_gateway_does_what_it_says() {
    let redis = Redis::start();
    for (mode, expected) in [("local", 15), ("allow", 40), ("deny", 0)] {
        let (provider, mut roles) = path(&redis, "deny", mode).await;
        let hello = format!("{}/hello", roles[0].url());
        assert_eq!(
            served(&hello, &provider, &format!("before {mode}"), 40).await,
            15,
            "{mode}"
        );
        roles[1].kill();
        assert_eq!(
            served(&hello, &provider, &format!("during {mode}"), 40).await,
            expected,
            "{mode}"
        );
        roles[1].restart().await;
        until_redis_decides(&hello, &provider).await;
        assert_eq!(
            served(&hello, &provider, &format!("after {mode}"), 40).await,
            15,
            "{mode}"
        );
    }
}

/// Too few questions for an outage; what they were told is in the log and in readiness all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_call_that_redis_did_not_decide_is_logged() {
    let redis = Redis::start();
    let arguments = ["--store", &redis.url(), "--store-timeout", "1s"];
    let limiter = Role::start("limiter", &arguments).await;
    let mut client = LimiterClient::connect(limiter.url().to_owned())
        .await
        .unwrap();
    let check = v1::Check {
        limit_name: "test".to_owned(),
        key: "k".into(),
        calls: 5,
        renewal_period_ms: 60_000,
        cost: None,
    };
    redis.pause();
    let request = v1::CheckRequest {
        checks: vec![check],
    };
    let answer = client.check(request).await.unwrap().into_inner();
    redis.resume();
    assert_eq!((answer.allowed, answer.mode()), (true, v1::Mode::Local));
    let told = "the store did not answer; the mode decided mode=\"local\" decided=1";
    eventually(PATIENCE, || async { limiter.log().contains(told) }).await;
    let degraded = r#"weir_component_state{component="store",state="degraded"} 1"#;
    assert!(limiter.metrics().await.contains(degraded));
}
