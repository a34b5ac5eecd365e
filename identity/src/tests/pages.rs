//! What people see, and what protects them.

use std::time::Duration;

use super::harness::{Browser, EMAIL, PASSWORD, Server};
use crate::cookies::{SESSION, VISIT};
use crate::development::{BACKEND_CLIENT_ID, SPA_ORIGIN};

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_look_the_same() {
    let server = Server::start().await;
    server.browser().sign_up(EMAIL).await;
    let mut bodies = Vec::new();
    for (email, password) in [
        (EMAIL, "Wrong-passw0rd"),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
    ] {
        let mut browser = server.browser();
        let page = browser.try_sign_in(email, password).await;
        assert_eq!(page.status, 422);
        assert!(!browser.cookies.contains_key(SESSION));
        assert!(!page.body.contains(password));
        let transaction = page
            .body
            .split_once("transaction=")
            .unwrap()
            .1
            .split_once('"')
            .unwrap()
            .0
            .to_owned();
        let body = page
            .body
            .replace(&page.hidden("csrf"), "")
            .replace(&transaction, "")
            .replace(email, "");
        bodies.push(body);
    }
    assert!(bodies[0].contains("The e-mail address or the password is not right."));
    assert!(bodies[0].contains("<title>Error: Sign in"));
    assert!(
        bodies[0].contains(r#"id="alert" role="alert""#)
            && bodies[0].contains(r#"aria-describedby="alert""#)
    );
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(bodies[0], bodies[2]);
}

#[tokio::test]
async fn an_account_is_locked_with_a_clear_message_whether_it_exists_or_not() {
    let server = Server::start_with(|config| config.attempts.per_account = 2).await;
    server.browser().sign_up(EMAIL).await;
    for email in [EMAIL, "nobody@example.com"] {
        let mut browser = server.browser();
        for _ in 0..2 {
            assert_eq!(
                browser.try_sign_in(email, "Wrong-passw0rd").await.status,
                422
            );
        }
        let locked = browser.try_sign_in(email, PASSWORD).await;
        assert_eq!((locked.status, locked.header("retry-after")), (429, "60"));
        assert!(
            locked.body.contains(
                "Too many wrong passwords for this e-mail address. Try again in 1 minute."
            )
        );
    }
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(
        server.browser().try_sign_in(EMAIL, PASSWORD).await.status,
        303
    );
}

#[tokio::test]
async fn attempts_in_parallel_are_limited_like_attempts_in_a_row() {
    let server =
        std::sync::Arc::new(Server::start_with(|config| config.attempts.per_account = 3).await);
    let attempts: Vec<_> = (0..12)
        .map(|_| {
            let server = std::sync::Arc::clone(&server);
            tokio::spawn(async move {
                server
                    .browser()
                    .try_sign_in(EMAIL, "Wrong-passw0rd")
                    .await
                    .status
            })
        })
        .collect();
    let mut checked = 0;
    for attempt in attempts {
        match attempt.await.unwrap() {
            422 => checked += 1,
            status => assert_eq!(status, 429),
        }
    }
    assert_eq!(checked, 3);
}

#[tokio::test]
async fn an_address_is_locked_over_many_accounts() {
    let server = Server::start_with(|config| config.attempts.per_address = 3).await;
    for name in ["a", "b", "c"] {
        assert_eq!(
            server
                .browser()
                .try_sign_in(&format!("{name}@example.com"), PASSWORD)
                .await
                .status,
            422
        );
    }
    let locked = server
        .browser()
        .try_sign_in("d@example.com", PASSWORD)
        .await;
    assert_eq!(locked.status, 429);
    assert!(locked.body.contains("Too many attempts from your network."));
    assert_eq!(server.browser().try_sign_up(&[]).await.status, 429);
}

#[tokio::test]
async fn a_form_without_our_token_is_refused() {
    let server = Server::start().await;
    server.browser().sign_up(EMAIL).await;
    let mut browser = server.browser();
    let (transaction, csrf) = browser.begin().await;
    let (_, other) = server.browser().begin().await;
    let path = format!("/sign-in?transaction={transaction}");
    let credentials = [("email", EMAIL), ("password", PASSWORD)];
    for forged in [None, Some(""), Some("AAAA"), Some(other.as_str())] {
        let form: Vec<_> = forged
            .map(|csrf| ("csrf", csrf))
            .into_iter()
            .chain(credentials)
            .collect();
        assert_eq!(browser.post(&path, &form).await.status, 403, "{forged:?}");
    }
    let form: Vec<_> = [("csrf", csrf.as_str())]
        .into_iter()
        .chain(credentials)
        .collect();
    for (name, value) in [
        ("origin", SPA_ORIGIN),
        ("origin", "null"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = server
            .http
            .post(format!("{}{path}", server.base))
            .form(&form)
            .header(name, value);
        assert_eq!(browser.send(request).await.status, 403, "{name}: {value}");
    }
    assert!(!browser.cookies.contains_key(SESSION));
    let request = server
        .http
        .post(format!("{}{path}", server.base))
        .form(&form)
        .header("origin", &server.base);
    assert_eq!(browser.send(request).await.status, 303);
}

#[tokio::test]
async fn a_transaction_belongs_to_the_browser_that_brought_it() {
    let server = Server::start().await;
    let (transaction, csrf) = server.browser().begin().await;
    let mut other = server.browser();
    other.begin().await;
    for path in [
        format!("/sign-in?transaction={transaction}"),
        format!("/sign-up?transaction={transaction}"),
    ] {
        assert_eq!(other.get(&path).await.status, 400);
        assert_eq!(
            other
                .post(
                    &path,
                    &[("csrf", &csrf), ("email", EMAIL), ("password", PASSWORD)]
                )
                .await
                .status,
            400
        );
        let mut none = server.browser();
        assert_eq!(none.get(&path).await.status, 400);
    }
}

#[tokio::test]
async fn a_sign_in_waits_half_an_hour_and_says_when_it_is_over() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let (transaction, _) = browser.begin().await;
    let path = format!("/sign-in?transaction={transaction}");
    server.clock.advance(Duration::from_secs(1799));
    assert_eq!(browser.get(&path).await.status, 200);
    server.clock.advance(Duration::from_secs(1));
    let over = browser.get(&path).await;
    assert_eq!(over.status, 400);
    assert!(over.body.contains("This sign-in is over"));
}

#[tokio::test]
async fn going_back_after_signing_in_does_not_disturb_the_application() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let (transaction, csrf) = browser.begin().await;
    let path = format!("/sign-up?transaction={transaction}");
    let form = [
        ("csrf", csrf.as_str()),
        ("email", EMAIL),
        ("new_password", PASSWORD),
        ("confirm_password", PASSWORD),
        ("display_name", "Alice"),
    ];
    let created = browser.post(&path, &form).await;
    assert!(
        browser
            .go_on(created)
            .await
            .parameters()
            .contains_key("code")
    );
    for page in ["sign-in", "sign-up", "consent"] {
        let page = browser
            .get(&format!("/{page}?transaction={transaction}"))
            .await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("This sign-in is done") && page.body.contains(SPA_ORIGIN));
    }
}

