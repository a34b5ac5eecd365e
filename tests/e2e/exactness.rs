//! The promise, from outside: any number of gateways and limiters share one exact limit.

use weir_testkit::Redis;

use crate::support::{ConfigDir, Provider, Role, flood};

/// A gateway in front of `backend`, asking `limiters`, believing `provider`.
pub async fn gateway(
    config: &ConfigDir,
    limiters: &[&Role],
    backend: &Role,
    provider: &Provider,
    more: &[&str],
) -> Role {
    let limiters: Vec<&str> = limiters.iter().map(|l| l.url()).collect();
    let limiters = format!("--limiter={}", limiters.join(","));
    let backend = format!("--named-value=backend-url={}/api", backend.url());
    let discovery = format!("--named-value=openid-config-url={}", provider.discovery());
    let mut arguments = vec!["--config", config.as_str(), &limiters, &backend, &discovery];
    // A machine under load must not look like a limiter that is away.
    if !more
        .iter()
        .any(|argument| argument.starts_with("--limiter-timeout"))
    {
        arguments.push("--limiter-timeout=30s");
    }
    arguments.extend(more);
    Role::start("gateway", &arguments).await
}

/// A backend that believes `provider`.
pub async fn backend(provider: &Provider) -> Role {
    Role::start("backend", &["--openid-config", &provider.discovery()]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_and_two_limiters_on_one_redis_admit_exactly_fifteen_of_400() {
    let redis = Redis::start();
    let config = ConfigDir::scenario().with(r#"calls="300""#, r#"calls="1000""#);
    let provider = Provider::start().await;
    let backend = backend(&provider).await;
    let limiters = [
        Role::start("limiter", &["--store", &redis.url(), "--store-timeout=30s"]).await,
        Role::start("limiter", &["--store", &redis.url(), "--store-timeout=30s"]).await,
    ];
    // Each gateway prefers another limiter, so that both really count.
    let gateways = [
        gateway(&config, &[&limiters[0]], &backend, &provider, &[]).await,
        gateway(&config, &[&limiters[1]], &backend, &provider, &[]).await,
    ];
    let urls = gateways.each_ref().map(|g| format!("{}/hello", g.url()));
    let token = provider.sign(&provider.claims("alice"));
    let (served, refused) = flood(&urls, &token, 400).await;
    println!("sent 400, served {served}, refused {refused}");
    assert_eq!((served, refused), (15, 385));
    for limiter in &limiters {
        let metrics = limiter.metrics().await;
        let decided = metrics
            .lines()
            .any(|l| l.starts_with("weir_limiter_decisions") && !l.ends_with(" 0"));
        assert!(decided, "both limiters took part: {metrics}");
    }
}
