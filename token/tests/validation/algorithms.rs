//! Every algorithm end to end, and what a key's own restrictions do.

use base64::Engine;
use serde_json::json;
use weir_token::{SigningKey, TokenError};

use super::*;
use crate::signer::b64;

const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";

fn hmac_key(id: Option<&str>, secret: &[u8]) -> SigningKey {
    SigningKey::Hmac {
        id: id.map(str::to_owned),
        secret: secret.to_vec().into(),
    }
}

#[tokio::test]
async fn an_rsa_key_without_alg_serves_the_six_rsa_algorithms() {
    let signer = Signer::rsa("r1");
    let world = World::with(&[&signer]).await;
    for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        let token = signer.token_with(&json!({"alg": algorithm, "kid": "r1"}), &world.claims());
        let jwt = world
            .validate(&token)
            .await
            .unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        assert_eq!(jwt.algorithm(), Some(algorithm));
        assert_eq!(jwt.subject(), Some("alice"));
    }
}

#[tokio::test]
async fn elliptic_curve_keys_serve_the_algorithm_of_their_curve() {
    let signers = [
        Signer::ec("p256", "P-256"),
        Signer::ec("p384", "P-384"),
        Signer::ec("p521", "P-521"),
        Signer::ed25519("ed"),
    ];
    let world = World::with(&signers.each_ref()).await;
    for signer in &signers {
        let token = signer.token(&world.claims());
        let jwt = world
            .validate(&token)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", signer.kid));
        assert_eq!(jwt.key_id(), Some(&*signer.kid));
    }
    let ed25519 = signers[3].token_with(&json!({"alg": "Ed25519", "kid": "ed"}), &world.claims());
    assert!(world.validate(&ed25519).await.is_ok());
    for algorithm in ["ES384", "ES512", "RS256", "EdDSA"] {
        let token =
            signers[0].token_with(&json!({"alg": algorithm, "kid": "p256"}), &world.claims());
        assert_eq!(
            world.validate(&token).await,
            Err(TokenError::AlgorithmNotAllowed),
            "{algorithm}"
        );
    }
}

#[tokio::test]
async fn an_inline_secret_serves_the_three_hmac_algorithms() {
    let world = World::build(
        vec![Signer::new("p").jwk()],
        vec![hmac_key(None, SECRET)],
        Default::default(),
    )
    .await;
    let signer = Signer::secret("any", SECRET);
    for algorithm in ["HS256", "HS384", "HS512"] {
        let token = signer.token_with(&json!({"alg": algorithm}), &world.claims());
        assert!(world.validate(&token).await.is_ok(), "{algorithm}");
    }
    let forged = Signer::secret("any", b"another secret of 32 bytes, wow!").token(&world.claims());
    assert_eq!(
        world.validate(&forged).await,
        Err(TokenError::SignatureKeyNotFound)
    );
    let forged = Signer::secret("any", b"another secret of 32 bytes, wow!")
        .token_with(&json!({"alg": "HS256"}), &world.claims());
    assert_eq!(
        world.validate(&forged).await,
        Err(TokenError::SignatureInvalid)
    );
}

#[tokio::test]
async fn several_inline_keys_are_tried_and_an_id_selects() {
    let rsa = Signer::rsa("x");
    let (n, e) = rsa.rsa_components();
    let old = b"the old secret, to be rolled over";
    let keys = vec![
        hmac_key(None, old),
        hmac_key(Some("new"), SECRET),
        SigningKey::Rsa {
            id: Some("x".into()),
            n: [vec![0], n].concat(),
            e,
        },
    ];
    let world = World::build(vec![Signer::new("p").jwk()], keys, Default::default()).await;
    for signer in [
        Signer::secret("new", SECRET),
        Signer::secret("unheard-of", old),
        rsa,
    ] {
        assert!(
            world.validate(&signer.token(&world.claims())).await.is_ok(),
            "{}",
            signer.kid
        );
    }
    let misnamed = Signer::secret("x", SECRET).token(&world.claims());
    assert_eq!(
        world.validate(&misnamed).await,
        Err(TokenError::SignatureInvalid)
    );
}

#[tokio::test]
async fn unusable_inline_keys_are_refused_at_load_without_showing_them() {
    let short_rsa = SigningKey::Rsa {
        id: None,
        n: vec![0xC7; 128],
        e: vec![1, 0, 1],
    };
    let exponent_one = SigningKey::Rsa {
        id: None,
        n: vec![0xC7; 256],
        e: vec![1],
    };
    let even_exponent = SigningKey::Rsa {
        id: None,
        n: vec![0xC7; 256],
        e: vec![1, 0, 0],
    };
    let huge = SigningKey::Rsa {
        id: None,
        n: vec![0xC7; 1025],
        e: vec![1, 0, 1],
    };
    let empty = SigningKey::Rsa {
        id: None,
        n: vec![],
        e: vec![],
    };
    let short_secret = hmac_key(None, b"fifteen bytes!!");
    for (key, complaint) in [
        (short_rsa, "1024 bits"),
        (exponent_one, "odd number"),
        (even_exponent, "odd number"),
        (huge, "8200 bits"),
        (empty, "0 bits"),
        (short_secret, "15 bytes"),
    ] {
        let shown = format!("{key:?}");
        assert!(!shown.contains("102, 105, 102"), "{shown}");
        let error = Validator::new(
            KeySources {
                keys: vec![key],
                ..Default::default()
            },
            Default::default(),
        )
        .unwrap_err();
        assert!(error.to_string().contains(complaint), "{error}");
        assert!(!error.to_string().contains("fifteen"), "{error}");
    }
}

