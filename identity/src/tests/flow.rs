//! The whole code flow.

use super::harness::{CHALLENGE, EMAIL, PASSWORD, Server, VERIFIER, claims};
use crate::clock::unix_seconds;
use crate::config::Accounts;
use crate::cookies::SESSION;
use crate::development::{
    BACKEND_CLIENT_ID, BACKEND_CLIENT_SECRET, BACKEND_REDIRECT_URI, FRONTEND_CLIENT_ID, POLICY,
    SCOPE, SPA_ORIGIN,
};

#[tokio::test]
async fn sign_up_leads_to_tokens_with_the_claims_of_b2c() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let start = browser
        .get(&server.authorize_url(&[("nonce", "n-1")]))
        .await;
    let page = browser.get(start.location()).await;
    for text in [
        "Sign in with your existing account",
        "Email Address",
        "Password",
        "Keep me signed in",
        "Sign up now",
    ] {
        assert!(page.body.contains(text), "{text}");
    }
    let path = start.location().replace("sign-in", "sign-up");
    let page = browser.get(&path).await;
    let csrf = page.hidden("csrf");
    let form = [
        ("csrf", csrf.as_str()),
        ("email", " Alice@Example.com "),
        ("new_password", PASSWORD),
        ("confirm_password", PASSWORD),
        ("display_name", " Alice "),
    ];
    let created = browser.post(&path, &form).await;
    let done = browser.go_on(created).await;
    assert!(
        done.location().starts_with("http://localhost:3000?code="),
        "{done:?}"
    );
    let answer = done.parameters();
    assert_eq!(answer["state"], "s t&a;t\u{e9}");
    assert_eq!(answer["iss"], server.issuer());

    let response = server.redeem(&answer["code"]).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["content-type"], "application/json");
    let tokens: serde_json::Value = response.json().await.unwrap();
    let now = unix_seconds(server.clock.now());
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 3600);
    assert_eq!(tokens["not_before"], now);
    assert_eq!(tokens["expires_on"], now + 3600);
    assert_eq!(tokens["resource"], BACKEND_CLIENT_ID);
    assert_eq!(
        tokens["scope"],
        format!("openid profile offline_access {SCOPE}")
    );
    assert_eq!(tokens["refresh_token_expires_in"], 86_400);
    assert!(tokens.get("client_info").is_none());

    let access = claims(
        &server,
        tokens["access_token"].as_str().unwrap(),
        BACKEND_CLIENT_ID,
    )
    .await;
    assert_eq!(access["ver"], "1.0");
    assert_eq!(access["aud"], BACKEND_CLIENT_ID);
    assert_eq!(access["azp"], FRONTEND_CLIENT_ID);
    assert_eq!(access["scp"], "Hello");
    assert_eq!(access["tfp"], POLICY);
    assert_eq!(access["name"], "Alice");
    assert_eq!(access["emails"], serde_json::json!([EMAIL]));
    assert_eq!(access["sub"], access["oid"]);
    assert_eq!(
        (&access["nbf"], &access["iat"], &access["auth_time"]),
        (&now.into(), &now.into(), &now.into())
    );
    assert_eq!(access["exp"], now + 3600);
    assert!(access.get("nonce").is_none());

    let id = claims(
        &server,
        tokens["id_token"].as_str().unwrap(),
        FRONTEND_CLIENT_ID,
    )
    .await;
    assert_eq!(id["nonce"], "n-1");
    assert_eq!(id["sub"], access["sub"]);
    assert!(id.get("scp").is_none() && id.get("azp").is_none());
}

#[tokio::test]
async fn a_session_skips_the_form_unless_the_application_insists() {
    let server = Server::start().await;
    let mut browser = server.browser();
    browser.sign_up(EMAIL).await;
    let first = browser.cookies[SESSION].clone();
    browser.code().await;
    let silent = browser
        .get(&server.authorize_url(&[("prompt", "none")]))
        .await;
    assert!(silent.parameters().contains_key("code"));
    for (name, value) in [("prompt", "login"), ("prompt", "select_account")] {
        let asked = browser.get(&server.authorize_url(&[(name, value)])).await;
        assert!(asked.location().starts_with("/sign-in?"), "{asked:?}");
        let page = browser.get(asked.location()).await;
        assert_eq!(page.status, 200);
        let form = [
            ("csrf", page.hidden("csrf")),
            ("email", EMAIL.into()),
            ("password", PASSWORD.into()),
        ];
        let form: Vec<_> = form
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert!(
            browser
                .post(asked.location(), &form)
                .await
                .parameters()
                .contains_key("code")
        );
    }
    assert_ne!(
        browser.cookies[SESSION], first,
        "a sign-in begins a new session"
    );
    let mut thief = server.browser();
    thief.cookies.insert(SESSION.to_owned(), first);
    let asked = thief.get(&server.authorize_url(&[])).await;
    assert!(
        asked.location().starts_with("/sign-in?"),
        "the session of before has ended"
    );
}

