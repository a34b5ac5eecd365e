//! Audience, issuer, lifetime and the memory of verified tokens, through the whole validator.

use serde_json::json;
use weir_token::{Match, RequiredClaim, SigningKey, TokenError};

use super::*;
use crate::signer::unsigned;

#[tokio::test]
async fn an_id_token_is_no_access_token() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    let id_token =
        signer.token(&world.claims_with("aud", json!("3c9e1d70-54b8-4f6e-a2d1-7b8c0e5f9a14")));
    assert_eq!(
        world.validate(&id_token).await,
        Err(TokenError::AudienceNotAllowed)
    );
    let required = [RequiredClaim {
        name: "aud".into(),
        mode: Match::All,
        separator: None,
        values: vec![API.into()],
    }];
    let requirements = Requirements {
        required_claims: &required,
        ..demands()
    };
    let error = world
        .validate_against(&id_token, &requirements)
        .await
        .unwrap_err();
    assert_eq!(error.reason(), "TokenClaimValueNotAllowed");
    let access_token = signer.token(&world.claims_with("aud", json!([API, "other"])));
    assert!(
        world
            .validate_against(&access_token, &requirements)
            .await
            .is_ok()
    );
    assert!(world.validate(&access_token).await.is_ok());
}

#[tokio::test]
async fn each_absent_or_wrong_claim_has_its_own_reason() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    let without_slash = world.stub.issuer().trim_end_matches('/').to_owned();
    for (name, value, reason) in [
        ("aud", json!(null), "TokenAudienceNotAllowed"),
        ("iss", json!(null), "TokenIssuerNotAllowed"),
        (
            "iss",
            json!("https://evil.example/"),
            "TokenIssuerNotAllowed",
        ),
        ("iss", json!(without_slash), "TokenIssuerNotAllowed"),
        ("iss", json!([world.stub.issuer()]), "TokenIssuerNotAllowed"),
        ("exp", json!(null), "TokenClaimNotFound"),
        ("exp", json!(NOW), "TokenExpired"),
        ("exp", json!(NOW as f64 - 0.5), "TokenExpired"),
        ("exp", json!("9999999999"), "JwtInvalid"),
        ("nbf", json!(NOW + 1), "JwtInvalid"),
    ] {
        let error = world
            .validate(&signer.token(&world.claims_with(name, value.clone())))
            .await
            .unwrap_err();
        assert_eq!(error.reason(), reason, "{name} = {value}: {error}");
    }
    assert_eq!(
        world
            .validate(&signer.token(&world.claims_with("nbf", json!(NOW + 1))))
            .await,
        Err(TokenError::NotYetValid)
    );
}

#[tokio::test]
async fn listed_issuers_are_accepted_besides_that_of_the_document() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    let listed = ["https://listed.example/".to_owned()];
    let requirements = Requirements {
        issuers: &listed,
        ..demands()
    };
    let token = signer.token(&world.claims_with("iss", json!(listed[0])));
    assert!(world.validate_against(&token, &requirements).await.is_ok());
    assert!(
        world
            .validate_against(&signer.token(&world.claims()), &requirements)
            .await
            .is_ok()
    );
    assert_eq!(
        world.validate(&token).await,
        Err(TokenError::IssuerNotAllowed)
    );
}

#[tokio::test]
async fn one_provider_cannot_sign_in_anothers_name() {
    let (honest, rogue) = (Signer::new("honest"), Signer::new("rogue"));
    let world = World::with(&[&honest]).await;
    let other = Stub::start(vec![rogue.jwk()]).await;
    let sources = KeySources {
        providers: vec![
            Arc::clone(&world.provider),
            world.providers.provider(&other.url()).unwrap(),
        ],
        keys: Vec::new(),
    };
    let validator = Validator::new(sources, ValidatorConfig::default()).unwrap();
    let claims_of_other = world.claims_with("iss", json!(other.issuer()));
    assert!(
        validator
            .validate(&honest.token(&world.claims()), &demands())
            .await
            .is_ok()
    );
    assert!(
        validator
            .validate(&rogue.token(&claims_of_other), &demands())
            .await
            .is_ok()
    );
    let forged = rogue.token(&world.claims());
    assert_eq!(
        validator.validate(&forged, &demands()).await,
        Err(TokenError::IssuerNotAllowed)
    );

    // Two user flows of one tenant publish the same keys beside different issuers: then both may be
    // named.
    other.set_keys(vec![rogue.jwk(), honest.jwk()]);
    world
        .providers
        .provider(&other.url())
        .unwrap()
        .refresh()
        .await;
    assert!(
        validator
            .validate(&honest.token(&claims_of_other), &demands())
            .await
            .is_ok()
    );
    assert_eq!(
        validator.validate(&forged, &demands()).await,
        Err(TokenError::IssuerNotAllowed)
    );
}

