//! Rotations, outages and recoveries.

use serde_json::json;
use tokio_util::sync::CancellationToken;
use weir_token::TokenError;

use super::*;
use crate::stub::Mode;

/// Lets tasks that need nothing but the processor go as far as they can. The runtime has one thread
/// and a queue.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_token_of_before_a_rotation_validates_while_its_key_is_published() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let world = World::with(&[&old]).await;
    let (remembered, unseen) = (
        old.token(&world.claims()),
        old.token(&world.claims_with("jti", json!("unseen"))),
    );
    assert!(world.validate(&remembered).await.is_ok());

    world.stub.set_keys(vec![new.jwk(), old.jwk()]);
    assert!(
        world.validate(&new.token(&world.claims())).await.is_ok(),
        "an unknown key is looked up at once"
    );
    assert_eq!(world.stub.key_fetches(), 2);
    assert!(world.validate(&remembered).await.is_ok());
    assert!(world.validate(&unseen).await.is_ok());

    world.stub.set_keys(vec![new.jwk()]);
    world.provider.refresh().await;
    assert_eq!(
        world.validate(&remembered).await,
        Err(TokenError::SignatureKeyNotFound)
    );
    assert_eq!(
        world.validate(&unseen).await,
        Err(TokenError::SignatureKeyNotFound)
    );
    assert!(world.validate(&new.token(&world.claims())).await.is_ok());
}

#[tokio::test]
async fn a_key_replaced_under_its_old_id_takes_its_tokens_along() {
    let (old, new) = (Signer::new("same"), Signer::new("same"));
    let world = World::with(&[&old]).await;
    let token = old.token(&world.claims());
    assert!(world.validate(&token).await.is_ok());
    world.stub.set_keys(vec![new.jwk()]);
    world.provider.refresh().await;
    assert_eq!(
        world.validate(&token).await,
        Err(TokenError::SignatureInvalid)
    );
    assert!(world.validate(&new.token(&world.claims())).await.is_ok());
}

#[tokio::test]
async fn a_changed_issuer_counts_from_the_next_fetch_also_for_remembered_tokens() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    let token = signer.token(&world.claims());
    assert!(world.validate(&token).await.is_ok());
    world.stub.set_issuer("https://moved.example/");
    world.provider.refresh().await;
    assert_eq!(
        world.validate(&token).await,
        Err(TokenError::IssuerNotAllowed)
    );
    assert_eq!(
        world.provider.issuer().as_deref(),
        Some("https://moved.example/")
    );
}

