//! Requests for authorization that are refused, and how they are answered.

use super::harness::{EMAIL, Server};
use crate::development::{BACKEND_CLIENT_ID, FRONTEND_CLIENT_ID, SCOPE, SPA_ORIGIN};

#[tokio::test]
async fn nobody_is_redirected_to_an_address_that_is_not_registered() {
    let server = Server::start().await;
    let mut browser = server.browser();
    browser.sign_up(EMAIL).await;
    for changes in [
        [("client_id", ""), ("x", "y")],
        [
            ("client_id", "9ac6b5a6-1d9e-4bbd-9f1b-5b5f2d0b8a11"),
            ("x", "y"),
        ],
        [("redirect_uri", ""), ("x", "y")],
        [("redirect_uri", "http://localhost:3000//"), ("x", "y")],
        [("redirect_uri", "http://Localhost:3000"), ("x", "y")],
        [("redirect_uri", "http://localhost:3001"), ("x", "y")],
        [
            ("redirect_uri", "http://localhost:3000.evil.example"),
            ("x", "y"),
        ],
        [("redirect_uri", "http://localhost:3000/%2e"), ("x", "y")],
        [
            ("redirect_uri", "http://localhost:3000@evil.example"),
            ("x", "y"),
        ],
        [("redirect_uri", "http://127.0.0.1:3000"), ("x", "y")],
        [("redirect_uri", "javascript:alert(1)"), ("x", "y")],
        [
            ("redirect_uri", SPA_ORIGIN),
            ("redirect_uri", "http://evil.example"),
        ],
        [
            ("client_id", FRONTEND_CLIENT_ID),
            ("client_id", BACKEND_CLIENT_ID),
        ],
        // Registered, but for the other application.
        [("client_id", BACKEND_CLIENT_ID), ("x", "y")],
    ] {
        let answer = browser.get(&server.authorize_url(&changes)).await;
        assert_eq!((answer.status, answer.location()), (400, ""), "{changes:?}");
        assert!(
            answer.header("content-type").starts_with("text/html"),
            "{changes:?}"
        );
    }
}

#[tokio::test]
async fn every_other_error_goes_to_the_application_with_state_and_issuer() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let unpadded = super::harness::CHALLENGE;
    let padded = format!("{unpadded}=");
    let other_scope = SCOPE.replace("Hello", "Goodbye");
    let two = format!("{SCOPE} {FRONTEND_CLIENT_ID}");
    let cases: [(&[(&str, &str)], &str); 19] = [
        (&[("response_type", "")], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (
            &[("response_type", "code id_token")],
            "unsupported_response_type",
        ),
        (&[("scope", "")], "invalid_scope"),
        (&[("scope", &other_scope)], "invalid_scope"),
        (&[("scope", &two)], "invalid_scope"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge", &padded)], "invalid_request"),
        (&[("code_challenge", &unpadded[..42])], "invalid_request"),
        (&[("response_mode", "web_message")], "invalid_request"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("prompt", "unknown")], "invalid_request"),
        (&[("prompt", "none")], "login_required"),
        (&[("max_age", "soon")], "invalid_request"),
        (&[("request", "x")], "request_not_supported"),
        (&[("request_uri", "https://x")], "request_uri_not_supported"),
        (&[("nonce", "a"), ("nonce", "b")], "invalid_request"),
    ];
    for (changes, error) in cases {
        let answer = browser.get(&server.authorize_url(changes)).await;
        assert!(
            answer
                .location()
                .starts_with("http://localhost:3000?error="),
            "{changes:?} {answer:?}"
        );
        let parameters = answer.parameters();
        assert_eq!(parameters["error"], error, "{changes:?} {parameters:?}");
        assert_eq!(parameters["state"], "s t&a;t\u{e9}");
        assert_eq!(parameters["iss"], server.issuer());
        assert!(!parameters["error_description"].is_empty());
    }
}

#[tokio::test]
async fn the_answer_comes_in_the_mode_that_was_asked_for() {
    let server = Server::start().await;
    let mut browser = server.browser();
    browser.sign_up(EMAIL).await;
    let fragment = browser
        .get(&server.authorize_url(&[("response_mode", "fragment")]))
        .await;
    assert!(
        fragment
            .location()
            .starts_with("http://localhost:3000#code="),
        "{fragment:?}"
    );
    assert_eq!(fragment.parameters()["state"], "s t&a;t\u{e9}");
    let error = browser
        .get(&server.authorize_url(&[("response_mode", "fragment"), ("scope", "")]))
        .await;
    assert!(
        error.location().starts_with("http://localhost:3000#error="),
        "{error:?}"
    );

    let form = browser
        .get(&server.authorize_url(&[("response_mode", "form_post")]))
        .await;
    assert_eq!(form.status, 200);
    assert!(
        form.body
            .contains(r#"<form method="post" action="http://localhost:3000">"#),
        "{}",
        form.body
    );
    assert_eq!(form.hidden("iss"), server.issuer());
    assert_eq!(form.hidden("state"), "s t&amp;a;t\u{e9}");
    let policy = form.header("content-security-policy");
    assert!(
        policy.contains("script-src 'sha256-")
            && policy.contains("form-action 'self' http://localhost:3000;")
    );
    assert_eq!(server.redeem(&form.hidden("code")).await.status(), 200);
}

#[tokio::test]
async fn unknown_parameters_are_ignored_and_endless_ones_refused() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let msal = [
        ("client_info", "1"),
        ("clidata", "1"),
        ("client-request-id", "x"),
        ("x-client-SKU", "msal"),
    ];
    assert!(
        browser
            .get(&server.authorize_url(&msal))
            .await
            .location()
            .starts_with("/sign-in?")
    );
    let long = "x".repeat(9000);
    assert_eq!(
        browser
            .get(&server.authorize_url(&[("state", &long)]))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn scripts_cannot_read_the_authorization_endpoint() {
    let server = Server::start().await;
    let request = server
        .http
        .get(server.authorize_url(&[]))
        .header("origin", SPA_ORIGIN);
    let answer = request.send().await.unwrap();
    assert!(
        answer
            .headers()
            .get("access-control-allow-origin")
            .is_none()
    );
}