#[tokio::test]
async fn a_second_tab_goes_on_with_the_session_of_the_first() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let (waiting, _) = browser.begin().await;
    browser.sign_up(EMAIL).await;
    let skipped = browser
        .get(&format!("/sign-in?transaction={waiting}"))
        .await;
    assert!(skipped.parameters().contains_key("code"));
}

#[tokio::test]
async fn what_is_wrong_with_a_new_account_stands_beside_the_field() {
    let server = Server::start().await;
    for (name, value, id, text) in [
        ("email", "alice", "email-error", "name@example.com"),
        (
            "new_password",
            "password",
            "new_password-error",
            "does not keep all of the rules",
        ),
        (
            "confirm_password",
            "Passw0rd?",
            "confirm_password-error",
            "not the same",
        ),
        (
            "display_name",
            "",
            "display_name-error",
            "Please enter the name",
        ),
        (
            "display_name",
            "<b>Alice</b>",
            "display_name-error",
            "no &lt; or &gt;",
        ),
    ] {
        let page = server.browser().try_sign_up(&[(name, value)]).await;
        assert_eq!(page.status, 422, "{name}={value}");
        let beside = page
            .body
            .split_once(&format!(r#"<p class="wrong" id="{id}">"#))
            .map(|(_, rest)| rest);
        assert!(
            beside.is_some_and(|rest| rest.split_once("</p>").unwrap().0.contains(text)),
            "{name}={value}"
        );
        assert!(page.body.contains(&format!(
            r#"aria-invalid="true" aria-describedby="{}"#,
            if name == "new_password" {
                "new_password-hint new_password-error".to_owned()
            } else {
                id.to_owned()
            }
        )));
        assert!(!page.body.contains(PASSWORD));
    }
    server.browser().sign_up(EMAIL).await;
    let taken = server
        .browser()
        .try_sign_up(&[("email", "ALICE@example.com")])
        .await;
    assert_eq!(taken.status, 422);
    assert!(taken.body.contains("already has an account"));
}

#[tokio::test]
async fn the_rules_for_passwords_are_there_before_and_say_afterwards_which_were_kept() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let (transaction, _) = browser.begin().await;
    let before = browser
        .get(&format!("/sign-up?transaction={transaction}"))
        .await;
    for text in [
        r#"<div class="hint" id="new_password-hint"><ul class="rules"><li>8 to 64 characters</li>"#,
        "<li>an upper-case letter</li>",
    ] {
        assert!(before.body.contains(text), "{text} in {}", before.body);
    }
    let after = browser
        .try_sign_up(&[
            ("new_password", "passw0rd"),
            ("confirm_password", "passw0rd"),
        ])
        .await;
    assert_eq!(after.status, 422);
    for (class, said, rule) in [
        ("kept", "Done", "8 to 64 characters"),
        ("kept", "Done", "a digit"),
        ("broken", "Missing", "an upper-case letter"),
    ] {
        let item = format!(r#"<li class="{class}"><span class="said">{said}: </span>{rule}</li>"#);
        assert!(after.body.contains(&item), "{item} in {}", after.body);
    }
}

#[tokio::test]
async fn password_managers_know_every_field() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let (transaction, _) = browser.begin().await;
    for (page, fields) in [
        (
            "sign-in",
            &[
                ("email", "email", "username"),
                ("password", "password", "current-password"),
            ][..],
        ),
        (
            "sign-up",
            &[
                ("email", "email", "username"),
                ("new_password", "password", "new-password"),
                ("confirm_password", "password", "new-password"),
                ("display_name", "text", "name"),
            ],
        ),
    ] {
        let page = browser
            .get(&format!("/{page}?transaction={transaction}"))
            .await;
        for (name, kind, autocomplete) in fields {
            let input = format!(
                r#"<input id="{name}" name="{name}" type="{kind}" autocomplete="{autocomplete}""#
            );
            assert!(page.body.contains(&input), "{input} in {}", page.body);
            assert!(page.body.contains(&format!(r#"<label for="{name}">"#)));
        }
    }
}

#[tokio::test]
async fn cancelling_tells_the_application() {
    let server = Server::start().await;
    let cancelled = server
        .browser()
        .try_sign_up(&[("email", ""), ("action", "cancel")])
        .await
        .parameters();
    assert_eq!(cancelled["error"], "access_denied");
    assert!(cancelled["error_description"].starts_with("AADB2C90091"));
    assert_eq!(cancelled["iss"], server.issuer());
}

#[tokio::test]
async fn pages_are_guarded_and_lead_only_to_the_application() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let start = browser
        .get(&server.authorize_url(&[("login_hint", "\"><b>alice")]))
        .await;
    let page = browser.get(start.location()).await;
    assert_eq!(
        page.header("content-security-policy"),
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' http://localhost:3000; frame-ancestors 'none'; base-uri 'none'"
    );
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("cross-origin-opener-policy"), "");
    assert!(
        page.body.contains(r#"value="&quot;&gt;&lt;b&gt;alice""#)
            && page.body.contains("For development.")
    );
    assert!(!page.body.contains("<script") && !page.body.contains("style="));

    let style = page
        .body
        .split_once(r#"rel="stylesheet" href=""#)
        .unwrap()
        .1
        .split_once('"')
        .unwrap()
        .0
        .to_owned();
    let sheet = browser.get(&style).await;
    assert_eq!(sheet.header("content-type"), "text/css; charset=utf-8");
    assert!(sheet.header("cache-control").contains("immutable"));
    let request = server
        .http
        .get(format!("{}{style}", server.base))
        .header("if-none-match", sheet.header("etag"));
    assert_eq!(browser.send(request).await.status, 304);
    let icon = page
        .body
        .split_once(r#"type="image/svg+xml" href=""#)
        .unwrap()
        .1
        .split_once('"')
        .unwrap()
        .0
        .to_owned();
    assert_eq!(
        browser.get(&icon).await.header("content-type"),
        "image/svg+xml"
    );
    let home = browser.get("/").await;
    assert!(home.status == 200 && home.body.contains("/.well-known/openid-configuration"));
}

#[tokio::test]
async fn staying_signed_in_is_a_choice() {
    let server = Server::start().await;
    server.browser().sign_up(EMAIL).await;
    for (keep, lasting) in [(None, false), (Some("yes"), true)] {
        let mut browser = server.browser();
        let (transaction, csrf) = browser.begin().await;
        let mut form = vec![
            ("csrf", csrf.as_str()),
            ("email", EMAIL),
            ("password", PASSWORD),
        ];
        form.extend(keep.map(|keep| ("keep", keep)));
        let answer = browser
            .post(&format!("/sign-in?transaction={transaction}"), &form)
            .await;
        assert_eq!(
            answer.header("set-cookie").contains("Max-Age=86400"),
            lasting
        );
    }
}

#[tokio::test]
async fn a_planted_session_cookie_is_not_taken_over() {
    let server = Server::start().await;
    let mut browser: Browser<'_> = server.browser();
    browser
        .cookies
        .insert(SESSION.to_owned(), "planted".to_owned());
    browser.sign_up(EMAIL).await;
    assert_ne!(browser.cookies[SESSION], "planted");
    let mut thief = server.browser();
    thief
        .cookies
        .insert(SESSION.to_owned(), "planted".to_owned());
    assert!(
        thief
            .get(&server.authorize_url(&[]))
            .await
            .location()
            .starts_with("/sign-in?")
    );
    assert!(thief.cookies.contains_key(VISIT));
    let other = [
        ("client_id", BACKEND_CLIENT_ID),
        ("redirect_uri", crate::development::BACKEND_REDIRECT_URI),
    ];
    let asked = browser.get(&server.authorize_url(&other)).await;
    assert!(
        browser.go_on(asked).await.parameters().contains_key("code"),
        "single sign-on"
    );
}
