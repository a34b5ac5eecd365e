//! A closed-loop HTTP/1.1 load: every connection sends its next request when the last answer is in.
//!
//! Requests are prepared bytes and answers are only scanned for their status and length, so that
//! the load costs little beside what it measures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Connections at once: enough to keep two cores busy.
const CONNECTIONS: usize = 32;

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) requests: usize,
    pub(crate) served: usize,
    pub(crate) refused: usize,
    pub(crate) elapsed: Duration,
}

impl Outcome {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }
}

/// Sends `total` requests, taking them from `requests` in turn.
pub(crate) async fn run(address: &str, requests: &Arc<Vec<Vec<u8>>>, total: usize) -> Outcome {
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (address, requests, next) =
                (address.to_owned(), Arc::clone(requests), Arc::clone(&next));
            tokio::spawn(async move { connection(&address, &requests, &next, total).await })
        })
        .collect();
    let mut outcome = Outcome::default();
    for task in connections {
        let (served, refused) = task.await.expect("no connection panics");
        outcome.served += served;
        outcome.refused += refused;
    }
    outcome.requests = outcome.served + outcome.refused;
    outcome.elapsed = start.elapsed();
    assert_eq!(
        outcome.requests, total,
        "every request is answered with 200 or 429"
    );
    outcome
}

async fn connection(
    address: &str,
    requests: &[Vec<u8>],
    next: &AtomicUsize,
    total: usize,
) -> (usize, usize) {
    let mut stream = TcpStream::connect(address)
        .await
        .expect("the server accepts");
    stream.set_nodelay(true).expect("TCP_NODELAY can be set");
    let mut buffer = Vec::with_capacity(16 * 1024);
    let (mut served, mut refused) = (0, 0);
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= total {
            return (served, refused);
        }
        stream
            .write_all(&requests[n % requests.len()])
            .await
            .expect("the server reads");
        match read_answer(&mut stream, &mut buffer).await {
            200 => served += 1,
            429 => refused += 1,
            status => panic!("the server answered {status}"),
        }
    }
}

/// Reads one whole answer; its status.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> u16 {
    buffer.clear();
    loop {
        let n = stream.read_buf(buffer).await.expect("the server answers");
        assert!(n > 0, "the server closed the connection");
        let Some(head) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let text = std::str::from_utf8(&buffer[..head]).expect("a head is text");
        let status = text[9..12].parse().expect("a status");
        let length = text
            .lines()
            .find_map(|line| {
                line.split_once(':')
                    .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            })
            .map_or(0, |(_, value)| {
                value.trim().parse::<usize>().expect("a length")
            });
        let missing = (head + 4 + length).saturating_sub(buffer.len());
        if missing > 0 {
            let mut rest = vec![0; missing];
            stream
                .read_exact(&mut rest)
                .await
                .expect("the server answers");
        }
        return status;
    }
}
