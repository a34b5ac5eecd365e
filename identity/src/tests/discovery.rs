//! The discovery document and the key set, in every form they are asked for.

use serde_json::Value;

use super::harness::{EMAIL, Server};
use crate::config::Issuer;
use crate::development::{POLICY, TENANT_ID, TENANT_NAME};

async fn document(server: &Server, path: &str) -> Value {
    let response = server
        .http
        .get(format!("{}{path}", server.base))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(response.headers()["content-type"], "application/json");
    response.json().await.unwrap()
}

#[tokio::test]
async fn every_url_in_every_form_of_the_document_answers() {
    let server = Server::start().await;
    let lower = POLICY.to_lowercase();
    for path in [
        format!("/{TENANT_NAME}/{POLICY}/v2.0/.well-known/openid-configuration"),
        format!("/{TENANT_NAME}/{lower}/v2.0/.well-known/openid-configuration"),
        format!(
            "/{}/{}/v2.0/.well-known/openid-configuration",
            TENANT_NAME.to_uppercase(),
            POLICY.to_uppercase()
        ),
        format!("/{TENANT_ID}/{POLICY}/v2.0/.well-known/openid-configuration"),
        format!("/{TENANT_NAME}/v2.0/.well-known/openid-configuration?p={POLICY}"),
        format!("/tfp/{TENANT_NAME}/{POLICY}/v2.0/.well-known/openid-configuration"),
    ] {
        let document = document(&server, &path).await;
        assert_eq!(document["issuer"], server.issuer(), "{path}");
        for (name, status) in [
            ("authorization_endpoint", 400),
            ("token_endpoint", 405),
            ("end_session_endpoint", 200),
            ("jwks_uri", 200),
        ] {
            let url = document[name].as_str().unwrap();
            assert!(url.starts_with(&server.base), "{url}");
            assert_eq!(
                url.contains(&format!("?p={lower}")),
                path.contains("?p="),
                "{url}"
            );
            assert_eq!(
                server.http.get(url).send().await.unwrap().status(),
                status,
                "{url}"
            );
        }
    }
    let other = format!(
        "{}/{TENANT_NAME}/B2C_1_other/v2.0/.well-known/openid-configuration",
        server.base
    );
    assert_eq!(server.http.get(other).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_key_set_looks_like_b2cs() {
    let server = Server::start().await;
    let keys = document(
        &server,
        &format!("/{TENANT_NAME}/{POLICY}/discovery/v2.0/keys"),
    )
    .await;
    let key = keys["keys"][0].as_object().unwrap();
    let names: Vec<_> = key.keys().map(String::as_str).collect();
    assert_eq!(names, ["kid", "nbf", "use", "kty", "e", "n"], "and no alg");
    assert_eq!(
        crate::crypto::decode(key["n"].as_str().unwrap())
            .unwrap()
            .len(),
        256
    );
    let thumbprint = format!(r#"{{"e":{},"kty":"RSA","n":{}}}"#, key["e"], key["n"]);
    assert_eq!(
        key["kid"],
        crate::crypto::encode(crate::crypto::sha256(thumbprint))
    );
}

#[tokio::test]
async fn the_conforming_issuer_is_the_prefix_of_its_document_and_stands_in_tokens() {
    let server = Server::start_with(|config| config.issuer = Issuer::Policy).await;
    let answer = server
        .browser()
        .try_sign_up(&[("email", EMAIL)])
        .await
        .parameters();
    let issuer = answer["iss"].as_str();
    let url = format!("{issuer}.well-known/openid-configuration");
    let document = document(&server, url.strip_prefix(&server.base).unwrap()).await;
    assert_eq!(document["issuer"], issuer);
    let tokens: Value = server.redeem(&answer["code"]).await.json().await.unwrap();
    let payload = tokens["access_token"]
        .as_str()
        .unwrap()
        .split('.')
        .nth(1)
        .unwrap();
    let claims: Value = serde_json::from_slice(&crate::crypto::decode(payload).unwrap()).unwrap();
    assert_eq!(claims["iss"], issuer);
}
