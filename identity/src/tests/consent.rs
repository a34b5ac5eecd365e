//! What people allow an application, and that they are asked once.

use super::harness::{Answer, Browser, EMAIL, PASSWORD, Server};
use crate::config::{Accounts, Consent};
use crate::development::{BACKEND_CLIENT_ID, BACKEND_REDIRECT_URI, SCOPE, SPA_ORIGIN};

/// Signs somebody up as far as the consent page: its path, and the token of its form.
async fn asked(browser: &mut Browser<'_>) -> (String, String) {
    let created = browser.send_sign_up(&[]).await;
    asked_by(browser, created).await
}

/// Follows redirects to the consent page.
async fn asked_by(browser: &mut Browser<'_>, mut answer: Answer) -> (String, String) {
    while !answer.location().starts_with("/consent?") {
        assert!(answer.location().starts_with("/sign-in?"), "{answer:?}");
        let path = answer.location().to_owned();
        answer = browser.get(&path).await;
    }
    let path = answer.location().to_owned();
    let csrf = browser.get(&path).await.hidden("csrf");
    (path, csrf)
}

fn is_code(answer: &Answer) -> bool {
    answer.location().starts_with("http://localhost:3000?code=")
}

#[tokio::test]
async fn what_an_application_asks_for_is_allowed_once() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let (path, csrf) = asked(&mut browser).await;
    let page = browser.get(&path).await;
    for text in [
        "Frontend Application",
        "Alice Example",
        EMAIL,
        "Know your name and e-mail address",
        "Call Backend Application in your name (Hello)",
        "until it expires or you sign out",
        "Allow</button>",
        "Cancel</button>",
        SPA_ORIGIN,
    ] {
        assert!(page.body.contains(text), "{text} in {}", page.body);
    }
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' http://localhost:3000;")
            && policy.contains("frame-ancestors 'none'")
    );
    assert_eq!(
        (page.header("x-frame-options"), page.header("cache-control")),
        ("DENY", "no-store")
    );
    assert!(!page.body.contains("<script"));

    let allowed = browser
        .post(&path, &[("csrf", &csrf), ("action", "allow")])
        .await
        .parameters();
    assert_eq!(
        (&allowed["iss"], allowed["state"].as_str()),
        (&server.issuer(), "s t&a;t\u{e9}")
    );
    assert_eq!(server.redeem(&allowed["code"]).await.status(), 200);
    assert!(
        is_code(&browser.get(&server.authorize_url(&[])).await),
        "the same browser"
    );
    let mut other = server.browser();
    let (transaction, csrf) = other.begin().await;
    let form = [
        ("csrf", csrf.as_str()),
        ("email", EMAIL),
        ("password", PASSWORD),
    ];
    assert!(
        is_code(
            &other
                .post(&format!("/sign-in?transaction={transaction}"), &form)
                .await
        ),
        "another browser"
    );
}

#[tokio::test]
async fn anything_but_allow_is_a_no_and_is_asked_again() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let (mut path, mut csrf) = asked(&mut browser).await;
    for action in [Some("cancel"), Some("Allow"), None] {
        let form: Vec<_> = [("csrf", csrf.as_str())]
            .into_iter()
            .chain(action.map(|it| ("action", it)))
            .collect();
        let refused = browser.post(&path, &form).await.parameters();
        assert_eq!(refused["error"], "access_denied", "{action:?}");
        assert!(refused["error_description"].starts_with("AADB2C90091: The user has cancelled"));
        assert_eq!(
            (&refused["iss"], refused["state"].as_str()),
            (&server.issuer(), "s t&a;t\u{e9}")
        );
        assert!(!refused.contains_key("code"));
        let again = browser.get(&server.authorize_url(&[])).await;
        (path, csrf) = asked_by(&mut browser, again).await;
    }
}

#[tokio::test]
async fn an_application_that_may_not_ask_is_told_what_is_missing() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let silent = server.authorize_url(&[("prompt", "none")]);
    assert_eq!(
        browser.get(&silent).await.parameters()["error"],
        "login_required"
    );
    let (path, csrf) = asked(&mut browser).await;
    let refused = browser.get(&silent).await.parameters();
    assert_eq!(
        (refused["error"].as_str(), &refused["iss"]),
        ("consent_required", &server.issuer())
    );
    assert!(is_code(
        &browser
            .post(&path, &[("csrf", &csrf), ("action", "allow")])
            .await
    ));
    assert!(is_code(&browser.get(&silent).await));
}

#[tokio::test]
async fn more_is_asked_for_again_and_less_is_not() {
    let server = Server::start().await;
    let mut browser = server.browser();
    browser.sign_up(EMAIL).await;
    let less = server.authorize_url(&[("scope", SCOPE)]);
    assert!(is_code(&browser.get(&less).await));
    let more = server.authorize_url(&[("scope", &format!("openid email {SCOPE}"))]);
    for _ in 0..2 {
        let answer = browser.get(&more).await;
        asked_by(&mut browser, answer).await;
    }
    let answer = browser.get(&more).await;
    assert!(is_code(&browser.go_on(answer).await));
    assert!(is_code(&browser.get(&more).await));
    let other = [
        ("client_id", BACKEND_CLIENT_ID),
        ("redirect_uri", BACKEND_REDIRECT_URI),
    ];
    let answer = browser.get(&server.authorize_url(&other)).await;
    asked_by(&mut browser, answer).await;
}

