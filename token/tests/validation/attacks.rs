//! Tokens an attacker would send. Each must be refused, and for the right reason.

use serde_json::json;
use weir_token::{SigningKey, TokenError};

use super::*;
use crate::signer::{b64, unsigned};

#[tokio::test]
async fn a_token_of_a_wrong_key_is_refused() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    let impostor = Signer::new("k1").token(&world.claims());
    assert_eq!(
        world.validate(&impostor).await,
        Err(TokenError::SignatureInvalid)
    );
    let stranger = Signer::new("k2").token(&world.claims());
    assert_eq!(
        world.validate(&stranger).await,
        Err(TokenError::SignatureKeyNotFound)
    );
}

#[tokio::test]
async fn the_algorithm_none_is_refused_in_every_spelling() {
    let world = World::with(&[&Signer::new("k1")]).await;
    for algorithm in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        " none",
        "",
        "\u{0}none",
    ] {
        for header in [
            json!({ "alg": algorithm }),
            json!({"alg": algorithm, "kid": "k1"}),
        ] {
            let bare = unsigned(&header, &world.claims());
            for signature in ["", &b64([0; 64]), &b64("none")] {
                let error = world
                    .validate(&format!("{bare}.{signature}"))
                    .await
                    .unwrap_err();
                assert!(
                    matches!(
                        error,
                        TokenError::AlgorithmNotAllowed | TokenError::Malformed(_)
                    ),
                    "{algorithm:?} {error:?}"
                );
            }
        }
    }
    let plain = format!("{}.", unsigned(&json!({"alg": "none"}), &world.claims()));
    assert_eq!(
        world.validate(&plain).await.unwrap_err().reason(),
        "TokenSignatureInvalid"
    );
}

#[tokio::test]
async fn a_public_key_is_never_taken_as_a_shared_secret() {
    let signer = Signer::rsa("r1");
    let (n, _) = signer.rsa_components();
    let (spki, pkcs1) = signer.rsa_der();
    let pem = |label: &str, der: &[u8]| {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<_> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            lines.join("\n")
        )
        .into_bytes()
    };
    let mut secrets = vec![
        n.clone(),
        b64(&n).into_bytes(),
        signer.jwk().to_string().into_bytes(),
        pem("PUBLIC KEY", &spki),
        pem("RSA PUBLIC KEY", &pkcs1),
        spki,
        pkcs1,
    ];
    secrets.push(secrets[3].trim_ascii_end().to_vec());
    let inline = SigningKey::Hmac {
        id: None,
        secret: b"a secret of thirty-two bytes, ok".to_vec().into(),
    };
    for (keys, expected) in [
        (vec![], TokenError::AlgorithmNotAllowed),
        (vec![inline], TokenError::SignatureInvalid),
    ] {
        let world = World::build(vec![signer.jwk()], keys, Default::default()).await;
        assert!(world.validate(&signer.token(&world.claims())).await.is_ok());
        for secret in &secrets {
            for algorithm in ["HS256", "HS384", "HS512"] {
                let forger = Signer::secret("r1", secret);
                let named =
                    forger.token_with(&json!({"alg": algorithm, "kid": "r1"}), &world.claims());
                assert_eq!(world.validate(&named).await.as_ref(), Err(&expected));
                let nameless = forger.token_with(&json!({ "alg": algorithm }), &world.claims());
                assert_eq!(world.validate(&nameless).await.as_ref(), Err(&expected));
            }
        }
        assert_eq!(
            world.stub.key_fetches(),
            1,
            "forged HMAC tokens must not cause fetches"
        );
    }
}

#[tokio::test]
async fn keys_in_the_token_itself_are_ignored() {
    let world = World::with(&[&Signer::new("k1")]).await;
    let attacker = Signer::new("evil");
    for kid in ["k1", "evil"] {
        let header = json!({
            "alg": "ES256", "kid": kid, "jwk": attacker.jwk(),
            "jku": format!("{}/attacker", world.stub.base), "x5u": format!("{}/attacker", world.stub.base),
            "x5c": ["MIIB"],
        });
        assert!(
            world
                .validate(&attacker.token_with(&header, &world.claims()))
                .await
                .is_err()
        );
    }
    assert_eq!(world.stub.strays(), 0);
}

#[tokio::test]
async fn odd_key_ids_find_no_key() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    let long = "k".repeat(5000);
    for kid in [
        "../../../../dev/null",
        "k1\u{0}",
        " k1",
        "K1",
        "k1' OR '1'='1",
        "",
        "http://127.0.0.1:1/",
        &*long,
    ] {
        let token = signer.token_with(&json!({"alg": "ES256", "kid": kid}), &world.claims());
        assert_eq!(
            world.validate(&token).await,
            Err(TokenError::SignatureKeyNotFound),
            "{kid:?}"
        );
    }
    for kid in [
        json!(1),
        json!(null),
        json!(["k1"]),
        json!({"k": "k1"}),
        json!(true),
    ] {
        let token = signer.token_with(&json!({"alg": "ES256", "kid": kid}), &world.claims());
        assert_eq!(
            world.validate(&token).await,
            Err(TokenError::Malformed("kid is not a string")),
            "{kid}"
        );
    }
}

