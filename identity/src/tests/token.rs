//! The token endpoint.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::harness::{EMAIL, Server, VERIFIER, redemption};
use crate::development::{
    BACKEND_CLIENT_ID, BACKEND_CLIENT_SECRET, POLICY, SPA_ORIGIN, TENANT_NAME,
};

async fn error(response: reqwest::Response) -> String {
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: Value = response.json().await.unwrap();
    assert!(body["error_description"].is_string());
    body["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn of_twenty_parallel_redemptions_one_succeeds() {
    let server = Arc::new(Server::start().await);
    let code = server.browser().sign_up(EMAIL).await;
    let attempts: Vec<_> = (0..20)
        .map(|_| {
            let (server, code) = (Arc::clone(&server), code.clone());
            tokio::spawn(async move { server.redeem(&code).await })
        })
        .collect();
    let mut issued = 0;
    for attempt in attempts {
        let response = attempt.await.unwrap();
        if response.status() == 200 {
            issued += 1;
        } else {
            assert_eq!(error(response).await, "invalid_grant");
        }
    }
    assert_eq!(issued, 1);
}

#[tokio::test]
async fn a_replayed_code_ends_the_refresh_tokens_that_came_from_it() {
    let server = Server::start().await;
    let code = server.browser().sign_up(EMAIL).await;
    let tokens: Value = server.redeem(&code).await.json().await.unwrap();
    let rotated: Value = server
        .refresh(tokens["refresh_token"].as_str().unwrap())
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(error(server.redeem(&code).await).await, "invalid_grant");
    let refused = server
        .refresh(rotated["refresh_token"].as_str().unwrap())
        .await;
    assert_eq!(refused.status(), 400);
    assert_eq!(error(refused).await, "invalid_grant");
}

#[tokio::test]
async fn a_code_is_bound_and_a_failed_check_spends_it() {
    let server = Server::start().await;
    let mut browser = server.browser();
    browser.sign_up(EMAIL).await;
    let long = "a".repeat(129);
    for (name, value) in [
        ("redirect_uri", "http://localhost:3000/"),
        ("redirect_uri", ""),
        ("code_verifier", "a".repeat(43).as_str()),
        ("code_verifier", &VERIFIER[..42]),
        ("code_verifier", &long),
        ("code_verifier", ""),
    ] {
        let code = browser.code().await;
        let mut form = redemption(&code);
        form.iter_mut().find(|(key, _)| *key == name).unwrap().1 = value;
        assert_eq!(
            error(server.token(&form).await).await,
            "invalid_grant",
            "{name}={value}"
        );
        assert_eq!(
            error(server.redeem(&code).await).await,
            "invalid_grant",
            "spent after {name}={value}"
        );
    }
    let code = browser.code().await;
    let mut form = redemption(&code).to_vec();
    form[1].1 = BACKEND_CLIENT_ID;
    form.push(("client_secret", BACKEND_CLIENT_SECRET));
    assert_eq!(
        error(server.token(&form).await).await,
        "invalid_grant",
        "another client"
    );
}

#[tokio::test]
async fn a_code_expires_after_ten_minutes() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let (early, late) = (browser.sign_up(EMAIL).await, browser.code().await);
    server.clock.advance(Duration::from_secs(599));
    assert_eq!(server.redeem(&early).await.status(), 200);
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(error(server.redeem(&late).await).await, "invalid_grant");
}

#[tokio::test]
async fn a_code_of_one_policy_is_refused_at_another() {
    let server = Server::start_with(|config| config.policies.push("B2C_1_other".to_owned())).await;
    let mut browser = server.browser();
    browser.sign_up(EMAIL).await;
    let (code, other) = (
        browser.code().await,
        format!(
            "{}/{TENANT_NAME}/b2c_1_OTHER/oauth2/v2.0/token",
            server.base
        ),
    );
    let response = server
        .http
        .post(&other)
        .form(&redemption(&code))
        .send()
        .await
        .unwrap();
    assert_eq!(error(response).await, "invalid_grant");

    let tokens: Value = server
        .redeem(&browser.code().await)
        .await
        .json()
        .await
        .unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", crate::development::FRONTEND_CLIENT_ID),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    let response = server.http.post(&other).form(&form).send().await.unwrap();
    assert_eq!(error(response).await, "invalid_grant");
    assert_eq!(
        server.token(&form).await.status(),
        200,
        "it still works where it belongs"
    );
}