#[tokio::test]
async fn the_background_refresh_sees_a_rotation_within_the_hour() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let world = World::with(&[&old]).await;
    let shutdown = CancellationToken::new();
    world.providers.spawn_refresh(shutdown.clone());
    eventually(|| world.provider.is_loaded()).await;
    assert!(world.providers.all_loaded() && world.ops.is_ready());
    let token = old.token(&world.claims());
    assert!(world.validate(&token).await.is_ok());

    world.stub.set_keys(vec![new.jwk()]);
    // The background task is in its pause when the clock jumps.
    settle().await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(3601)).await;
    tokio::time::resume();
    eventually(|| world.ops.render().contains(r#"result="ok"} 2"#)).await;
    assert_eq!(
        world.validate(&token).await,
        Err(TokenError::SignatureKeyNotFound)
    );
    shutdown.cancel();
}

#[tokio::test]
async fn providers_added_after_the_start_are_kept_fresh_too() {
    let world = World::with(&[&Signer::new("k1")]).await;
    let shutdown = CancellationToken::new();
    world.providers.spawn_refresh(shutdown.clone());
    let late = Stub::start(vec![Signer::new("late").jwk()]).await;
    let provider = world.providers.provider(&late.url()).unwrap();
    eventually(|| provider.is_loaded()).await;
    assert!(Arc::ptr_eq(
        &provider,
        &world.providers.provider(&late.url()).unwrap()
    ));
    shutdown.cancel();
}

#[tokio::test]
async fn a_provider_is_tried_before_anything_depends_on_it() {
    let world = World::with(&[&Signer::new("k1")]).await;
    let shutdown = CancellationToken::new();
    world.providers.spawn_refresh(shutdown.clone());
    eventually(|| world.provider.is_loaded()).await;
    let new = Stub::start(vec![Signer::new("new").jwk()]).await;
    new.set_mode(Mode::Down);
    assert!(!world.providers.preload(&new.url()).await.unwrap());
    assert!(
        world.ops.is_ready() && world.providers.all_loaded(),
        "a failed attempt leaves no trace"
    );
    new.set_mode(Mode::Well);
    assert!(world.providers.preload(&new.url()).await.unwrap());
    assert!(world.providers.provider(&new.url()).unwrap().is_loaded());
    assert!(world.ops.is_ready() && world.providers.all_loaded());
    assert!(world.providers.preload("ftp://nobody").await.is_err());
    shutdown.cancel();
}

#[tokio::test]
async fn a_provider_that_is_named_no_more_is_neither_asked_nor_waited_for() {
    let world = World::with(&[&Signer::new("k1")]).await;
    let gone = Stub::start(Vec::new()).await;
    gone.set_mode(Mode::Down);
    world.providers.provider(&gone.url()).unwrap();
    let shutdown = CancellationToken::new();
    world.providers.spawn_refresh(shutdown.clone());
    eventually(|| world.provider.is_loaded() && gone.discovery_fetches() > 0).await;
    assert!(!world.ops.is_ready());
    world.providers.retain([world.stub.url().as_str()]);
    assert!(world.ops.is_ready() && world.providers.all_loaded());
    // A fetch that was under way reports to nobody.
    settle().await;
    assert!(world.ops.is_ready());
    shutdown.cancel();
}

#[tokio::test]
async fn a_provider_down_at_start_is_found_when_it_comes_up() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    world.stub.set_mode(Mode::Down);
    let token = signer.token(&world.claims());
    let unavailable = Err(TokenError::KeysUnavailable(world.stub.url()));
    assert_eq!(world.validate(&token).await, unavailable);
    assert!(!world.ops.is_ready());
    assert!(!world.providers.all_loaded());
    // The clock stands still: the next attempt is not due, however slow this machine is.
    tokio::time::pause();
    for _ in 0..100 {
        assert_eq!(world.validate(&token).await, unavailable);
    }
    assert_eq!(world.stub.discovery_fetches(), 1);

    world.stub.set_mode(Mode::Well);
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    assert!(world.validate(&token).await.is_ok());
    assert!(world.ops.is_ready() && world.providers.all_loaded());
}

#[tokio::test]
async fn the_background_refresh_keeps_trying_a_provider_that_is_down_at_start() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    world.stub.set_mode(Mode::Down);
    let shutdown = CancellationToken::new();
    world.providers.spawn_refresh(shutdown.clone());
    eventually(|| world.stub.discovery_fetches() >= 1).await;
    assert!(!world.ops.is_ready());
    world.stub.set_mode(Mode::Well);
    eventually(|| world.provider.is_loaded()).await;
    assert!(world.validate(&signer.token(&world.claims())).await.is_ok());
    shutdown.cancel();
}

