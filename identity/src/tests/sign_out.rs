//! Signing out.

use super::harness::{Browser, EMAIL, PASSWORD, Server};
use crate::cookies::SESSION;
use crate::development::{FRONTEND_CLIENT_ID, SPA_ORIGIN};

fn logout(server: &Server, parameters: &[(&str, &str)]) -> String {
    let mut url = url::Url::parse(&server.endpoint("logout")).unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    url.into()
}

async fn signed_in(server: &Server) -> (Browser<'_>, serde_json::Value) {
    let mut browser = server.browser();
    let code = browser.sign_up(EMAIL).await;
    let tokens = server.redeem(&code).await.json().await.unwrap();
    (browser, tokens)
}

#[tokio::test]
async fn an_application_that_shows_its_id_token_signs_out_at_once() {
    let server = Server::start().await;
    let (mut browser, tokens) = signed_in(&server).await;
    // Long after the ID token expired, while the session lives on by being used.
    for _ in 0..3 {
        server
            .clock
            .advance(std::time::Duration::from_secs(5 * 3600));
        browser.code().await;
    }
    let session = browser.cookies[SESSION].clone();
    let parameters = [
        ("id_token_hint", tokens["id_token"].as_str().unwrap()),
        ("post_logout_redirect_uri", SPA_ORIGIN),
        ("state", "a&b"),
    ];
    let done = browser.get(&logout(&server, &parameters)).await;
    assert_eq!(
        (done.status, done.location()),
        (303, "http://localhost:3000?state=a%26b")
    );
    assert!(!browser.cookies.contains_key(SESSION));
    browser.cookies.insert(SESSION.to_owned(), session);
    assert!(
        browser
            .get(&server.authorize_url(&[]))
            .await
            .location()
            .starts_with("/sign-in?"),
        "it ended here too"
    );
    assert_eq!(
        server
            .refresh(tokens["refresh_token"].as_str().unwrap())
            .await
            .status(),
        400
    );
}

#[tokio::test]
async fn without_an_id_token_the_person_is_asked() {
    let server = Server::start().await;
    let (mut browser, tokens) = signed_in(&server).await;
    let url = logout(
        &server,
        &[
            ("client_id", FRONTEND_CLIENT_ID),
            ("post_logout_redirect_uri", SPA_ORIGIN),
        ],
    );
    let page = browser.get(&url).await;
    assert!(page.body.contains("Do you want to sign out?"), "{page:?}");
    assert!(browser.cookies.contains_key(SESSION));
    let form = [
        ("client_id", FRONTEND_CLIENT_ID),
        ("post_logout_redirect_uri", SPA_ORIGIN),
    ];
    assert_eq!(browser.post("/sign-out", &form).await.status, 403);
    browser.code().await;
    let csrf = page.hidden("csrf");
    let evil = [
        ("csrf", csrf.as_str()),
        form[0],
        ("post_logout_redirect_uri", "http://evil.example"),
    ];
    assert_eq!(browser.post("/sign-out", &evil).await.status, 400);
    let done = browser
        .post("/sign-out", &[("csrf", &csrf), form[0], form[1]])
        .await;
    assert_eq!((done.status, done.location()), (303, SPA_ORIGIN));
    assert!(!browser.cookies.contains_key(SESSION));
    assert_eq!(
        server
            .refresh(tokens["refresh_token"].as_str().unwrap())
            .await
            .status(),
        400
    );
}

#[tokio::test]
async fn signing_in_again_ends_what_came_from_the_session_before() {
    let server = Server::start().await;
    let (mut browser, before) = signed_in(&server).await;
    let redirect = browser
        .get(&server.authorize_url(&[("prompt", "login")]))
        .await;
    let csrf = browser.get(redirect.location()).await.hidden("csrf");
    let form = [
        ("csrf", csrf.as_str()),
        ("email", EMAIL),
        ("password", PASSWORD),
    ];
    let answer = browser.post(redirect.location(), &form).await;
    let code = browser
        .go_on(answer)
        .await
        .parameters()
        .remove("code")
        .unwrap();
    assert_eq!(
        server
            .refresh(before["refresh_token"].as_str().unwrap())
            .await
            .status(),
        400
    );
    assert_eq!(server.redeem(&code).await.status(), 200);
}

#[tokio::test]
async fn a_code_is_worth_nothing_after_signing_out() {
    let server = Server::start().await;
    let (mut browser, tokens) = signed_in(&server).await;
    let code = browser.code().await;
    let hint = [("id_token_hint", tokens["id_token"].as_str().unwrap())];
    assert_eq!(browser.get(&logout(&server, &hint)).await.status, 200);
    assert_eq!(server.redeem(&code).await.status(), 400);
}

#[tokio::test]
async fn nobody_is_sent_to_an_unregistered_address() {
    let server = Server::start().await;
    let (mut browser, tokens) = signed_in(&server).await;
    let id = tokens["id_token"].as_str().unwrap();
    let access = tokens["access_token"].as_str().unwrap();
    let forged = format!("{}x", id);
    for parameters in [
        vec![("post_logout_redirect_uri", SPA_ORIGIN)],
        vec![
            ("client_id", FRONTEND_CLIENT_ID),
            ("post_logout_redirect_uri", "http://evil.example"),
        ],
        vec![
            ("id_token_hint", id),
            ("post_logout_redirect_uri", "http://evil.example"),
        ],
        vec![("id_token_hint", access)],
        vec![("id_token_hint", &forged)],
        vec![
            ("id_token_hint", id),
            ("client_id", crate::development::BACKEND_CLIENT_ID),
        ],
    ] {
        let answer = browser.get(&logout(&server, &parameters)).await;
        assert_eq!(
            (answer.status, answer.location()),
            (400, ""),
            "{parameters:?}"
        );
    }
    assert!(browser.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn signing_out_without_a_session_is_done_already_and_post_works_too() {
    let server = Server::start().await;
    let mut browser = server.browser();
    assert!(
        browser
            .get(&logout(&server, &[]))
            .await
            .body
            .contains("You have signed out")
    );
    let url = logout(
        &server,
        &[
            ("client_id", FRONTEND_CLIENT_ID),
            ("post_logout_redirect_uri", SPA_ORIGIN),
        ],
    );
    assert_eq!(browser.get(&url).await.location(), SPA_ORIGIN);
    let posted = browser
        .post(
            &server.endpoint("logout"),
            &[("client_id", FRONTEND_CLIENT_ID)],
        )
        .await;
    assert_eq!(posted.status, 303);
    assert_eq!(browser.get(posted.location()).await.status, 200);
}
