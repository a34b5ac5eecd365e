//! Checks and addresses that no limiter reads, and what the client makes of them.

use std::time::Duration;

use tokio::task::JoinSet;
use weir_limiter::{Client, ClientConfig, Config, FailureMode, Mode};
use weir_telemetry::Ops;

use crate::client::client_of;
use crate::support::{Limiter, check};

#[tokio::test]
async fn keys_of_any_length_and_costs_of_any_size_are_limited_exactly() {
    let limiter = Limiter::start(Config::default()).await;
    let (client, _) = client_of(vec![limiter.url()], FailureMode::Allow);
    for key in [String::new(), "x".repeat(1_025), "x".repeat(100_000)] {
        for number in 1..=3 {
            let outcome = client.check(vec![check(&key, 2)]).await;
            assert_eq!(
                (outcome.allowed(), outcome.mode),
                (number <= 2, Mode::Exact),
                "{} bytes",
                key.len()
            );
        }
    }
    let dear = weir_limiter::Check {
        cost: u64::MAX,
        ..check("dear", 10)
    };
    let outcome = client.check(vec![dear]).await;
    assert_eq!((outcome.allowed(), outcome.mode), (false, Mode::Exact));

    let outcome = client
        .check(vec![check("vast", u64::MAX), check("beside it", 1)])
        .await;
    assert_eq!(
        (outcome.allowed(), outcome.mode),
        (true, Mode::Exact),
        "as good as no limit"
    );

    let many = vec![check("many", 100); 150];
    let outcome = client.check(many).await;
    assert_eq!(
        (outcome.mode, outcome.decisions.len(), outcome.allowed()),
        (Mode::Exact, 101, false)
    );
    limiter.stop().await;
}

#[tokio::test]
async fn a_check_no_limiter_reads_is_decided_by_the_mode_and_hurts_no_other() {
    let limiter = Limiter::start(Config::default()).await;
    let (client, ops) = client_of(vec![limiter.url()], FailureMode::Deny);
    let mut unreadable = check("k", 1);
    unreadable.limit.renewal_period = Duration::from_secs(90_000);
    for _ in 0..10 {
        assert_eq!(
            client.check(vec![unreadable.clone()]).await.mode,
            Mode::Deny
        );
    }
    assert_eq!(client.check(vec![check("k", 1)]).await.mode, Mode::Exact);
    let mut together = JoinSet::new();
    for number in 0..60 {
        let (client, unreadable) = (client.clone(), unreadable.clone());
        let check = if number % 3 == 0 {
            unreadable
        } else {
            check("shared", 1_000)
        };
        together.spawn(async move { (number % 3 == 0, client.check(vec![check]).await.mode) });
    }
    while let Some(answer) = together.join_next().await {
        let (is_unreadable, mode) = answer.unwrap();
        assert_eq!(
            mode,
            if is_unreadable {
                Mode::Deny
            } else {
                Mode::Exact
            }
        );
    }
    assert!(ops.render().contains("weir_limiter_client_circuit_open 0"));
    limiter.stop().await;
}

#[tokio::test]
async fn addresses_are_checked_when_the_client_is_made() {
    let ops = Ops::new("gateway");
    let message = |endpoints: &[&str]| {
        let endpoints = endpoints
            .iter()
            .map(|&endpoint| endpoint.to_owned())
            .collect();
        Client::new(
            ClientConfig {
                endpoints,
                ..ClientConfig::default()
            },
            &ops,
        )
        .map(drop)
        .unwrap_err()
        .to_string()
    };
    assert_eq!(
        message(&[]),
        "no limiter is configured: give at least one http://host:port"
    );
    assert_eq!(
        message(&["limiter:8081"]),
        "\"limiter:8081\" is not a limiter's address: use http://host:port"
    );
    assert_eq!(
        message(&["http://a:1", "https://b:2"]),
        "\"https://b:2\": TLS to limiters is not supported yet: use http://host:port on a private network"
    );
}
