//! Which tokens open the door.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::provider::{AUDIENCE, now};
use crate::support::{Host, KEY, client};

async fn status(host: &Host, authorization: &[String]) -> u16 {
    let request = client()
        .get(host.url("/api/hello"))
        .header("x-functions-key", KEY);
    let request = authorization.iter().fold(request, |request, value| {
        request.header("authorization", value)
    });
    request.send().await.unwrap().status().as_u16()
}

async fn status_of(host: &Host, token: &str) -> u16 {
    status(host, &[format!("Bearer {token}")]).await
}

#[tokio::test]
async fn good_tokens() {
    let host = Host::start().await;
    for changes in [
        json!({}),
        json!({ "aud": ["other", AUDIENCE] }),
        json!({ "scp": null }),
        json!({ "nbf": now() + 200, "exp": now() - 200 }),
    ] {
        assert_eq!(
            status_of(&host, &host.provider.token_with(&changes)).await,
            200,
            "{changes}"
        );
    }
    assert_eq!(
        status(&host, &[format!("bEARER   {}", host.provider.token())]).await,
        200
    );
}

#[tokio::test]
async fn bad_tokens() {
    let host = Host::start().await;
    for changes in [
        json!({ "exp": now() - 400 }),
        json!({ "exp": null }),
        json!({ "nbf": now() + 400 }),
        json!({ "aud": "other" }),
        json!({ "aud": null }),
        json!({ "aud": [] }),
        json!({ "iss": "http://somebody.example/" }),
        json!({ "iss": null }),
    ] {
        assert_eq!(
            status_of(&host, &host.provider.token_with(&changes)).await,
            401,
            "{changes}"
        );
    }
    let claims = URL_SAFE_NO_PAD.encode(host.provider.claims(&json!({})).to_string());
    let unsigned = format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
    let token = host.provider.token();
    for bad in [
        host.provider.forged(),
        unsigned,
        "a.b.c".to_owned(),
        token.replace('.', ""),
        "x".repeat(20_000),
    ] {
        assert_eq!(status_of(&host, &bad).await, 401, "{bad}");
    }
    for authorization in [
        token.clone(),
        format!("Basic {token}"),
        "Bearer".to_owned(),
        String::new(),
    ] {
        assert_eq!(
            status(&host, std::slice::from_ref(&authorization)).await,
            401,
            "{authorization}"
        );
    }
    assert_eq!(
        status(
            &host,
            &[format!("Bearer {token}"), format!("Bearer {token}")]
        )
        .await,
        401,
        "two are none"
    );
}

#[tokio::test]
async fn the_challenge_says_where_to_sign_in() {
    let host = Host::start().await;
    let answer = client().get(host.url("/api/hello")).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let expected = format!(
        "Bearer realm=\"127.0.0.1:{}\" authorization_uri=\"http://{}/t/oauth2/v2.0/authorize?p=B2C_1_x\" \
         resource_id=\"{AUDIENCE}\"",
        host.address.port(),
        host.provider.address
    );
    assert_eq!(answer.headers()["www-authenticate"], expected.as_str());
    assert!(answer.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn without_the_providers_keys_the_host_is_not_ready_and_says_so() {
    // A port on which nothing listens any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let dead = format!("http://{gone}/v2.0/.well-known/openid-configuration");
    let host = Host::start_on("127.0.0.1:0", |config| config.openid_config = dead)
        .await
        .unwrap();
    let request = client()
        .get(host.url("/api/hello"))
        .bearer_auth(host.provider.token());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(
        answer.json::<serde_json::Value>().await.unwrap()["statusCode"],
        503
    );
    assert_eq!(
        client()
            .get(host.url("/api/hello"))
            .send()
            .await
            .unwrap()
            .status(),
        401,
        "no token is no token"
    );
    let ready = client()
        .get(format!("http://{}/readyz", host.ops))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.status(), 503);
}