#[tokio::test]
async fn without_providers_and_issuers_the_issuer_is_not_checked() {
    let secret = b"a secret of thirty-two bytes, ok";
    let keys = vec![SigningKey::Hmac {
        id: None,
        secret: secret.to_vec().into(),
    }];
    let validator = Validator::new(
        KeySources {
            keys,
            ..Default::default()
        },
        ValidatorConfig::default(),
    )
    .unwrap();
    let token = Signer::secret("s", secret).token(&json!({"exp": NOW + 1}));
    assert!(validator.validate(&token, &demands()).await.is_ok());
    let issuers = ["https://listed.example/".to_owned()];
    let requirements = Requirements {
        issuers: &issuers,
        ..demands()
    };
    assert_eq!(
        validator.validate(&token, &requirements).await,
        Err(TokenError::IssuerNotAllowed)
    );
}

#[tokio::test]
async fn unsigned_tokens_pass_only_where_allowed_and_signed_ones_are_verified_anyway() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    let lenient = Requirements {
        require_signed: false,
        ..demands()
    };
    let plain = format!("{}.", unsigned(&json!({"alg": "none"}), &world.claims()));
    assert!(world.validate_against(&plain, &lenient).await.is_ok());
    assert_eq!(
        world.validate_against(&plain, &demands()).await,
        Err(TokenError::AlgorithmNotAllowed)
    );
    let impostor = Signer::new("k1").token(&world.claims());
    assert_eq!(
        world.validate_against(&impostor, &lenient).await,
        Err(TokenError::SignatureInvalid)
    );
    let odd = format!("{}.", unsigned(&json!({"alg": "None"}), &world.claims()));
    assert_eq!(
        world.validate_against(&odd, &lenient).await,
        Err(TokenError::AlgorithmNotAllowed)
    );
    let foreign = format!(
        "{}.",
        unsigned(
            &json!({"alg": "none"}),
            &world.claims_with("iss", json!("https://evil/"))
        )
    );
    assert_eq!(
        world.validate_against(&foreign, &lenient).await,
        Err(TokenError::IssuerNotAllowed)
    );
    let expired = format!(
        "{}.",
        unsigned(&json!({"alg": "none"}), &world.claims_with("exp", json!(1)))
    );
    assert_eq!(
        world.validate_against(&expired, &lenient).await,
        Err(TokenError::Expired)
    );
}

#[tokio::test]
async fn a_verified_token_is_remembered_but_its_claims_are_checked_on_every_call() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    let token = signer.token(&world.claims());
    let first = world.validate(&token).await.unwrap();
    let second = world.validate(&token).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    let metrics = world.ops.render();
    assert!(
        metrics.contains("weir_token_cache_hits_total 1"),
        "{metrics}"
    );
    assert!(
        metrics.contains(r#"weir_token_validations_total{result="valid"} 2"#),
        "{metrics}"
    );

    let other_audience = ["another-api".to_owned()];
    let other = Requirements {
        audiences: &other_audience,
        ..demands()
    };
    assert_eq!(
        world.validate_against(&token, &other).await,
        Err(TokenError::AudienceNotAllowed)
    );
    let later = Requirements {
        now: demands().now + Duration::from_secs(3600),
        ..demands()
    };
    assert_eq!(
        world.validate_against(&token, &later).await,
        Err(TokenError::Expired)
    );
    let earlier = Requirements {
        now: demands().now - Duration::from_secs(1),
        ..demands()
    };
    assert_eq!(
        world.validate_against(&token, &earlier).await,
        Err(TokenError::NotYetValid)
    );
    assert!(world.validate(&token).await.is_ok());
    assert!(
        world
            .ops
            .render()
            .contains(r#"weir_token_validations_total{result="expired"} 1"#)
    );
}

#[tokio::test]
async fn the_memory_is_bounded_and_can_be_turned_off() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    for cache_entries in [0, 1, 8] {
        let sources = KeySources {
            providers: vec![Arc::clone(&world.provider)],
            keys: Vec::new(),
        };
        let validator = Validator::new(
            sources,
            ValidatorConfig {
                cache_entries,
                ..Default::default()
            },
        )
        .unwrap();
        let mut kept = Vec::new();
        for number in 0..50 {
            let token = signer.token(&world.claims_with("jti", json!(number.to_string())));
            kept.push(Arc::downgrade(
                &validator.validate(&token, &demands()).await.unwrap(),
            ));
        }
        let alive = kept.iter().filter(|jwt| jwt.strong_count() > 0).count();
        assert!(alive <= cache_entries, "{alive} of {cache_entries}");
        assert_eq!(alive > 0, cache_entries > 0, "{alive} of {cache_entries}");
    }
}
