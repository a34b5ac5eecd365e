//! SIGKILL to any part, and the limit still stands afterwards.

use weir_testkit::{Redis, eventually};

use crate::exactness::{backend, gateway};
use crate::support::{ConfigDir, PATIENCE, Provider, Role, client, flood, status_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_of_any_part_the_subject_is_still_refused() {
    let mut redis = Redis::start_with_aof();
    // Long enough that nothing becomes free during the test.
    let config = ConfigDir::scenario().with(r#"renewal-period="60""#, r#"renewal-period="300""#);
    let provider = Provider::start().await;
    let backend = backend(&provider).await;
    // Denying while Redis is away: what is served after its return was admitted by Redis alone.
    let mut limiter =
        Role::start("limiter", &["--store", &redis.url(), "--on-store-failure", "deny", "--store-timeout", "20s"])
            .await;
    let mut gateway = gateway(&config, &[&limiter], &backend, &provider, &["--on-limiter-failure", "deny"]).await;
    let hello = format!("{}/hello", gateway.url());
    let alice = provider.sign(&provider.claims("alice"));
    assert_eq!(flood(std::slice::from_ref(&hello), &alice, 40).await, (15, 25));

    limiter.kill();
    limiter.restart().await;
    still_refused(&hello, &alice, &provider, "limiter").await;

    gateway.kill();
    gateway.restart().await;
    still_refused(&hello, &alice, &provider, "gateway").await;

    redis.kill();
    redis.restart();
    still_refused(&hello, &alice, &provider, "redis").await;
}

/// Waits until calls are decided exactly again (a fresh subject is served), then expects a refusal.
async fn still_refused(hello: &str, token: &str, provider: &Provider, killed: &str) {
    let client = client();
    let fresh = provider.sign(&provider.claims(&format!("fresh after {killed}")));
    eventually(PATIENCE, || async { status_of(&client, hello, &fresh).await == 200 }).await;
    for _ in 0..5 {
        assert_eq!(status_of(&client, hello, token).await, 429, "after {killed} was killed");
    }
}