#[tokio::test]
async fn the_last_good_keys_serve_while_the_provider_is_down() {
    let (known, unknown) = (Signer::new("known"), Signer::new("unknown"));
    let world = World::with(&[&known]).await;
    assert!(world.validate(&known.token(&world.claims())).await.is_ok());
    for failure in [
        Mode::Down,
        Mode::Discovery("<html>maintenance</html>".into()),
        Mode::Keys(r#"{"keys":[]}"#.into()),
        Mode::Keys("[]".into()),
    ] {
        world.stub.set_mode(failure.clone());
        world.provider.refresh().await;
        let fresh = known.token(&world.claims_with("jti", json!(format!("{failure:?}"))));
        assert!(world.validate(&fresh).await.is_ok(), "{failure:?}");
        assert_eq!(
            world.validate(&unknown.token(&world.claims())).await,
            Err(TokenError::SignatureKeyNotFound),
            "{failure:?}"
        );
        assert!(world.ops.is_ready(), "degraded is ready");
        assert!(world.providers.all_loaded());
    }
}

#[tokio::test]
async fn a_silent_provider_costs_a_request_no_more_than_the_timeout() {
    let signer = Signer::new("k1");
    let config = ProvidersConfig {
        fetch_timeout: Duration::from_millis(100),
        ..Default::default()
    };
    let world = World::build(vec![signer.jwk()], Vec::new(), config).await;
    world.stub.set_mode(Mode::Silent);
    let token = signer.token(&world.claims());
    let verdicts = futures_util::future::join_all((0..50).map(|_| world.validate(&token))).await;
    assert!(
        verdicts
            .iter()
            .all(|verdict| matches!(verdict, Err(TokenError::KeysUnavailable(_))))
    );
    assert_eq!(
        world.stub.discovery_fetches(),
        1,
        "all waited for one fetch"
    );
    assert!(
        world.ops.render().contains(r#"result="timeout"} 1"#),
        "{}",
        world.ops.render()
    );
}

#[tokio::test]
async fn one_provider_down_does_not_stop_tokens_of_another() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    // Nothing listens on port 1.
    let dead = world
        .providers
        .provider("http://127.0.0.1:1/openid-configuration")
        .unwrap();
    let sources = KeySources {
        providers: vec![dead, Arc::clone(&world.provider)],
        keys: Vec::new(),
    };
    let validator = Validator::new(sources, ValidatorConfig::default()).unwrap();
    assert!(
        validator
            .validate(&signer.token(&world.claims()), &demands())
            .await
            .is_ok()
    );
    let stranger = Signer::new("k2").token(&world.claims());
    let error = validator.validate(&stranger, &demands()).await.unwrap_err();
    assert_eq!(
        error,
        TokenError::KeysUnavailable("http://127.0.0.1:1/openid-configuration".into())
    );
    assert_eq!(error.reason(), "TokenSignatureKeyNotFound");
    assert!(!error.to_string().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn intervals_may_be_as_long_as_they_like() {
    let (known, unknown) = (Signer::new("known"), Signer::new("unknown"));
    let config = ProvidersConfig {
        refresh_interval: Duration::MAX,
        unknown_key_interval: Duration::MAX,
        ..ProvidersConfig::default()
    };
    let world = World::build(vec![known.jwk()], Vec::new(), config).await;
    let shutdown = CancellationToken::new();
    world.providers.spawn_refresh(shutdown.clone());
    assert!(world.validate(&known.token(&world.claims())).await.is_ok());
    for _ in 0..2 {
        let verdict = world.validate(&unknown.token(&world.claims())).await;
        assert_eq!(verdict, Err(TokenError::SignatureKeyNotFound));
    }
    assert_eq!(
        world.stub.key_fetches(),
        2,
        "the first unknown key caused one fetch"
    );
    shutdown.cancel();
}

#[tokio::test]
async fn whoever_asks_is_told_what_is_published_from_then_on() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let world = World::with(&[&old]).await;
    let token = old.token(&world.claims());
    assert!(world.validate(&token).await.is_ok());
    let (ask, requests) = tokio::sync::watch::channel(());
    let shutdown = CancellationToken::new();
    world
        .providers
        .refresh_when_asked(requests, shutdown.clone());

    // A fetch is under way that has read the keys of before.
    let release = world.stub.hold_keys();
    let provider = Arc::clone(&world.provider);
    let early = tokio::spawn(async move { provider.refresh().await });
    eventually(|| world.stub.key_fetches() == 2).await;
    world.stub.set_keys(vec![new.jwk()]);
    ask.send_replace(());
    settle().await;
    assert!(
        world.validate(&token).await.is_ok(),
        "requests do not wait for it"
    );
    release.cancel();
    early.await.unwrap();
    eventually(|| world.stub.key_fetches() == 3).await;
    // It was answered; when it has been read, the old key is gone.
    let withdrawn = async {
        while world.validate(&token).await.is_ok() {
            settle().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), withdrawn)
        .await
        .unwrap();
    assert_eq!(
        world.validate(&token).await,
        Err(TokenError::SignatureKeyNotFound)
    );
    assert!(world.validate(&new.token(&world.claims())).await.is_ok());
    shutdown.cancel();
}