#[tokio::test]
async fn a_flood_of_unknown_keys_causes_one_fetch_per_interval() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    assert!(world.validate(&signer.token(&world.claims())).await.is_ok());
    assert_eq!(world.stub.key_fetches(), 1);
    let good = signer.token(&world.claims_with("jti", json!("other")));
    for fetches in [2, 3] {
        let tokens: Vec<_> = (0..1000)
            .map(|i| {
                signer.token_with(
                    &json!({"alg": "ES256", "kid": format!("unknown-{i}")}),
                    &world.claims(),
                )
            })
            .collect();
        let verdicts =
            futures_util::future::join_all(tokens.iter().map(|token| world.validate(token))).await;
        assert!(
            verdicts
                .iter()
                .all(|verdict| *verdict == Err(TokenError::SignatureKeyNotFound))
        );
        assert_eq!(world.stub.key_fetches(), fetches);
        assert!(world.validate(&good).await.is_ok());
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(301)).await;
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_use_up_the_fetch() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let world = World::with(&[&old]).await;
    assert!(world.validate(&old.token(&world.claims())).await.is_ok());
    world.stub.set_keys(vec![old.jwk(), new.jwk()]);
    let token = new.token(&world.claims());
    {
        // Polled once: the fetch begins; then the caller is gone.
        let mut judging = Box::pin(world.validate(&token));
        assert!(futures_util::poll!(&mut judging).is_pending());
    }
    assert!(world.validate(&token).await.is_ok());
    assert_eq!(world.stub.key_fetches(), 2);
}

#[tokio::test]
async fn misshapen_tokens_are_refused() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    let good = signer.token(&world.claims());
    let [header, claims, signature]: [&str; 3] =
        good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let nested = format!(
        r#"{{"alg":"ES256","kid":"k1","x":{}{}}}"#,
        "[".repeat(3000),
        "]".repeat(3000)
    );
    for bad in [
        format!("{header}{claims}{signature}"),
        format!("{header}.{claims}"),
        format!("{header}.{claims}.{signature}."),
        format!("{header}.{claims}.{signature}.."),
        format!("{header}.{claims}.{signature}.a.b"),
        format!(".{claims}.{signature}"),
        "..".into(),
        "....".into(),
        ".".into(),
        "a".into(),
        " ".into(),
        format!("Bearer {good}"),
        format!("{good}="),
        format!("{good} "),
        format!("{header}=.{claims}.{signature}"),
        format!("{header}.{claims}.{}\n", signature),
        format!("{header}.{claims}.{}ü", signature),
        format!("{}.{claims}.{signature}", b64("not json")),
        format!("{}.{claims}.{signature}", b64("[]")),
        format!("{}.{claims}.{signature}", b64("{}")),
        format!("{}.{claims}.{signature}", b64(r#"{"alg":null}"#)),
        format!("{}.{claims}.{signature}", b64(r#"{"alg":["ES256"]}"#)),
        format!(
            "{}.{claims}.{signature}",
            b64(r#"{"alg":"ES256","alg":"none"}"#)
        ),
        format!(
            "{}.{claims}.{signature}",
            b64(r#"{"alg":"ES256","kid":"k1"} {}"#)
        ),
        format!("{}.{claims}.{signature}", b64([0xFF, 0xFE])),
        format!("{}.{claims}.{signature}", b64(nested)),
        format!(
            "{}.{claims}.{signature}",
            b64(format!(r#"{{"alg":"ES256","x":"{}"}}"#, "y".repeat(9000)))
        ),
    ] {
        let error = world.validate(&bad).await.unwrap_err();
        assert!(
            matches!(error, TokenError::Malformed(_)),
            "{bad:.60} {error:?}"
        );
        assert_eq!(error.reason(), "JwtInvalid");
    }
    assert_eq!(world.validate("").await, Err(TokenError::NotPresent));
    assert_eq!(
        world.validate(&format!("{header}.{claims}.")).await,
        Err(TokenError::SignatureInvalid)
    );
    assert_eq!(
        world.stub.discovery_fetches(),
        0,
        "garbage must not cause fetches"
    );
}

#[tokio::test]
async fn a_long_token_is_refused_before_anything_is_read() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    let token = signer.token(&world.claims_with("pad", json!("x".repeat(75_000))));
    assert!(token.len() > 100_000);
    assert_eq!(
        world.validate(&token).await,
        Err(TokenError::TooLarge { limit: 16 * 1024 })
    );
    assert_eq!(
        world.validate(&".".repeat(100_000)).await,
        Err(TokenError::TooLarge { limit: 16 * 1024 })
    );
    let large = signer.token(&world.claims_with("pad", json!("x".repeat(11_000))));
    assert!(world.validate(&large).await.is_ok());
}

#[tokio::test]
async fn critical_extensions_are_refused_even_if_signed() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    for crit in [json!(["exp"]), json!([]), json!("b64")] {
        let header = json!({"alg": "ES256", "kid": "k1", "crit": crit, "b64": false});
        let error = world
            .validate(&signer.token_with(&header, &world.claims()))
            .await
            .unwrap_err();
        assert!(matches!(error, TokenError::Malformed(_)), "{error:?}");
    }
}

#[tokio::test]
async fn signed_claims_that_are_no_distinct_json_object_are_refused() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    for claims in [json!([1]), json!("text"), json!(1)] {
        let error = world.validate(&signer.token(&claims)).await.unwrap_err();
        assert!(matches!(error, TokenError::Malformed(_)), "{error:?}");
    }
}

#[tokio::test]
async fn no_bit_of_a_token_can_be_changed() {
    let signer = Signer::new("k1");
    let world = World::with(&[&signer]).await;
    let good = signer.token(&world.claims());
    assert!(world.validate(&good).await.is_ok());
    for byte in 0..good.len() {
        for bit in 0..8 {
            let mut changed = good.clone().into_bytes();
            changed[byte] ^= 1 << bit;
            // A token arrives as text; what is none never gets here.
            let Ok(changed) = String::from_utf8(changed) else {
                continue;
            };
            assert!(
                world.validate(&changed).await.is_err(),
                "bit {bit} of byte {byte}"
            );
        }
    }
    for length in 0..good.len() {
        assert!(world.validate(&good[..length]).await.is_err(), "{length}");
    }
}