#[tokio::test]
async fn an_application_can_ask_again() {
    let server = Server::start().await;
    let mut browser = server.browser();
    browser.sign_up(EMAIL).await;
    let answer = browser
        .get(&server.authorize_url(&[("prompt", "consent")]))
        .await;
    let (path, csrf) = asked_by(&mut browser, answer).await;
    assert!(is_code(
        &browser
            .post(&path, &[("csrf", &csrf), ("action", "allow")])
            .await
    ));
    assert!(is_code(&browser.get(&server.authorize_url(&[])).await));
}

#[tokio::test]
async fn a_recent_sign_in_is_not_asked_for_its_password_on_the_way() {
    let server = Server::start().await;
    let mut browser = server.browser();
    asked(&mut browser).await;
    let answer = browser
        .get(&server.authorize_url(&[("max_age", "60")]))
        .await;
    asked_by(&mut browser, answer).await;
}

#[tokio::test]
async fn nobody_can_allow_it_for_somebody_else() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let (path, csrf) = asked(&mut browser).await;
    let allow = [("csrf", csrf.as_str()), ("action", "allow")];
    assert_eq!(
        browser.post(&path, &[("action", "allow")]).await.status,
        403
    );
    let elsewhere = server
        .http
        .post(format!("{}{path}", server.base))
        .form(&allow)
        .header("origin", SPA_ORIGIN);
    assert_eq!(browser.send(elsewhere).await.status, 403);
    assert_eq!(
        server.browser().post(&path, &allow).await.status,
        400,
        "another browser"
    );

    // Bob signs in to the same browser in another tab, and Alice's page is still open.
    let (bobs, bobs_csrf) = {
        let answer = browser
            .get(&server.authorize_url(&[("prompt", "login")]))
            .await;
        let sign_up = answer.location().replace("sign-in", "sign-up");
        let csrf = browser.get(&sign_up).await.hidden("csrf");
        let form = [
            ("csrf", csrf.as_str()),
            ("email", "bob@example.com"),
            ("new_password", PASSWORD),
            ("confirm_password", PASSWORD),
            ("display_name", "Bob"),
        ];
        let created = browser.post(&sign_up, &form).await;
        asked_by(&mut browser, created).await
    };
    for stale in [browser.get(&path).await, browser.post(&path, &allow).await] {
        assert!(stale.location().starts_with("/sign-in?"), "{stale:?}");
    }
    let silent = browser
        .get(&server.authorize_url(&[("prompt", "none")]))
        .await;
    assert_eq!(
        silent.parameters()["error"],
        "consent_required",
        "nothing was kept"
    );
    assert!(is_code(
        &browser
            .post(&bobs, &[("csrf", &bobs_csrf), ("action", "allow")])
            .await
    ));
    let alice = server.browser().try_sign_in(EMAIL, PASSWORD).await;
    assert!(is_code(&alice), "{alice:?}");
}

#[tokio::test]
async fn the_page_is_no_way_around_a_password_that_was_asked_for() {
    let server = Server::start().await;
    let mut browser = server.browser();
    browser.sign_up(EMAIL).await;
    let answer = browser
        .get(&server.authorize_url(&[("prompt", "login")]))
        .await;
    let csrf = browser.get(answer.location()).await.hidden("csrf");
    let path = answer.location().replace("sign-in", "consent");
    for around in [
        browser.get(&path).await,
        browser
            .post(&path, &[("csrf", &csrf), ("action", "allow")])
            .await,
    ] {
        assert_eq!((around.status, around.location()), (303, answer.location()));
    }
    // The same without a session.
    browser.cookies.remove(crate::cookies::SESSION);
    assert_eq!(browser.get(&path).await.location(), answer.location());
}

#[tokio::test]
async fn what_was_allowed_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = Accounts::Sqlite(folder.path().join("accounts.db"));
    let first = Server::start_with(|config| config.accounts = accounts.clone()).await;
    first.browser().sign_up(EMAIL).await;
    let second = Server::start_with(|config| config.accounts = accounts).await;
    let mut browser = second.browser();
    let (transaction, csrf) = browser.begin().await;
    let form = [
        ("csrf", csrf.as_str()),
        ("email", EMAIL),
        ("password", PASSWORD),
    ];
    assert!(is_code(
        &browser
            .post(&format!("/sign-in?transaction={transaction}"), &form)
            .await
    ));
}

#[tokio::test]
async fn an_administrators_consent_spares_everybody_the_question() {
    let server = Server::start_with(|config| config.consent = Consent::Administrator).await;
    let mut browser = server.browser();
    assert!(is_code(&browser.send_sign_up(&[]).await));
    assert!(is_code(
        &browser
            .get(&server.authorize_url(&[("prompt", "consent")]))
            .await
    ));
}
