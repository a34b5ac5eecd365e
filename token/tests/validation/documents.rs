//! Discovery documents and key sets that are odd, hostile or behind a redirect.

use serde_json::json;
use weir_token::{ProvidersError, TokenError};

use super::*;
use crate::stub::Mode;

/// The result label of the one fetch a first validation causes.
async fn outcome(mode: Mode) -> (Result<Arc<Jwt>, TokenError>, String) {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    world.stub.set_mode(mode);
    let verdict = world.validate(&signer.token(&world.claims())).await;
    let metrics = world.ops.render();
    let line = metrics
        .lines()
        .find(|line| line.starts_with("weir_token_key_fetches_total"))
        .unwrap_or_default();
    (verdict, line.to_owned())
}

#[tokio::test]
async fn hostile_documents_are_bounded() {
    for (mode, label) in [
        (Mode::EndlessDiscovery, "too_long"),
        (Mode::RedirectLoop, "unreachable"),
        (Mode::Down, "status"),
        (Mode::Discovery("x".repeat(2_000_000)), "too_long"),
        (Mode::Keys("x".repeat(9_000_000)), "too_long"),
        (Mode::Discovery("[".repeat(100_000)), "unusable"),
        (Mode::Discovery("{}".into()), "unusable"),
        (
            Mode::Discovery(json!({"issuer": "", "jwks_uri": "http://127.0.0.1:1/"}).to_string()),
            "unusable",
        ),
        (
            Mode::Discovery(json!({"issuer": "i", "jwks_uri": "file:///etc/passwd"}).to_string()),
            "unusable",
        ),
        (
            Mode::Discovery(json!({"issuer": "i", "jwks_uri": "/keys"}).to_string()),
            "unusable",
        ),
        (
            Mode::Discovery(json!({"issuer": "i", "jwks_uri": "http://127.0.0.1:1/"}).to_string()),
            "unreachable",
        ),
        (Mode::Keys("{".into()), "unusable"),
        (Mode::Keys(json!({"keys": []}).to_string()), "unusable"),
        (Mode::Keys(json!({"keys": {}}).to_string()), "unusable"),
        (
            Mode::Keys(
                json!({"keys": [{"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0"}]}).to_string(),
            ),
            "unusable",
        ),
    ] {
        let shown = format!("{mode:.80?}");
        let (verdict, metric) = outcome(mode).await;
        assert!(
            matches!(verdict, Err(TokenError::KeysUnavailable(_))),
            "{shown}"
        );
        assert!(
            metric.contains(&format!(r#"result="{label}""#)),
            "{shown}: {metric}"
        );
    }
}

#[tokio::test]
async fn one_redirect_is_followed() {
    let (verdict, metric) = outcome(Mode::RedirectOnce).await;
    assert!(verdict.is_ok(), "{verdict:?}");
    assert!(metric.contains(r#"result="ok""#), "{metric}");
}

#[tokio::test]
async fn endpoints_are_told_if_the_document_names_them_and_never_missed() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    assert_eq!(world.provider.endpoints(), None);
    let known = (
        "https://login.example/authorize?p=signin",
        "https://login.example/token",
    );
    let file = json!("file:///etc/passwd");
    for (authorization, token, told) in [
        (json!(known.0), json!(known.1), Some(known)),
        (json!(known.0), json!(null), None),
        (json!(known.0), file, None),
        (json!(["x"]), json!(7), None),
    ] {
        let keys = format!("{}/keys", world.stub.base);
        let document = json!({"issuer": "i", "jwks_uri": keys, "authorization_endpoint": authorization, "token_endpoint": token});
        world.stub.set_mode(Mode::Discovery(document.to_string()));
        world.provider.refresh().await;
        assert_eq!(world.provider.issuer().as_deref(), Some("i"), "{document}");
        let endpoints = world.provider.endpoints();
        assert_eq!(
            endpoints.as_ref().map(|e| (&*e.authorization, &*e.token)),
            told,
            "{document}"
        );
    }
}

#[tokio::test]
async fn unusable_urls_and_settings_are_refused_at_load() {
    let ops = Ops::new("test");
    let providers = Providers::new(ProvidersConfig::default(), &ops).unwrap();
    assert!(ops.is_ready(), "no provider, nothing to wait for");
    for url in [
        "",
        "tenant/openid-configuration",
        "file:///etc/passwd",
        "ftp://host/x",
    ] {
        let error = providers.provider(url).unwrap_err();
        assert!(matches!(error, ProvidersError::Url { .. }), "{url}");
        assert!(error.to_string().contains("http"), "{error}");
    }
    let error = providers
        .provider("https://user:hunter2@host/x")
        .unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert!(ops.is_ready());

    let eager = ProvidersConfig {
        refresh_interval: Duration::from_millis(10),
        ..Default::default()
    };
    assert!(matches!(
        Providers::new(eager, &ops),
        Err(ProvidersError::RefreshInterval)
    ));
    let asking = ProvidersConfig {
        unknown_key_interval: Duration::from_millis(999),
        ..Default::default()
    };
    assert!(matches!(
        Providers::new(asking, &ops),
        Err(ProvidersError::UnknownKeyInterval)
    ));
    let hasty = ProvidersConfig {
        fetch_timeout: Duration::ZERO,
        ..Default::default()
    };
    assert!(matches!(
        Providers::new(hasty, &ops),
        Err(ProvidersError::FetchTimeout)
    ));
}
