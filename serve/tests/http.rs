//! What one client may hold, over real sockets. The clock is paused where time matters: it jumps
//! to the next deadline as soon as nothing else is to be done.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use weir_serve::{Http, Limits, OpenConnections, Peer, Protocols, Service};

const LIMITS: Limits = Limits {
    connections: 2,
    header_bytes: 8 * 1024,
    headers: 100,
    header_timeout: Duration::from_secs(10),
    idle_timeout: Duration::from_secs(40),
    stall_timeout: Duration::from_secs(20),
    streams: 10,
    drain: Duration::from_secs(5),
};

/// More than the buffers of two sockets take.
const LARGE: usize = 64 * 1024 * 1024;

/// Says `hello`, or very much.
struct Greeter;

impl Service for Greeter {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>, _: &Peer) -> Response<Full<Bytes>> {
        Response::new(Full::from(match request.uri().path() {
            "/large" => vec![0; LARGE],
            _ => b"hello".to_vec(),
        }))
    }
}

struct Running {
    address: SocketAddr,
    open: OpenConnections,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let how = Http::new(Protocols::Http1AndHttp2, LIMITS);
        let (open, shutdown) = (how.open.clone(), CancellationToken::new());
        let task = tokio::spawn(weir_serve::http(
            listener.into(),
            how,
            Greeter,
            shutdown.clone(),
        ));
        Self {
            address,
            open,
            shutdown,
            task,
        }
    }

    /// A connection on which `said` was sent.
    async fn connect(&self, said: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        stream
    }
}

/// How long it takes until the server has closed it.
async fn until_closed(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    // Closed with bytes unread is closed too.
    let _ = stream.read_to_end(&mut Vec::new()).await;
    begun.elapsed()
}

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_send_a_request_is_let_go() {
    let server = Running::start().await;
    for said in [
        "",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "PRI *",
        "GET / HTTP/1.1\r\nhost:",
    ] {
        let mut silent = server.connect(said).await;
        let took = until_closed(&mut silent).await;
        assert!(took >= LIMITS.header_timeout, "{said:?}: {took:?}");
        assert!(took <= 2 * LIMITS.header_timeout, "{said:?}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_may_be_idle_for_longer() {
    let server = Running::start().await;
    let mut kept = server.connect(REQUEST).await;
    let took = until_closed(&mut kept).await;
    assert!(took >= LIMITS.idle_timeout, "{took:?}");
    assert!(
        took <= LIMITS.idle_timeout + LIMITS.header_timeout,
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_let_go() {
    let server = Running::start().await;
    let _greedy = server
        .connect("GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    let begun = Instant::now();
    weir_testkit::eventually(Duration::from_secs(600), async || server.open.count() == 1).await;
    weir_testkit::eventually(Duration::from_secs(600), async || server.open.count() == 0).await;
    assert!(
        begun.elapsed() >= LIMITS.stall_timeout,
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let server = Running::start().await;
    let first = server.connect("").await;
    let _second = server.connect("").await;
    let mut third = server.connect(REQUEST).await;
    weir_testkit::eventually(Duration::from_secs(30), async || server.open.count() == 2).await;
    drop(first);
    let mut answer = [0; 12];
    third.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_answers_but_not_for_ever() {
    let server = Running::start().await;
    let _greedy = server
        .connect("GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    let mut idle = server.connect(REQUEST).await;
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    let begun = Instant::now();
    server.shutdown.cancel();
    until_closed(&mut idle).await;
    assert_eq!(
        begun.elapsed(),
        Duration::ZERO,
        "it had nothing to wait for"
    );
    server.task.await.unwrap();
    assert_eq!(begun.elapsed(), LIMITS.drain);
}
