//! Tokens without a password.

use serde_json::Value;

use super::harness::{Server, claims};
use crate::development::{
    BACKEND_CLIENT_ID, FRONTEND_CLIENT_ID, POLICY, SCOPE, SPA_ORIGIN, TOKEN_PATH,
};

async fn server() -> Server {
    Server::start_with(|config| config.development_tokens = true).await
}

fn ask(server: &Server, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
    server
        .http
        .post(format!("{}{TOKEN_PATH}", server.base))
        .form(form)
}

#[tokio::test]
async fn a_name_is_enough_for_an_access_token() {
    let server = server().await;
    let mut subjects = Vec::new();
    for user in ["alice", "alice", "bob"] {
        let response = ask(&server, &[("user", user)]).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["cache-control"], "no-store");
        let tokens: Value = response.json().await.unwrap();
        assert_eq!(
            (&tokens["token_type"], &tokens["expires_in"]),
            (&"Bearer".into(), &3600.into())
        );
        assert_eq!(tokens["scope"], SCOPE);
        assert!(tokens.get("refresh_token").is_none() && tokens.get("id_token").is_none());
        let claims = claims(
            &server,
            tokens["access_token"].as_str().unwrap(),
            BACKEND_CLIENT_ID,
        )
        .await;
        assert_eq!(
            (&claims["name"], &claims["scp"], &claims["tfp"]),
            (&user.into(), &"Hello".into(), &POLICY.into())
        );
        assert_eq!(claims["azp"], FRONTEND_CLIENT_ID);
        subjects.push(claims["sub"].clone());
    }
    assert_eq!(subjects[0], subjects[1]);
    assert_ne!(subjects[0], subjects[2]);
}

#[tokio::test]
async fn a_web_page_gets_none() {
    let server = server().await;
    for (name, value) in [
        ("origin", SPA_ORIGIN),
        ("origin", server.base.as_str()),
        ("sec-fetch-site", "none"),
    ] {
        let response = ask(&server, &[("user", "alice")])
            .header(name, value)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 400, "{name}: {value}");
        assert!(
            response
                .headers()
                .get("access-control-allow-origin")
                .is_none()
        );
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let server = server().await;
    for form in [
        vec![],
        vec![("user", "a b")],
        vec![("user", "alice"), ("scope", "unknown")],
    ] {
        assert_eq!(
            ask(&server, &form).send().await.unwrap().status(),
            400,
            "{form:?}"
        );
    }
    let get = server
        .http
        .get(format!("{}{TOKEN_PATH}?user=alice", server.base))
        .send()
        .await
        .unwrap();
    assert_eq!(get.status(), 405);
}

#[tokio::test]
async fn they_are_off_unless_asked_for() {
    let server = Server::start().await;
    assert_eq!(
        ask(&server, &[("user", "alice")])
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
}

#[tokio::test]
async fn who_comes_from_another_machine_finds_nothing() {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use axum::body::Body;
    use tower::ServiceExt as _;

    use weir_serve::Peer;

    let config = crate::Config {
        development_tokens: true,
        ..crate::Config::default()
    };
    let metrics = crate::metrics::Metrics::register(&weir_telemetry::Ops::new("identity"));
    let provider = crate::provider::Provider::new(&config, metrics, crate::clock::Clock::System)
        .await
        .unwrap();
    let router = crate::routes::router(Arc::new(provider));
    for (peer, status) in [
        ("127.0.0.1", 200),
        ("::ffff:127.0.0.1", 200),
        ("172.18.0.1", 404),
        ("2001:db8::1", 404),
    ] {
        let mut request = http::Request::post(TOKEN_PATH)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from("user=alice"))
            .unwrap();
        request
            .extensions_mut()
            .insert(Peer::from(SocketAddr::new(peer.parse().unwrap(), 1)));
        assert_eq!(
            router.clone().oneshot(request).await.unwrap().status(),
            status,
            "{peer}"
        );
    }
}
