//! Waiting for something to become true.

use std::net::TcpListener;
use std::time::{Duration, Instant};

/// Polls `condition` until it holds.
///
/// # Panics
/// If it does not hold within `limit`. Choose it generously: it only costs time when the test
/// fails.
pub async fn eventually<F, Fut>(limit: Duration, mut condition: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let start = Instant::now();
    while !condition().await {
        assert!(
            start.elapsed() < limit,
            "the condition did not come true within {limit:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A port of 127.0.0.1 that was free a moment ago. Prefer binding port 0; this is for programs that
/// cannot.
///
/// # Panics
/// If no port is free.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}
