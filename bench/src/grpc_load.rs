//! A closed-loop gRPC load on the limiter's contract: many calls under way on a few HTTP/2 connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tonic::transport::Channel;
use weir_proto::limiter::v1::limiter_client::LimiterClient;
use weir_proto::limiter::v1::{Check, CheckRequest};

/// HTTP/2 connections, as a few gateways would hold.
const CONNECTIONS: usize = 4;
/// Calls under way on each.
const CALLS_PER_CONNECTION: usize = 16;

/// What came back.
pub(crate) struct Outcome {
    pub(crate) per_second: f64,
    pub(crate) allowed: usize,
    pub(crate) refused: usize,
}

/// Two counters, as the scenario's policy has: the address (300 in 120 s) and the subject (15 in 60 s).
pub(crate) fn two_counters(n: usize) -> CheckRequest {
    let check = |name: &str, key: String, calls, renewal_period_ms| Check {
        limit_name: name.to_owned(),
        key: key.into_bytes().into(),
        calls,
        renewal_period_ms,
        cost: None,
    };
    CheckRequest {
        checks: vec![
            check("address", format!("120:10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255), 300, 120_000),
            check("subject", format!("60:0d9c1b1e-6f7a-4f3d-9a54-{n:012x}"), 15, 60_000),
        ],
    }
}

/// Makes `total` calls; call `n` sends `request(n)`.
pub(crate) async fn run(
    url: &str,
    total: usize,
    request: impl Fn(usize) -> CheckRequest + Send + Sync + 'static,
) -> Outcome {
    let request = Arc::new(request);
    let next = Arc::new(AtomicUsize::new(0));
    let (allowed, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        let endpoint = Channel::from_shared(url.to_owned()).expect("a URL").timeout(Duration::from_secs(30));
        channels.push(endpoint.tcp_nodelay(true).connect().await.expect("the limiter accepts"));
    }
    let start = Instant::now();
    let callers: Vec<_> = (0..CONNECTIONS * CALLS_PER_CONNECTION)
        .map(|i| {
            let mut client = LimiterClient::new(channels[i % CONNECTIONS].clone());
            let (request, next) = (Arc::clone(&request), Arc::clone(&next));
            let (allowed, refused) = (Arc::clone(&allowed), Arc::clone(&refused));
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= total {
                        return;
                    }
                    let response = client.check(request(n)).await.expect("the limiter answers").into_inner();
                    if response.allowed { &allowed } else { &refused }.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("no caller panics");
    }
    Outcome {
        per_second: total as f64 / start.elapsed().as_secs_f64(),
        allowed: allowed.load(Ordering::Relaxed),
        refused: refused.load(Ordering::Relaxed),
    }
}
