//! What passes through the gateway: bodies as they come, headers as they should.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

use crate::support::{PATIENCE, Setup, document, inbound, send};
use crate::upstream::{Upstream, full};

#[tokio::test]
async fn the_first_chunk_of_an_answer_arrives_before_the_last_is_sent() {
    let go_on = Arc::new(Notify::new());
    let waiting = Arc::clone(&go_on);
    let upstream = Upstream::streaming(move |_| {
        let go_on = Arc::clone(&waiting);
        async move {
            let later = stream::once(async move {
                go_on.notified().await;
                Ok(Frame::data(Bytes::from("last")))
            });
            let first = stream::iter([Ok(Frame::data(Bytes::from("first")))]);
            Response::new(StreamBody::new(first.chain(later)).boxed_unsync())
        }
    })
    .await;
    let gateway = Setup::new(upstream.address, inbound("")).start().await;
    let mut response = gateway.get("/api/hello").send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
    go_on.notify_one();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "last");
    assert_eq!(response.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn the_first_chunk_of_a_request_arrives_before_the_last_is_sent() {
    let (got, mut arrived) = mpsc::unbounded_channel();
    let upstream = Upstream::streaming(move |mut request| {
        let got = got.clone();
        async move {
            let mut total = 0;
            while let Some(Ok(frame)) = request.frame().await {
                total += frame.data_ref().map_or(0, Bytes::len);
                let _ = got.send(total);
            }
            Response::new(full(total.to_string()))
        }
    })
    .await;
    let gateway = Setup::new(upstream.address, inbound("")).start().await;
    let (chunks, body) = mpsc::unbounded_channel::<Result<Bytes, std::io::Error>>();
    let body = stream::unfold(
        body,
        |mut body| async move { Some((body.recv().await?, body)) },
    );
    let request = gateway
        .request("POST", "/api/hello")
        .body(reqwest::Body::wrap_stream(body));
    let answer = tokio::spawn(send(request));
    chunks.send(Ok(Bytes::from("first"))).unwrap();
    assert_eq!(
        arrived.recv().await,
        Some(5),
        "the backend reads while the client still writes"
    );
    chunks.send(Ok(Bytes::from("last"))).unwrap();
    drop(chunks);
    assert_eq!(answer.await.unwrap().body, "9");
}

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let upstream = Upstream::answering(|seen| Response::new(full(seen.body.clone()))).await;
    let gateway = Setup::new(upstream.address, inbound("")).start().await;
    let body: String = "0123456789abcdef".repeat(512 * 1024);
    let answer = send(gateway.request("POST", "/api/hello").body(body.clone())).await;
    assert_eq!(
        answer.header("content-length"),
        Some(&*body.len().to_string())
    );
    assert!(answer.body == body, "8 MiB came back changed");
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_announced_or_not() {
    let upstream = Upstream::start().await;
    let mut setup = Setup::new(upstream.address, inbound(""));
    setup.clients.body_bytes = 1000;
    let gateway = setup.start().await;
    assert_eq!(
        send(gateway.request("POST", "/api/hello").body("x".repeat(1000)))
            .await
            .status,
        200
    );
    assert_eq!(
        send(gateway.request("POST", "/api/hello").body("x".repeat(1001)))
            .await
            .status,
        413
    );
    let chunks = stream::iter((0..3).map(|_| Ok::<_, std::io::Error>("x".repeat(500))));
    let answer = send(
        gateway
            .request("POST", "/api/hello")
            .body(reqwest::Body::wrap_stream(chunks)),
    )
    .await;
    assert_eq!(answer.status, 413);
    assert_eq!(
        answer.body,
        r#"{ "statusCode": 413, "message": "The request body is too large." }"#
    );
}

#[tokio::test]
async fn a_body_that_stalls_is_408() {
    let upstream = Upstream::start().await;
    let mut setup = Setup::new(upstream.address, inbound(""));
    setup.clients.connections.stall_timeout = Duration::from_millis(100);
    let gateway = setup.start().await;
    let body = stream::iter([Ok::<_, std::io::Error>("first")]).chain(stream::pending());
    let answer = send(
        gateway
            .request("POST", "/api/hello")
            .body(reqwest::Body::wrap_stream(body)),
    )
    .await;
    assert_eq!(answer.status, 408);
    assert_eq!(
        answer.body,
        r#"{ "statusCode": 408, "message": "The request body did not arrive in time." }"#
    );
}

#[tokio::test]
async fn headers_of_the_connection_stay_on_it() {
    let upstream = Upstream::answering(|_| {
        Response::builder()
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("keep-alive", "timeout=5")
            .header("x-kept", "2")
            .body(full("hello"))
            .unwrap()
    })
    .await;
    let gateway = Setup::new(upstream.address, inbound("")).start().await;
    let request = gateway
        .get("/api/hello")
        .header("connection", "x-secret, authorization, x-forwarded-for");
    let request = request
        .header("x-secret", "1")
        .header("authorization", "Bearer x")
        .header("te", "trailers");
    let request = request
        .header("x-ms-client-principal-id", "admin")
        .header("X-MS-TOKEN-AAD-ID-TOKEN", "t");
    let request = request
        .header("cookie", "a=1; __Host-weir-identity-session=s")
        .header("x-kept", "2");
    let answer = send(request).await;
    let seen = upstream.only();
    for name in [
        "x-secret",
        "authorization",
        "te",
        "x-ms-client-principal-id",
        "x-ms-token-aad-id-token",
        "proxy-connection",
    ] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(seen.header("x-kept"), Some("2"));
    assert_eq!(seen.header("cookie"), Some("a=1"));
    assert_eq!(
        seen.header("x-forwarded-for"),
        Some("127.0.0.1"),
        "it cannot be named away"
    );
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
    assert_eq!(
        seen.header("x-forwarded-host"),
        Some(&*gateway.address.to_string())
    );
    assert_eq!(
        (answer.header("x-hop"), answer.header("keep-alive")),
        (None, None)
    );
    assert_eq!(answer.header("x-kept"), Some("2"));
}

#[tokio::test]
async fn a_backend_that_is_not_there_is_502() {
    let nobody = ([127, 0, 0, 1], weir_testkit::free_port()).into();
    let gateway = Setup::new(nobody, inbound("")).start().await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!(answer.status, 502);
    assert_eq!(
        answer.body,
        r#"{ "statusCode": 502, "message": "The backend could not be reached." }"#
    );
}

#[tokio::test]
async fn a_backend_that_breaks_off_or_talks_nonsense_is_502() {
    for nonsense in [
        &b""[..],
        b"HTTP/1.1 200",
        b"SSH-2.0-nonsense\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(nonsense).await;
            }
        });
        let gateway = Setup::new(address, inbound("")).start().await;
        let answer = send(gateway.get("/api/hello")).await;
        assert_eq!(answer.status, 502, "{}", String::from_utf8_lossy(nonsense));
        assert_eq!(
            answer.body,
            r#"{ "statusCode": 502, "message": "The backend did not answer properly." }"#
        );
    }
}