#[tokio::test]
async fn a_key_with_alg_serves_only_that() {
    let signer = Signer::rsa("r1");
    let mut jwk = signer.jwk();
    jwk["alg"] = json!("RS256");
    let world = World::build(vec![jwk], Vec::new(), Default::default()).await;
    assert!(world.validate(&signer.token(&world.claims())).await.is_ok());
    for algorithm in ["RS384", "PS256"] {
        let token = signer.token_with(&json!({"alg": algorithm, "kid": "r1"}), &world.claims());
        assert_eq!(
            world.validate(&token).await,
            Err(TokenError::AlgorithmNotAllowed),
            "{algorithm}"
        );
    }
}

#[tokio::test]
async fn unusable_published_keys_do_not_harm_their_neighbours() {
    let good = Signer::new("good");
    let altered = |name: &str, value: Value| {
        let mut jwk = Signer::new("bad").jwk();
        jwk[name] = value;
        jwk
    };
    let published = vec![
        json!("not an object"),
        json!({"kty": "RSA"}),
        json!({"kty": "RSA", "kid": "bad", "n": b64([0xC7; 128]), "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "bad", "n": "+/=", "e": "AQAB"}),
        json!({"kty": "FUTURE", "kid": "bad"}),
        altered("use", json!("enc")),
        altered("key_ops", json!(["encrypt"])),
        altered("alg", json!("RS256")),
        altered("alg", json!("RSA-OAEP")),
        altered("crv", json!("P-384")),
        altered("crv", json!("secp256k1")),
        altered("x", json!(b64([1; 32]))),
        altered("kid", json!(7)),
        Signer::secret("bad", SECRET).jwk(),
        good.jwk(),
    ];
    let world = World::build(published, Vec::new(), Default::default()).await;
    assert!(world.validate(&good.token(&world.claims())).await.is_ok());
    let oct = Signer::secret("bad", SECRET).token(&world.claims());
    assert_eq!(
        world.validate(&oct).await,
        Err(TokenError::SignatureKeyNotFound)
    );
}

#[tokio::test]
async fn keys_without_or_with_the_same_kid_are_tried_in_turn() {
    let signers = [
        Signer::new("same"),
        Signer::new("same"),
        Signer::rsa("same"),
    ];
    let world = World::with(&signers.each_ref()).await;
    for signer in &signers {
        assert!(
            world.validate(&signer.token(&world.claims())).await.is_ok(),
            "{}",
            signer.algorithm()
        );
        let nameless = signer.token_with(&json!({"alg": signer.algorithm()}), &world.claims());
        assert!(
            world.validate(&nameless).await.is_ok(),
            "{}",
            signer.algorithm()
        );
    }
    let nameless = Signer::new("hidden");
    let mut jwk = nameless.jwk();
    jwk.as_object_mut().unwrap().remove("kid");
    let world = World::build(
        vec![Signer::new("other").jwk(), jwk],
        Vec::new(),
        Default::default(),
    )
    .await;
    assert!(
        world
            .validate(&nameless.token(&world.claims()))
            .await
            .is_ok()
    );
}

/// Tokens made by an independent implementation.
#[tokio::test]
async fn tokens_of_another_library_are_accepted() {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    let (rsa, ec, ed) = (Signer::rsa("rsa"), Signer::new("ec"), Signer::ed25519("ed"));
    let world = World::with(&[&rsa, &ec, &ed]).await;
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        base64::engine::general_purpose::STANDARD.encode(rsa.pkcs8())
    );
    let rsa_key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    for (signer, algorithm, key) in [
        (&rsa, Algorithm::RS256, &rsa_key),
        (&rsa, Algorithm::PS512, &rsa_key),
        (
            &ec,
            Algorithm::ES256,
            &EncodingKey::from_ec_der(&ec.pkcs8()),
        ),
        (
            &ed,
            Algorithm::EdDSA,
            &EncodingKey::from_ed_der(&ed.pkcs8()),
        ),
    ] {
        let header = Header {
            kid: Some(signer.kid.clone()),
            ..Header::new(algorithm)
        };
        let token = encode(&header, &world.claims(), key).unwrap();
        assert!(world.validate(&token).await.is_ok(), "{algorithm:?}");
    }
}

/// RFC 7515, appendices A.1 and A.3.
#[tokio::test]
async fn the_examples_of_the_specification_verify() {
    let hs256 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let es256 = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let secret =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let secret = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(secret)
        .unwrap();
    let public = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let world = World::build(
        vec![public],
        vec![hmac_key(None, &secret)],
        Default::default(),
    )
    .await;
    world.stub.set_issuer("joe");
    let issuers = ["joe".to_owned()];
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_300_819_379);
    for token in [hs256, es256] {
        let jwt = world
            .validate_against(
                token,
                &Requirements {
                    issuers: &issuers,
                    ..Requirements::at(now)
                },
            )
            .await
            .unwrap();
        assert_eq!(
            jwt.claim_values("http://example.com/is_root").unwrap(),
            ["true"]
        );
        let later = Requirements {
            issuers: &issuers,
            ..Requirements::at(now + Duration::from_secs(1))
        };
        assert_eq!(
            world.validate_against(token, &later).await,
            Err(TokenError::Expired)
        );
    }
}
