//! Refresh tokens.

use std::time::Duration;

use serde_json::Value;

use super::harness::{Server, claims};
use crate::development::{BACKEND_CLIENT_ID, FRONTEND_CLIENT_ID, SCOPE};

fn refresh_token(tokens: &Value) -> &str {
    tokens["refresh_token"]
        .as_str()
        .unwrap_or_else(|| panic!("{tokens}"))
}

#[tokio::test]
async fn each_use_replaces_the_token_and_keeps_the_time_of_the_sign_in() {
    let server = Server::start().await;
    let first = server.tokens().await;
    let before = claims(
        &server,
        first["id_token"].as_str().unwrap(),
        FRONTEND_CLIENT_ID,
    )
    .await;
    server.clock.advance(Duration::from_secs(3000));
    let second: Value = server
        .refresh(refresh_token(&first))
        .await
        .json()
        .await
        .unwrap();
    assert_ne!(refresh_token(&first), refresh_token(&second));
    assert_eq!(second["scope"], first["scope"]);
    let after = claims(
        &server,
        second["id_token"].as_str().unwrap(),
        FRONTEND_CLIENT_ID,
    )
    .await;
    assert_eq!(
        (&after["sub"], &after["auth_time"]),
        (&before["sub"], &before["auth_time"])
    );
    assert!(after["iat"].as_u64() > before["iat"].as_u64());
    assert!(after.get("nonce").is_none());
}

#[tokio::test]
async fn a_token_used_again_later_ends_the_family() {
    let server = Server::start().await;
    let first = server.tokens().await;
    let second: Value = server
        .refresh(refresh_token(&first))
        .await
        .json()
        .await
        .unwrap();
    server.clock.advance(Duration::from_secs(11));
    assert_eq!(server.refresh(refresh_token(&first)).await.status(), 400);
    assert_eq!(server.refresh(refresh_token(&second)).await.status(), 400);
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_both_stay_signed_in() {
    let server = Server::start().await;
    let first = server.tokens().await;
    let (one, two) = tokio::join!(
        server.refresh(refresh_token(&first)),
        server.refresh(refresh_token(&first))
    );
    let (one, two): (Value, Value) = (one.json().await.unwrap(), two.json().await.unwrap());
    assert_eq!(
        refresh_token(&one),
        refresh_token(&two),
        "both have the one current token"
    );
    server.clock.advance(Duration::from_secs(600));
    assert_eq!(server.refresh(refresh_token(&one)).await.status(), 200);
    assert_eq!(server.refresh(refresh_token(&two)).await.status(), 200);
}

#[tokio::test]
async fn rotation_does_not_move_the_deadline_of_a_single_page_application() {
    let server = Server::start().await;
    let mut tokens = server.tokens().await;
    for hour in 1..24 {
        server.clock.advance(Duration::from_secs(3600));
        tokens = server
            .refresh(refresh_token(&tokens))
            .await
            .json()
            .await
            .unwrap();
        assert_eq!(tokens["refresh_token_expires_in"], (24 - hour) * 3600);
    }
    server.clock.advance(Duration::from_secs(3600));
    assert_eq!(server.refresh(refresh_token(&tokens)).await.status(), 400);
}

#[tokio::test]
async fn a_refresh_may_ask_for_less_and_asking_for_more_costs_nothing() {
    let server = Server::start().await;
    let tokens = server.tokens().await;
    let form = |scope| {
        [
            ("grant_type", "refresh_token"),
            ("client_id", FRONTEND_CLIENT_ID),
            ("refresh_token", refresh_token(&tokens)),
            ("scope", scope),
        ]
    };
    let more = server.token(&form("openid email")).await;
    assert_eq!(
        more.json::<Value>().await.unwrap()["error"],
        "invalid_scope"
    );
    let less: Value = server.token(&form(SCOPE)).await.json().await.unwrap();
    assert_eq!(less["scope"], SCOPE);
    assert!(less.get("id_token").is_none());
    claims(
        &server,
        less["access_token"].as_str().unwrap(),
        BACKEND_CLIENT_ID,
    )
    .await;
    let all: Value = server
        .refresh(refresh_token(&less))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        all["scope"], tokens["scope"],
        "less for one refresh is not less for ever"
    );
}

#[tokio::test]
async fn an_access_or_changed_token_is_no_refresh_token() {
    let server = Server::start().await;
    let tokens = server.tokens().await;
    let good = refresh_token(&tokens);
    let flipped = format!(
        "{}{}",
        if good.starts_with('A') { 'B' } else { 'A' },
        &good[1..]
    );
    for bad in [
        tokens["access_token"].as_str().unwrap(),
        &flipped,
        &good[..good.len() - 4],
    ] {
        assert_eq!(server.refresh(bad).await.status(), 400);
    }
    assert_eq!(server.refresh(good).await.status(), 200);
}