#[tokio::test]
async fn requests_that_are_no_requests_are_told_what_is_missing() {
    let server = Server::start().await;
    let client = ("client_id", crate::development::FRONTEND_CLIENT_ID);
    for (form, expected) in [
        (vec![], "invalid_request"),
        (vec![client], "invalid_request"),
        (
            vec![client, ("grant_type", "password")],
            "unsupported_grant_type",
        ),
        (
            vec![client, ("grant_type", "authorization_code")],
            "invalid_request",
        ),
        (
            vec![
                client,
                ("grant_type", "authorization_code"),
                ("code", "unknown"),
            ],
            "invalid_grant",
        ),
        (
            vec![
                client,
                ("grant_type", "refresh_token"),
                ("refresh_token", "unknown"),
            ],
            "invalid_grant",
        ),
        (
            vec![client, client, ("grant_type", "refresh_token")],
            "invalid_request",
        ),
    ] {
        let response = server.token(&form).await;
        assert_eq!(response.status(), 400, "{form:?}");
        assert_eq!(error(response).await, expected, "{form:?}");
    }
    let unknown = server
        .token(&[("client_id", "unknown"), ("grant_type", "refresh_token")])
        .await;
    assert_eq!(unknown.status(), 401);
    let json = server
        .http
        .post(server.endpoint("token"))
        .json(&serde_json::json!({ "grant_type": "x" }));
    assert_eq!(error(json.send().await.unwrap()).await, "invalid_request");
    let large = server
        .http
        .post(server.endpoint("token"))
        .body("a".repeat(100_000))
        .send()
        .await
        .unwrap();
    assert_eq!(large.status(), 413);
    assert_eq!(
        server
            .http
            .get(server.endpoint("token"))
            .send()
            .await
            .unwrap()
            .status(),
        405
    );
}

#[tokio::test]
async fn the_application_may_call_from_its_origin_and_others_may_not() {
    let server = Server::start().await;
    for url in [
        server.endpoint("token"),
        format!(
            "{}/{TENANT_NAME}/{POLICY}/v2.0/.well-known/openid-configuration",
            server.base
        ),
        format!(
            "{}/{TENANT_NAME}/discovery/v2.0/keys?p={POLICY}",
            server.base
        ),
    ] {
        for (origin, allowed) in [
            (SPA_ORIGIN, Some(SPA_ORIGIN)),
            ("http://localhost:7071", None),
            ("null", None),
        ] {
            for method in [http::Method::OPTIONS, http::Method::POST, http::Method::GET] {
                let request = server
                    .http
                    .request(method.clone(), &url)
                    .header("origin", origin);
                let answer = request.send().await.unwrap();
                let header = |name: &str| {
                    answer
                        .headers()
                        .get(name)
                        .map(|value| value.to_str().unwrap())
                };
                assert_eq!(
                    header("access-control-allow-origin"),
                    allowed,
                    "{method} {url} {origin}"
                );
                assert_eq!(header("vary"), Some("Origin"));
                assert_eq!(header("access-control-allow-credentials"), None);
                if method == http::Method::OPTIONS {
                    assert_eq!(answer.status(), 204);
                    let expected = allowed.map(|_| "content-type, x-requested-with");
                    assert_eq!(header("access-control-allow-headers"), expected);
                }
            }
        }
    }
}

#[tokio::test]
async fn microsofts_libraries_get_the_account_they_ask_for() {
    let server = Server::start().await;
    let code = server.browser().sign_up(EMAIL).await;
    let form = [&redemption(&code)[..], &[("client_info", "1")]].concat();
    let tokens: Value = server.token(&form).await.json().await.unwrap();
    let info = crate::crypto::decode(tokens["client_info"].as_str().unwrap()).unwrap();
    let info: Value = serde_json::from_slice(&info).unwrap();
    assert_eq!(info["utid"], crate::development::TENANT_ID);
    assert!(
        info["uid"]
            .as_str()
            .unwrap()
            .ends_with("-b2c_1_frontendapp_signupandsignin")
    );
}
