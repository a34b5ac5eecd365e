//! Who the function thinks is calling.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};

use crate::support::{Host, KEY, client, values};

/// What a caller might send to be somebody else. Case and punctuation reach the host as they stand
/// here.
const SPOOFED: &str = "X-MS-CLIENT-PRINCIPAL: spoofed\r\n\
    x-ms-cLiEnT-pRiNcIpAl-Id: spoofed\r\n\
    X_MS_CLIENT_PRINCIPAL: spoofed\r\n\
    x-ms_client_principal-NAME: spoofed\r\n\
    X-MS-CLIENT-PRINCIPAL-IDP: spoofed\r\n\
    X-Ms-Client-Principal-More: spoofed\r\n\
    X-MS-TOKEN-AAD-ACCESS-TOKEN: spoofed\r\n\
    x_ms_token_aad_id_token: spoofed\r\n";

fn body(answer: &str) -> Value {
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn the_principal_is_injected_and_spoofed_ones_are_gone() {
    let host = Host::start().await;
    let token = host.provider.token();
    let request = format!(
        "GET /api/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{SPOOFED}\
         Authorization: Bearer {token}\r\nx-functions-key: {KEY}\r\n\r\n"
    );
    let echoed = body(&host.raw(&request).await);
    assert!(!echoed.to_string().contains("spoofed"), "{echoed}");
    assert_eq!(values(&echoed, "x-ms-client-principal-id"), ["alice-id"]);
    assert_eq!(
        values(&echoed, "x-ms-client-principal-name"),
        ["alice@example.com"]
    );
    assert_eq!(values(&echoed, "x-ms-client-principal-idp"), ["aad"]);
    assert_eq!(
        values(&echoed, "authorization"),
        [format!("Bearer {token}")],
        "the token still reaches the function"
    );
    assert_eq!(
        echoed["principal"],
        json!({ "id": "alice-id", "name": "alice@example.com" })
    );

    let [principal] = values(&echoed, "x-ms-client-principal")[..] else {
        panic!("one principal in {echoed}")
    };
    let principal: Value = serde_json::from_slice(&STANDARD.decode(principal).unwrap()).unwrap();
    assert_eq!(principal["auth_typ"], "aad");
    let claims = principal["claims"].as_array().unwrap();
    for (typ, val) in [
        (
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
            "alice-id",
        ),
        (
            "http://schemas.microsoft.com/identity/claims/scope",
            "Hello",
        ),
        ("emails", "alice@example.com"),
        ("emails", "a@example.com"),
    ] {
        assert!(
            claims.contains(&json!({ "typ": typ, "val": val })),
            "{typ} in {principal}"
        );
    }
}

#[tokio::test]
async fn an_excluded_path_needs_no_token_and_still_believes_nobody() {
    let host =
        Host::start_with(|config| config.excluded_paths = vec!["/api/echo".to_owned()]).await;
    let request = format!(
        "GET /api/echo?code={KEY} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{SPOOFED}\
         Authorization: Bearer not-even-looked-at\r\n\r\n"
    );
    let echoed = body(&host.raw(&request).await);
    assert!(!echoed.to_string().contains("spoofed"), "{echoed}");
    assert_eq!(echoed["principal"], Value::Null);
    assert!(values(&echoed, "x-ms-client-principal").is_empty());

    let other = client()
        .get(host.url(&format!("/api/hello?code={KEY}")))
        .send()
        .await
        .unwrap();
    assert_eq!(other.status(), 401, "other paths still need one");
}

#[tokio::test]
async fn bodies_reach_the_function() {
    let host = Host::start().await;
    let answer = host
        .good(Method::POST, "/api/echo")
        .body("twelve bytes")
        .send()
        .await
        .unwrap();
    let echoed: Value = answer.json().await.unwrap();
    assert_eq!(echoed["body"], 12);
}
