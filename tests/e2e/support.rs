//! Starting weir's roles as processes, and calling them.

mod configuration;
mod otlp;
mod provider;
mod role;
mod up;

use std::time::Duration;

pub use configuration::ConfigDir;
pub use otlp::{Received, Receiver, Trace, hex};
pub use provider::{Provider, now, unsigned};
pub use role::Role;
pub use up::{Up, free_ports, token_of};

/// Generous: it only costs time when a test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A client that keeps nothing between calls and goes through no proxy.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// A client whose connections come from `address`.
pub fn client_from(address: &str) -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .local_address(address.parse::<std::net::IpAddr>().unwrap())
        .build()
        .unwrap()
}

/// The status of a GET with a bearer token.
pub async fn status_of(client: &reqwest::Client, url: &str, token: &str) -> u16 {
    client
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

/// `n` concurrent GETs with one token, spread over `urls`: how many were answered with 200 and with
/// 429.
pub async fn flood(urls: &[String], token: &str, n: usize) -> (usize, usize) {
    let client = client();
    let calls = (0..n).map(|i| {
        let (client, url) = (client.clone(), urls[i % urls.len()].clone());
        async move { status_of(&client, &url, token).await }
    });
    let statuses = futures_util::future::join_all(calls).await;
    let count = |wanted| statuses.iter().filter(|s| **s == wanted).count();
    assert_eq!(
        count(200) + count(429),
        n,
        "only 200 and 429 are expected: {statuses:?}"
    );
    (count(200), count(429))
}
