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
    let mut limiter = Role::start(
        "limiter",
        &[
            "--store",
            &redis.url(),
            "--on-store-failure",
            "deny",
            "--store-timeout",
            "20s",
        ],
    )
    .await;
    let mut gateway = gateway(
        &config,
        &[&limiter],
        &backend,
        &provider,
        &["--on-limiter-failure", "deny"],
    )
    .await;
    let hello = format!("{}/hello", gateway.url());
    let alice = provider.sign(&provider.claims("alice"));
    assert_eq!(
        flood(std::slice::from_ref(&hello), &alice, 40).await,
        (15, 25)
    );

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_constant_load_no_kill_lets_a_call_too_many_through() {
    let mut redis = Redis::start_with_aof();
    let config = ConfigDir::scenario()
        .with(r#"renewal-period="60""#, r#"renewal-period="300""#)
        .with(r#"calls="300""#, r#"calls="1000000""#);
    let provider = Provider::start().await;
    let backend = backend(&provider).await;
    let arguments = [
        "--store",
        &redis.url(),
        "--on-store-failure",
        "deny",
        "--store-timeout",
        "20s",
    ];
    let mut limiter = Role::start("limiter", &arguments).await;
    let mut gateway = gateway(
        &config,
        &[&limiter],
        &backend,
        &provider,
        &["--on-limiter-failure", "deny"],
    )
    .await;
    let hello = format!("{}/hello", gateway.url());
    let alice = provider.sign(&provider.claims("alice"));

    let stop = tokio_util::sync::CancellationToken::new();
    let callers: Vec<_> = (0..4)
        .map(|_| tokio::spawn(call_until(stop.clone(), hello.clone(), alice.clone())))
        .collect();
    for part in ["redis", "limiter", "gateway", "redis"] {
        match part {
            "redis" => {
                redis.kill();
                redis.restart();
            }
            "limiter" => {
                limiter.kill();
                limiter.restart().await;
            }
            _ => {
                gateway.kill();
                gateway.restart().await;
            }
        }
        until_decided_again(&hello, &provider, part).await;
    }
    stop.cancel();
    let (mut sent, mut served, mut refused) = (0, 0, 0);
    for caller in callers {
        let counts = caller.await.unwrap();
        (sent, served, refused) = (sent + counts.0, served + counts.1, refused + counts.2);
    }
    println!(
        "sent {sent}, served {served}, refused {refused}, failed {}",
        sent - served - refused
    );
    assert!(served <= 15, "{served} were served");
    assert!(
        sent > 100 && refused > 0,
        "there was load: sent {sent}, refused {refused}"
    );
}

/// Calls as fast as answers come: how many were sent, served and refused. Connections that break
/// are part of it.
async fn call_until(
    stop: tokio_util::sync::CancellationToken,
    hello: String,
    token: String,
) -> (usize, usize, usize) {
    let client = client();
    let (mut sent, mut served, mut refused) = (0, 0, 0);
    while !stop.is_cancelled() {
        sent += 1;
        match client.get(&hello).bearer_auth(&token).send().await {
            Ok(response) if response.status() == 200 => served += 1,
            Ok(response) if response.status() == 429 => refused += 1,
            // While the gateway is away: let it come back.
            _ => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
        }
    }
    (sent, served, refused)
}

/// Waits until calls are decided exactly again: a fresh subject is served.
async fn until_decided_again(hello: &str, provider: &Provider, killed: &str) {
    let client = client();
    let mut n = 0;
    eventually(PATIENCE, || {
        n += 1;
        let token = provider.sign(&provider.claims(&format!("fresh {n} after {killed}")));
        let call = client.get(hello).bearer_auth(token).send();
        async move { call.await.is_ok_and(|response| response.status() == 200) }
    })
    .await;
}

/// Waits until calls are decided exactly again (a fresh subject is served), then expects a refusal.
async fn still_refused(hello: &str, token: &str, provider: &Provider, killed: &str) {
    let client = client();
    let fresh = provider.sign(&provider.claims(&format!("fresh after {killed}")));
    eventually(PATIENCE, || async {
        status_of(&client, hello, &fresh).await == 200
    })
    .await;
    for _ in 0..5 {
        assert_eq!(
            status_of(&client, hello, token).await,
            429,
            "after {killed} was killed"
        );
    }
}
