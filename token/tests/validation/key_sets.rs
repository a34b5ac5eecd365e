//! Key sets of many keys, with unusable ones among them.

use serde_json::json;
use weir_token::TokenError;

use super::*;
use crate::log;
use crate::signer::b64;

/// The most usable keys that are kept.
const MOST: usize = 1000;

/// Keys of every kind that cannot be used, `count` in all.
fn unusable(count: usize) -> Vec<Value> {
    let encryption = |id: String| {
        let mut jwk = Signer::new(&id).jwk();
        jwk["use"] = json!("enc");
        jwk
    };
    (0..count)
        .map(|number| match number % 5 {
            0 => encryption(format!("enc-{number}")),
            1 => json!({"kty": "RSA", "kid": format!("short-{number}"), "n": b64([0xc7; 128]), "e": "AQAB"}),
            2 => json!({"kty": "OKP", "crv": "Ed25519", "kid": format!("small-{number}"), "x": b64([0; 32])}),
            3 => json!({"kty": "FUTURE", "kid": format!("future-{number}")}),
            _ => json!({"kty": "EC", "crv": "P-256", "x": b64([1; 32]), "y": b64([1; 32])}),
        })
        .collect()
}

#[tokio::test]
async fn a_thousand_usable_keys_are_kept_and_all_are_tried() {
    for size in [1, 64, 65, MOST, MOST + 1] {
        let signers: Vec<_> = (0..size)
            .map(|number| Signer::new(&format!("k{number}")))
            .collect();
        let mut published = unusable(100);
        published.extend(signers.iter().map(Signer::jwk));
        let world = World::build(published, Vec::new(), Default::default()).await;
        for (number, expected) in [
            (0, Ok(())),
            (size.min(MOST) - 1, Ok(())),
            (
                size - 1,
                if size > MOST {
                    Err(TokenError::SignatureKeyNotFound)
                } else {
                    Ok(())
                },
            ),
        ] {
            let signer = &signers[number];
            let claims = world.claims_with("jti", json!(number));
            assert_eq!(
                world.validate(&signer.token(&claims)).await.map(drop),
                expected,
                "{number} of {size}"
            );
            // Without `kid` the signature of a key that is not there is none of those that are.
            let nameless = signer.token_with(&json!({"alg": "ES256"}), &claims);
            let expected = expected.map_err(|_| TokenError::SignatureInvalid);
            assert_eq!(
                world.validate(&nameless).await.map(drop),
                expected,
                "{number} of {size}, nameless"
            );
        }
    }
}

/// On one thread, so that others go on only if the search lets them.
#[tokio::test]
async fn a_search_through_many_keys_lets_others_go_on() {
    let signers: Vec<_> = (0..160)
        .map(|number| Signer::new(&format!("k{number}")))
        .collect();
    let published = signers.iter().map(Signer::jwk).collect();
    let world = World::build(published, Vec::new(), Default::default()).await;
    world.provider.refresh().await;
    let nameless = signers[159].token_with(&json!({"alg": "ES256"}), &world.claims());
    let mut turns = 0;
    let others = async {
        loop {
            turns += 1;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        judged = world.validate(&nameless) => assert!(judged.is_ok()),
        () = others => unreachable!("it never ends"),
    }
    assert!(turns >= 9, "{turns}");
}

#[tokio::test]
async fn a_thousand_long_keys_with_their_certificates_fit() {
    let signer = Signer::new("last");
    let certificate = "M".repeat(1900);
    let mut published: Vec<_> = (1..MOST)
        .map(|number| {
            let mut n = [0xc5; 512];
            n[1..3].copy_from_slice(&u16::try_from(number).unwrap().to_be_bytes());
            let id = format!("{number:x>64}");
            json!({"kty": "RSA", "kid": id, "x5t": id, "n": b64(n), "e": "AQAB", "x5c": [certificate]})
        })
        .collect();
    published.push(signer.jwk());
    assert!(json!(published).to_string().len() > 2_500_000);
    let world = World::build(published, Vec::new(), Default::default()).await;
    assert!(world.validate(&signer.token(&world.claims())).await.is_ok());
}

/// Anybody can make this signature for a key of small order: R is the key, the neutral element, and
/// S is zero.
#[tokio::test]
async fn a_key_that_everybody_can_sign_for_is_none() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let published = json!({"kty": "OKP", "crv": "Ed25519", "kid": "weak", "x": b64(neutral)});
    let world = World::build(
        vec![published, Signer::new("good").jwk()],
        Vec::new(),
        Default::default(),
    )
    .await;
    let unsigned = signer::unsigned(&json!({"alg": "EdDSA", "kid": "weak"}), &world.claims());
    let forged = format!("{unsigned}.{}", b64([neutral, [0; 32]].concat()));
    assert_eq!(
        world.validate(&forged).await,
        Err(TokenError::SignatureKeyNotFound)
    );
}

#[tokio::test]
async fn each_key_that_is_left_out_is_named_once() {
    log::start();
    let good = Signer::new("good").jwk();
    let mut padded = Signer::new("padded").jwk();
    padded["x"] = json!(format!("{}=", padded["x"].as_str().unwrap()));
    let mut published = unusable(3);
    published.extend([good.clone(), padded]);
    let world = World::build(published.clone(), Vec::new(), Default::default()).await;
    for _ in 0..3 {
        world.provider.refresh().await;
    }
    let lines = log::lines("WARN", &format!("{}/keys", world.stub.base));
    assert_eq!(lines.len(), 4, "{lines:#?}");
    for (line, (id, reason)) in lines.iter().zip([
        ("enc-0", "not for signatures"),
        ("short-1", "1024 bits"),
        ("small-2", "small order"),
        ("padded", "its x is not base64url without padding"),
    ]) {
        assert!(line.contains(id) && line.contains(reason), "{line}");
    }

    // A set that changes is news, but only for what is new in it.
    published.push(json!({"kty": "FUTURE", "kid": "late"}));
    world.stub.set_keys(published);
    world.provider.refresh().await;
    let lines = log::lines("WARN", &format!("{}/keys", world.stub.base));
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert!(
        lines[4].contains("late") && lines[4].contains("FUTURE"),
        "{}",
        lines[4]
    );
}

#[tokio::test]
async fn keys_are_named_too_where_none_is_usable() {
    log::start();
    let world = World::build(unusable(2), Vec::new(), Default::default()).await;
    world.provider.refresh().await;
    assert!(!world.provider.is_loaded());
    let lines = log::lines("WARN", &format!("{}/keys", world.stub.base));
    assert!(
        lines.iter().any(|line| line.contains("short-1")),
        "{lines:#?}"
    );
}

/// A configuration that is tried again and again with a provider that has no usable key.
#[tokio::test]
async fn keys_that_stop_a_provider_are_named_once_however_often_it_is_tried() {
    log::start();
    let stub = Stub::start(unusable(2)).await;
    let providers = Providers::new(ProvidersConfig::default(), &Ops::new("test")).unwrap();
    let named = || {
        log::lines("WARN", "left out")
            .into_iter()
            .filter(|line| line.contains(&stub.base))
    };
    for _ in 0..3 {
        assert!(!providers.preload(&stub.url()).await.unwrap());
        providers.retain([]);
        assert_eq!(named().count(), 2);
    }
}
