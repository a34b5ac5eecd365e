//! Connections to backends: used again, given up when they should be, never trusted blindly.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{Barrier, mpsc};

use crate::support::{PATIENCE, Setup, inbound, send};
use crate::upstream::{Body, full};

/// A backend that numbers its connections; `answer` gets the number.
async fn numbered<F, Fut>(answer: F) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Fn(usize, Request<Incoming>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<Body>> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (connections, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(answer));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, number) = (Arc::clone(&answer), counter.fetch_add(1, Ordering::SeqCst));
            let service = service_fn(move |request| {
                let response = answer(number, request);
                async move { Ok::<_, Infallible>(response.await) }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (address, connections)
}

#[tokio::test]
async fn one_connection_serves_one_request_after_another() {
    let (address, connections) = numbered(|_, request| async move {
        match request.uri().query() {
            Some("chunked") => {
                let parts = ["in ", "parts"].map(|part| Ok(Frame::data(Bytes::from(part))));
                Response::new(StreamBody::new(stream::iter(parts)).boxed_unsync())
            }
            Some("nothing") => Response::builder().status(204).body(full("")).unwrap(),
            Some("large") => Response::new(full("0123456789abcdef".repeat(64 * 1024))),
            _ => Response::new(full("hello")),
        }
    })
    .await;
    let gateway = Setup::new(address, inbound("")).start().await;
    for (method, query, status, length) in [
        ("GET", "length", 200, 5),
        ("GET", "chunked", 200, 8),
        ("GET", "nothing", 204, 0),
        ("HEAD", "length", 200, 0),
        ("GET", "large", 200, 1024 * 1024),
        ("DELETE", "length", 200, 5),
        ("GET", "length", 200, 5),
    ] {
        let answer = send(gateway.request(method, &format!("/api/hello?{query}"))).await;
        assert_eq!(
            (answer.status, answer.body.len()),
            (status, length),
            "{method} {query}"
        );
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_connection_of_an_upload_is_used_again() {
    let (address, _) = numbered(|number, request| async move {
        let read = request
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .len();
        Response::new(full(format!("{number} {read}")))
    })
    .await;
    let gateway = Setup::new(address, inbound("")).start().await;
    let upload = "x".repeat(100_000);
    let (start, mut seen) = (Instant::now(), Vec::new());
    loop {
        let answer = send(gateway.request("POST", "/api/hello").body(upload.clone())).await;
        assert!(answer.body.ends_with(" 100000"), "{answer:?}");
        if seen.contains(&answer.body) {
            return;
        }
        seen.push(answer.body);
        assert!(start.elapsed() < PATIENCE, "no connection was used twice");
    }
}

/// A client may send first and read later. The backend's answer does not wait for it, nor its
/// reading.
#[tokio::test]
async fn an_upload_goes_on_while_nobody_reads_the_answer() {
    const ANSWER: usize = 64 * 1024 * 1024;
    const UPLOAD: usize = 16 * 1024 * 1024;
    let (read, mut all_read) = mpsc::unbounded_channel();
    let (address, _) = numbered(move |_, request| {
        let read = read.clone();
        async move {
            tokio::spawn(async move {
                let length = request
                    .into_body()
                    .collect()
                    .await
                    .map_or(0, |body| body.to_bytes().len());
                let _ = read.send(length);
            });
            let part = Bytes::from(vec![b'x'; 64 * 1024]);
            let parts = (0..ANSWER / part.len()).map(move |_| Ok(Frame::data(part.clone())));
            Response::new(StreamBody::new(stream::iter(parts)).boxed_unsync())
        }
    })
    .await;
    let gateway = Setup::new(address, inbound("")).start().await;
    let mut client = tokio::net::TcpStream::connect(gateway.address)
        .await
        .unwrap();
    let head = format!("POST /api/hello HTTP/1.1\r\nhost: a\r\ncontent-length: {UPLOAD}\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let sending = async {
        client.write_all(&vec![b'x'; UPLOAD]).await.unwrap();
        all_read.recv().await.unwrap()
    };
    assert_eq!(
        tokio::time::timeout(PATIENCE, sending).await.unwrap(),
        UPLOAD
    );
}

#[tokio::test]
async fn a_backend_that_closes_after_each_answer_gets_a_connection_each_time() {
    let (address, connections) = numbered(|_, _| async {
        Response::builder()
            .header("connection", "close")
            .body(full("hello"))
            .unwrap()
    })
    .await;
    let gateway = Setup::new(address, inbound("")).start().await;
    for n in 1..=5 {
        let answer = send(gateway.get("/api/hello")).await;
        assert_eq!((answer.status, answer.header("connection")), (200, None));
        assert_eq!(connections.load(Ordering::SeqCst), n);
    }
}

#[tokio::test]
async fn an_idle_connection_that_the_backend_closed_costs_no_request() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (close, mut closed) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
                .await
                .unwrap();
            stream.shutdown().await.unwrap();
            close.send(stream).unwrap();
        }
    });
    let gateway = Setup::new(address, inbound("")).start().await;
    for _ in 0..20 {
        let answer = send(gateway.get("/api/hello")).await;
        assert_eq!((answer.status, &*answer.body), (200, "hello"));
        closed.recv().await.unwrap();
    }
}

/// Answers one request on each connection, then says when the gateway has closed it.
async fn watched(waiting: usize) -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ended, all_ended) = mpsc::unbounded_channel();
    let together = Arc::new(Barrier::new(waiting));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (ended, together) = (ended.clone(), Arc::clone(&together));
            tokio::spawn(async move {
                assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                together.wait().await;
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
                    .await
                    .unwrap();
                while stream.read(&mut [0; 4096]).await.is_ok_and(|n| n > 0) {}
                let _ = ended.send(());
            });
        }
    });
    (address, all_ended)
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let (address, mut ended) = watched(1).await;
    let mut setup = Setup::new(address, inbound(""));
    setup.upstream.idle_timeout = Duration::from_millis(10);
    let gateway = setup.start().await;
    for _ in 0..2 {
        assert_eq!(send(gateway.get("/api/hello")).await.status, 200);
        tokio::time::timeout(PATIENCE, ended.recv())
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn no_more_idle_connections_are_kept_than_allowed() {
    let (address, mut ended) = watched(3).await;
    let mut setup = Setup::new(address, inbound(""));
    setup.upstream.idle_connections = 1;
    // Only the limit may close them.
    setup.upstream.idle_timeout = PATIENCE * 10;
    let gateway = setup.start().await;
    let calls = (0..3).map(|_| send(gateway.get("/api/hello")));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.status, 200);
    }
    for _ in 0..2 {
        tokio::time::timeout(PATIENCE, ended.recv())
            .await
            .unwrap()
            .unwrap();
    }
    assert!(ended.try_recv().is_err(), "one is kept");
}

#[tokio::test]
async fn an_answer_that_a_policy_replaces_is_not_waited_for() {
    let (address, _) = numbered(|_, request| async move {
        assert_eq!(request.method(), Method::GET);
        Response::new(StreamBody::new(stream::pending()).boxed_unsync())
    })
    .await;
    let policy = crate::support::document("", "<forward-request/>", "<set-body>own</set-body>", "");
    let gateway = Setup::new(address, policy).start().await;
    for _ in 0..2 {
        let answer = tokio::time::timeout(PATIENCE, send(gateway.get("/api/hello")))
            .await
            .unwrap();
        assert_eq!((answer.status, &*answer.body), (200, "own"));
    }
}