#[tokio::test]
async fn a_sign_in_that_is_too_old_is_asked_for_again() {
    let server = Server::start().await;
    let mut browser = server.browser();
    browser.sign_up(EMAIL).await;
    server.clock.advance(std::time::Duration::from_secs(100));
    let recent = browser
        .get(&server.authorize_url(&[("max_age", "100")]))
        .await;
    assert!(recent.parameters().contains_key("code"));
    let old = browser
        .get(&server.authorize_url(&[("max_age", "99")]))
        .await;
    assert!(old.location().starts_with("/sign-in?"));
    assert_eq!(
        browser.get(old.location()).await.status,
        200,
        "the page does not skip itself"
    );
    let silent = browser
        .get(&server.authorize_url(&[("max_age", "99"), ("prompt", "none")]))
        .await;
    assert_eq!(silent.parameters()["error"], "login_required");
}

#[tokio::test]
async fn accounts_in_sqlite_and_the_key_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.db");
    let first = Server::start_with(|config| config.accounts = Accounts::Sqlite(path.clone())).await;
    let tokens = first.tokens().await;
    let old = tokens["access_token"].as_str().unwrap();
    let before = claims(&first, old, BACKEND_CLIENT_ID).await;

    let second =
        Server::start_with(|config| config.accounts = Accounts::Sqlite(path.clone())).await;
    let code = second
        .browser()
        .try_sign_in("ALICE@example.com", PASSWORD)
        .await
        .parameters()
        .remove("code")
        .unwrap();
    let tokens: serde_json::Value = second.redeem(&code).await.json().await.unwrap();
    let new = tokens["access_token"].as_str().unwrap();
    let after = claims(&second, new, BACKEND_CLIENT_ID).await;
    assert_eq!(before["sub"], after["sub"]);
    let kid = |token| jsonwebtoken::decode_header(token).unwrap().kid;
    assert_eq!(kid(old), kid(new));
}

#[tokio::test]
async fn a_client_with_a_secret_gets_a_refresh_token_that_slides() {
    let server = Server::start().await;
    let mut browser = server.browser();
    browser.sign_up(EMAIL).await;
    let url = server.authorize_url(&[
        ("client_id", BACKEND_CLIENT_ID),
        ("redirect_uri", BACKEND_REDIRECT_URI),
    ]);
    let asked = browser.get(&url).await;
    let code = browser
        .go_on(asked)
        .await
        .parameters()
        .remove("code")
        .unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", BACKEND_REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let refused = server
        .token(&[&form[..], &[("client_id", BACKEND_CLIENT_ID)]].concat())
        .await;
    assert_eq!(
        refused.status(),
        401,
        "without the secret, and the code is not spent by that"
    );
    let request = server.http.post(server.endpoint("token")).form(&form);
    let response = request
        .basic_auth(BACKEND_CLIENT_ID, Some(BACKEND_CLIENT_SECRET))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let tokens: serde_json::Value = response.json().await.unwrap();
    assert_eq!(tokens["refresh_token_expires_in"], 14 * 86_400);
}

#[tokio::test]
async fn the_endpoints_work_with_the_policy_in_the_query_and_by_post() {
    let server = Server::start().await;
    let mut browser = server.browser();
    browser.sign_up(EMAIL).await;
    let base = format!(
        "{}/{}/oauth2/v2.0",
        server.base,
        crate::development::TENANT_ID
    );
    let url = format!("{base}/authorize?p={}", POLICY.to_lowercase());
    let form = [
        ("client_id", FRONTEND_CLIENT_ID),
        ("redirect_uri", SPA_ORIGIN),
        ("response_type", "code"),
        ("scope", "openid"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let again = browser.post(&url, &form).await;
    assert_eq!(again.status, 303);
    let code = browser
        .get(again.location())
        .await
        .parameters()
        .remove("code")
        .unwrap();
    let response = server
        .http
        .post(format!("{base}/token?p={POLICY}"))
        .form(&super::harness::redemption(&code));
    let tokens: serde_json::Value = response.send().await.unwrap().json().await.unwrap();
    assert!(
        tokens.get("refresh_token").is_none(),
        "offline_access was not asked for"
    );
    let access = claims(
        &server,
        tokens["access_token"].as_str().unwrap(),
        FRONTEND_CLIENT_ID,
    )
    .await;
    assert!(access.get("scp").is_none());
}
