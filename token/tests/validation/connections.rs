//! Connections to providers that were closed, or forgotten on the way, between two requests.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Reads one request and answers it with `document(path)`, promising to keep the connection open.
async fn answer_once(stream: &mut TcpStream, document: impl Fn(&str) -> Value) {
    let (mut request, mut buffer) = (String::new(), [0; 4096]);
    while !request.contains("\r\n\r\n") {
        let read = stream.read(&mut buffer).await.unwrap();
        request.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    let body = document(request.split(' ').nth(1).unwrap()).to_string();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// Each connection answers its first request and is then a black hole: it stays open, and nothing
/// comes of what is sent.
#[tokio::test]
async fn an_idle_connection_that_was_forgotten_costs_no_fetch() {
    let signer = Signer::new("k1");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (issuer, jwk) = (format!("{base}/"), signer.jwk());
    let discovery = json!({"issuer": issuer, "jwks_uri": format!("{base}/keys")});
    let connections = Arc::new(AtomicUsize::new(0));
    let accepted = Arc::clone(&connections);
    tokio::spawn(async move {
        let mut forgotten = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            accepted.fetch_add(1, Ordering::SeqCst);
            let keys = json!({"keys": [jwk]});
            answer_once(&mut stream, |path| {
                if path == "/keys" {
                    keys.clone()
                } else {
                    discovery.clone()
                }
            })
            .await;
            forgotten.push(stream);
        }
    });
    let ops = Ops::new("test");
    let providers = Providers::new(ProvidersConfig::default(), &ops).unwrap();
    let provider = providers
        .provider(&format!("{base}/.well-known/openid-configuration"))
        .unwrap();
    for fetches in 1..=3 {
        provider.refresh().await;
        assert!(
            ops.render()
                .contains(&format!(r#"result="ok"}} {fetches}"#)),
            "{}",
            ops.render()
        );
    }
    assert_eq!(
        connections.load(Ordering::SeqCst),
        6,
        "two documents, three times"
    );
}
