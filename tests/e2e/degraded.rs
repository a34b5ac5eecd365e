//! Redis or the limiter away under load: each degraded mode does what it says, and ends by itself.

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
