//! `HTTP_PROXY` and its relatives: whoever sets them means other machines.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Role, Up, client, status_of};

/// Accepts connections and never answers; how many came.
async fn silent_proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let accepted = Arc::clone(&connections);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            accepted.fetch_add(1, Ordering::SeqCst);
            open.push(stream);
        }
    });
    (url, connections)
}

/// The variables as people set them, in both spellings, for everything.
fn variables(proxy: &str) -> [(&str, &str); 8] {
    [
        ("HTTP_PROXY", proxy),
        ("http_proxy", proxy),
        ("HTTPS_PROXY", proxy),
        ("https_proxy", proxy),
        ("ALL_PROXY", proxy),
        ("all_proxy", proxy),
        ("NO_PROXY", ""),
        ("no_proxy", ""),
    ]
}

#[tokio::test]
async fn weir_up_talks_to_itself_without_a_proxy() {
    let (proxy, connections) = silent_proxy().await;
    // Returns when the banner is printed: every role is ready by then, and a token was made.
    let up = Up::start_in(&variables(&proxy)).await;
    assert_eq!(
        status_of(&client(), &up.hello(), &up.token("alice")).await,
        200
    );
    assert_eq!(connections.load(Ordering::SeqCst), 0, "{}", up.log());
}

/// Answers a request in the form that proxies get, with the whole URL, as the provider would.
async fn answer_for_the_provider(mut stream: TcpStream) {
    let (mut request, mut buffer) = (String::new(), [0; 4096]);
    while !request.contains("\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(read @ 1..) => request.push_str(&String::from_utf8_lossy(&buffer[..read])),
            _ => return,
        }
    }
    let body = match request.split(' ').nth(1).unwrap() {
        "http://login.example/.well-known/openid-configuration" => {
            json!({ "issuer": "http://login.example/", "jwks_uri": "http://login.example/keys" })
        }
        // RFC 7515, A.3
        "http://login.example/keys" => json!({ "keys": [{
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }] }),
        other => panic!("the proxy was asked for {other}"),
    };
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

#[tokio::test]
async fn a_provider_elsewhere_is_asked_through_the_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_for_the_provider(stream));
        }
    });
    let discovery = "http://login.example/.well-known/openid-configuration";
    // Ready when the keys have come, and nobody but the proxy has them.
    let role = Role::start_with(
        "backend",
        &["--openid-config", discovery],
        &variables(&proxy),
    )
    .await;
    assert!(role.metrics().await.contains(r#"result="ok""#));
}

#[test]
fn providers_may_not_be_asked_all_the_time() {
    for role in ["gateway", "backend", "up"] {
        for flag in ["--jwks-refresh", "--jwks-unknown-kid"] {
            let output = Command::new(env!("CARGO_BIN_EXE_weir"))
                .args([role, flag, "100ms"])
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{role}: {text}");
            assert!(
                text.contains(flag) && text.contains("providers are asked every 1s at most"),
                "{role}: {text}"
            );
        }
    }
}
