//! Tokens that must not pass, through the real gateway.

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::exactness::{backend, gateway};
use crate::support::{ConfigDir, Provider, Role, Up, client, now, status_of, unsigned};

fn changed(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

fn hs256(secret: &[u8], claims: &Value, kid: Option<&str>) -> String {
    let mut header = json!({ "alg": "HS256", "typ": "JWT" });
    if let Some(kid) = kid {
        header["kid"] = json!(kid);
    }
    let input = unsigned(&header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_forged_or_stale_token_passes() {
    let provider = Provider::start().await;
    let backend = backend(&provider).await;
    let limiter = Role::start("limiter", &[]).await;
    let config = ConfigDir::scenario();
    let gateway = gateway(&config, &[&limiter], &backend, &provider, &[]).await;
    let hello = format!("{}/hello", gateway.url());
    let (client, good, now) = (client(), provider.claims("mallory"), now());
    assert_eq!(status_of(&client, &hello, &provider.sign(&good)).await, 200);

    let header = |alg: &str, kid: &str| json!({ "alg": alg, "typ": "JWT", "kid": kid });
    let other_key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let valid = provider.sign(&good);
    let (head_and_claims, signature) = valid.rsplit_once('.').unwrap();
    let mut without_exp = good.clone();
    without_exp.as_object_mut().unwrap().remove("exp");
    let pem = provider.public_key_pem();
    let attacks = [
        // The policy allows 300 seconds of skew.
        (
            "expired",
            provider.sign(&changed(&good, "exp", json!(now - 301))),
        ),
        (
            "not yet valid",
            provider.sign(&changed(&good, "nbf", json!(now + 400))),
        ),
        ("without expiry", provider.sign(&without_exp)),
        (
            "wrong audience",
            provider.sign(&changed(&good, "aud", json!("somebody-else"))),
        ),
        (
            "wrong issuer",
            provider.sign(&changed(&good, "iss", json!("http://evil.example/"))),
        ),
        (
            "wrong key",
            provider.sign_with(&other_key, &header("RS256", "published"), &good),
        ),
        (
            "unknown kid",
            provider.sign_with(&other_key, &header("RS256", "unheard-of"), &good),
        ),
        (
            "alg none",
            format!("{}.", unsigned(&header("none", "published"), &good)),
        ),
        (
            "alg nOnE",
            format!(
                "{}.{signature}",
                unsigned(&header("nOnE", "published"), &good)
            ),
        ),
        (
            "HS256 with the public key's PEM",
            hs256(pem.as_bytes(), &good, Some("published")),
        ),
        (
            "HS256 with the public key's PEM, no kid",
            hs256(pem.as_bytes(), &good, None),
        ),
        ("no signature", format!("{head_and_claims}.")),
        ("one dot", head_and_claims.to_owned()),
        ("no dot", valid.replace('.', "")),
        ("four dots", format!("{valid}.a.b")),
        ("garbage", "garbage".to_owned()),
        (
            "claims of another token",
            format!(
                "{}.{signature}",
                unsigned(
                    &header("RS256", "published"),
                    &changed(&good, "sub", json!("alice"))
                )
            ),
        ),
    ];
    for (name, token) in &attacks {
        assert_eq!(status_of(&client, &hello, token).await, 401, "{name}");
    }
    // 100 kB: refused for its size, before anything reads it; the connection and the gateway go on.
    let huge = format!("{}.{}.{signature}", "a".repeat(50_000), "b".repeat(50_000));
    let status = status_of(&client, &hello, &huge).await;
    assert!([401, 431].contains(&status), "{status}");
    assert_eq!(
        status_of(&client, &hello, &provider.sign(&good)).await,
        200,
        "the honest token still passes"
    );
}

#[tokio::test]
async fn an_id_token_is_not_an_access_token() {
    let provider = Provider::start().await;
    let backend = backend(&provider).await;
    let limiter = Role::start("limiter", &[]).await;
    let config = ConfigDir::scenario();
    let gateway = gateway(&config, &[&limiter], &backend, &provider, &[]).await;
    let claims = changed(
        &provider.claims("alice"),
        "aud",
        json!(weir_development::FRONTEND_CLIENT_ID),
    );
    let hello = format!("{}/hello", gateway.url());
    assert_eq!(
        status_of(&client(), &hello, &provider.sign(&claims)).await,
        401
    );
}

#[tokio::test]
async fn a_token_under_another_scheme_or_in_the_query_is_no_token() {
    let up = Up::start(&[]).await;
    let token = up.token("alice");
    let basic = client()
        .get(up.hello())
        .header("Authorization", format!("Basic {token}"))
        .send()
        .await
        .unwrap();
    assert_eq!(basic.status(), 401);
    let query = client()
        .get(format!("{}?access_token={token}", up.hello()))
        .send()
        .await
        .unwrap();
    assert_eq!(query.status(), 401);
}