#[tokio::test]
async fn response_headers_over_the_limit_are_502() {
    let upstream = Upstream::answering(|seen| {
        let large = "x".repeat(seen.header("x-bytes").unwrap().parse().unwrap());
        Response::builder()
            .header("x-large", large)
            .body(full("hello"))
            .unwrap()
    })
    .await;
    let gateway = Setup::new(upstream.address, inbound("")).start().await;
    for (bytes, status) in [("30000", 200), ("100000", 502)] {
        assert_eq!(
            send(gateway.get("/api/hello").header("x-bytes", bytes))
                .await
                .status,
            status,
            "{bytes} bytes"
        );
    }
}

#[tokio::test]
async fn a_slow_backend_is_504_and_on_error_knows() {
    let upstream = Upstream::streaming(|_| std::future::pending()).await;
    let on_error =
        r#"<set-header name="x-reason"><value>@(context.LastError.Reason)</value></set-header>"#;
    let policy = document("", r#"<forward-request timeout-ms="50" />"#, "", on_error);
    let gateway = Setup::new(upstream.address, policy).start().await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!(answer.status, 504);
    assert_eq!(
        answer.body,
        r#"{ "statusCode": 504, "message": "The backend did not answer in time." }"#
    );
    assert_eq!(answer.header("x-reason"), Some("Timeout"));
}

#[tokio::test]
async fn an_answer_that_stalls_is_cut_off() {
    let upstream = Upstream::streaming(|_| async {
        let first = stream::iter([Ok(Frame::data(Bytes::from("first")))]);
        Response::new(StreamBody::new(first.chain(stream::pending())).boxed_unsync())
    })
    .await;
    let mut setup = Setup::new(upstream.address, inbound(""));
    setup.upstream.body_idle_timeout = Duration::from_millis(100);
    let gateway = setup.start().await;
    let response = gateway.get("/api/hello").send().await.unwrap();
    assert_eq!(response.status(), 200);
    response
        .text()
        .await
        .expect_err("the client must not take half an answer for a whole one");
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_call_with_it() {
    struct Gone(Arc<Notify>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let (arrived, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (arriving, going) = (Arc::clone(&arrived), Arc::clone(&gone));
    let upstream = Upstream::streaming(move |_| {
        let guard = Gone(Arc::clone(&going));
        arriving.notify_one();
        async move {
            let _guard = guard;
            std::future::pending().await
        }
    })
    .await;
    let gateway = Setup::new(upstream.address, inbound("")).start().await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream
        .write_all(b"GET /api/hello HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    tokio::time::timeout(PATIENCE, arrived.notified())
        .await
        .unwrap();
    drop(stream);
    tokio::time::timeout(PATIENCE, gone.notified())
        .await
        .expect("the backend must learn of it");
}

#[tokio::test]
async fn expect_continue_is_answered_when_the_body_is_wanted() {
    let upstream = Upstream::answering(|seen| Response::new(full(seen.body.clone()))).await;
    let gateway = Setup::new(upstream.address, inbound("")).start().await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = b"POST /api/hello HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut interim = [0; 25];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut interim))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("body"),
        "{answer}"
    );
    assert_eq!(upstream.only().header("expect"), None);
}

#[tokio::test]
async fn head_and_bodiless_statuses_are_framed_properly() {
    let upstream = Upstream::answering(|seen| {
        let status: u16 = seen.header("x-status").unwrap_or("200").parse().unwrap();
        let body = if seen.method == "HEAD" || status != 200 {
            ""
        } else {
            "hello"
        };
        let response = Response::builder().status(status);
        let response = if seen.method == "HEAD" {
            response.header("content-length", "5")
        } else {
            response
        };
        response.body(full(body)).unwrap()
    })
    .await;
    let gateway = Setup::new(upstream.address, inbound("")).start().await;
    // One connection for all: an answer framed wrongly would garble the next.
    let client = crate::support::client();
    for _ in 0..2 {
        let head = send(client.head(gateway.url("/api/hello"))).await;
        assert_eq!(
            (
                head.status,
                head.header("content-length"),
                head.body.as_str()
            ),
            (200, Some("5"), "")
        );
        for status in [204_u16, 304] {
            let answer = send(
                client
                    .get(gateway.url("/api/hello"))
                    .header("x-status", status),
            )
            .await;
            assert_eq!((answer.status, answer.body.as_str()), (status, ""));
        }
        let missing = send(client.head(gateway.url("/nowhere"))).await;
        assert_eq!((missing.status, missing.body.as_str()), (404, ""));
        assert_eq!(
            send(client.get(gateway.url("/api/hello"))).await.body,
            "hello"
        );
    }
}
