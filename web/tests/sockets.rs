//! The role over real sockets, with files of its own.
#![allow(clippy::unwrap_used, missing_docs)]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_serve::Listeners;
use weir_web::{Api, Config, Console, File, Oidc, Provider, Settings};

/// Generous: it only costs time when a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than the buffers of a connection hold.
static LARGE: [u8; 16 * 1024 * 1024] = [b'x'; 16 * 1024 * 1024];

const FILES: &[File] = &[
    File {
        name: "index.html",
        plain: b"<h1>app</h1>",
        brotli: Some(b"<br>"),
        gzip: Some(b"<gz>"),
    },
    File {
        name: "assets/app-1.js",
        plain: b"app()",
        brotli: None,
        gzip: None,
    },
    File {
        name: "assets/large-1.bin",
        plain: &LARGE,
        brotli: None,
        gzip: None,
    },
];

struct Running {
    address: SocketAddr,
    operations: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(files: &'static [File]) -> Self {
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ops = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, operations) = (service.local_addr().unwrap(), ops.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let listeners = Listeners::plain(service, Some(ops));
        let config = Config {
            files,
            ..Config::new(settings())
        };
        let task = tokio::spawn(weir_web::run(config, listeners, shutdown.clone()));
        Self {
            address,
            operations,
            shutdown,
            task,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn operation(&self, path: &str) -> (u16, String) {
        let response = client()
            .get(format!("http://{}{path}", self.operations))
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Sends bytes, and reads until the server closes the connection.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
            .await
            .unwrap()
            .unwrap();
        String::from_utf8(answer).unwrap()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

fn settings() -> Settings {
    Settings {
        api: Api {
            url: "http://localhost:8080/hello".parse().unwrap(),
            traceparent: None,
        },
        oidc: Oidc {
            provider: Provider::Authority("http://localhost:8090/tenant".parse().unwrap()),
            client_id: "1234".to_owned(),
            scope: "openid".to_owned(),
            redirect_uri: None,
            post_logout_redirect_uri: None,
        },
        console: Console {
            openapi_url: "http://localhost:8080/openapi.json".parse().unwrap(),
        },
    }
}

/// No proxy for loopback, and nothing decoded or followed.
fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_browser_gets_the_page_compressed_and_then_not_again() {
    let server = Running::start(FILES).await;
    let ask = |tag: Option<String>| {
        let request = client()
            .get(server.url("/some/where"))
            .header("Accept", "text/html,*/*;q=0.8");
        let request = request.header("Accept-Encoding", "gzip, deflate, br, zstd");
        match tag {
            Some(tag) => request.header("If-None-Match", tag).send(),
            None => request.send(),
        }
    };
    let page = ask(None).await.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["content-encoding"], "br");
    assert_eq!(page.headers()["content-length"], "4");
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("connect-src 'self' http://localhost:8080 http://localhost:8090;"),
        "{policy}"
    );
    let tag = page.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(page.text().await.unwrap(), "<br>");

    let again = ask(Some(tag)).await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(again.headers()["x-content-type-options"], "nosniff");
    assert_eq!(again.text().await.unwrap(), "");
}

#[tokio::test]
async fn head_tells_the_length_and_sends_nothing() {
    let server = Running::start(FILES).await;
    let answer = server
        .raw("HEAD /assets/app-1.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains("content-length: 5")
            && head.contains("immutable")
            && head.contains("etag: \""),
        "{head}"
    );
    assert_eq!(body, "");

    let answer = server
        .raw("HEAD /missing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 404 ") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn odd_requests_find_nothing() {
    let server = Running::start(FILES).await;
    // Clients tidy such paths up; a socket sends them as they are.
    for target in [
        "/../../etc/passwd",
        "/assets/../index.html",
        "/%2e%2e/index.html",
        "//index.html",
        "/index.html\\",
    ] {
        let answer = server
            .raw(&format!(
                "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            ))
            .await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{target}: {answer}");
    }
    let answer = server
        .raw("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: GET, HEAD"),
        "{answer}"
    );
    let posted = client()
        .post(server.url("/"))
        .body("x".repeat(100_000))
        .send()
        .await
        .unwrap();
    assert_eq!(posted.status(), 405);
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let server = Running::start(FILES).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let endless = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}",
        "x".repeat(4 * 1024 * 1024)
    );
    // The server stops reading somewhere in the middle, and may be gone before all is written or
    // its answer is read.
    let _ = stream.write_all(endless.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("it closes the connection");
    let answer = String::from_utf8(answer).unwrap();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
}

#[tokio::test]
async fn it_is_ready_and_counts() {
    let server = Running::start(FILES).await;
    for path in ["/", "/missing"] {
        client().get(server.url(path)).send().await.unwrap();
    }
    assert_eq!(server.operation("/readyz").await.0, 200);
    let (_, metrics) = server.operation("/metrics").await;
    for line in [
        "weir_web_requests_total{outcome=\"served\"} 1",
        "weir_web_requests_total{outcome=\"not_found\"} 1",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} in\n{metrics}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn without_files_it_runs_and_says_which_command_builds_them() {
    let server = Running::start(&[]).await;
    let answer = client()
        .get(server.url("/"))
        .header("Accept", "text/html")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("content-security-policy"));
    assert!(answer.text().await.unwrap().contains("make web"));
    let (status, text) = server.operation("/readyz").await;
    assert!(status == 503 && text.contains("make web"), "{text}");
    assert_eq!(server.operation("/healthz").await.0, 200);
    server.stop().await;
}

#[tokio::test]
async fn an_answer_under_way_ends_before_the_role_does() {
    let server = Running::start(FILES).await;
    let address = server.address;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /assets/large-1.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    // The answer has begun, and the rest waits for us.
    let mut answer = vec![0; 1024];
    stream.read_exact(&mut answer).await.unwrap();

    server.shutdown.cancel();
    stream.read_to_end(&mut answer).await.unwrap();
    let head = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap()
        + 4;
    assert_eq!(answer.len() - head, LARGE.len(), "nothing is cut off");
    tokio::time::timeout(PATIENCE, server.task)
        .await
        .unwrap()
        .unwrap();
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nothing listens any more"
    );
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let server = Running::start(FILES).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    idle.read_exact(&mut [0; 16]).await.unwrap();
    server.stop().await;
}
