//! Who the client is decides whose limit counts: only trusted proxies may say.

use crate::exactness::{backend, gateway};
use crate::support::{ConfigDir, Provider, Role, client};

async fn path(more: &[&str]) -> (Provider, [Role; 3]) {
    // The address limit is the tight one here; the subject's is out of the way.
    let config = ConfigDir::scenario()
        .with(r#"calls="15""#, r#"calls="900""#)
        .with(r#"calls="300""#, r#"calls="10""#);
    let provider = Provider::start().await;
    let backend = backend(&provider).await;
    let limiter = Role::start("limiter", &[]).await;
    let gateway = gateway(&config, &[&limiter], &backend, &provider, more).await;
    (provider, [gateway, limiter, backend])
}

async fn call(gateway: &Role, token: &str, forwarded_for: &str) -> u16 {
    let request = client()
        .get(format!("{}/hello", gateway.url()))
        .bearer_auth(token);
    request
        .header("X-Forwarded-For", forwarded_for)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test]
async fn x_forwarded_for_of_an_untrusted_peer_does_not_change_the_key() {
    let (provider, roles) = path(&[]).await;
    let token = provider.sign(&provider.claims("alice"));
    let mut statuses = Vec::new();
    for n in 0..12 {
        statuses.push(call(&roles[0], &token, &format!("203.0.113.{n}")).await);
    }
    assert_eq!(
        statuses,
        [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 429, 429]
    );
}

#[tokio::test]
async fn a_trusted_proxy_says_who_the_client_is_and_forged_entries_do_not_help() {
    let (provider, roles) = path(&["--trusted-proxies", "127.0.0.0/8"]).await;
    let token = provider.sign(&provider.claims("alice"));
    for _ in 0..10 {
        assert_eq!(call(&roles[0], &token, "203.0.113.1").await, 200);
    }
    assert_eq!(call(&roles[0], &token, "203.0.113.1").await, 429);
    assert_eq!(
        call(&roles[0], &token, "198.51.100.9, 203.0.113.1").await,
        429,
        "the left end is what the client typed"
    );
    assert_eq!(
        call(&roles[0], &token, "203.0.113.1:5678").await,
        429,
        "a port is not part of the address"
    );
    assert_eq!(
        call(&roles[0], &token, "::ffff:203.0.113.1").await,
        429,
        "a mapped address is the same address"
    );
    assert_eq!(
        call(&roles[0], &token, "203.0.113.2").await,
        200,
        "another client has its own limit"
    );
}
