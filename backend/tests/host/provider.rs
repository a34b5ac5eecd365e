//! An OpenID provider with one key, served over HTTP.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const AUDIENCE: &str = "f8a5b3c1-6d2e-4b7a-9c40-2f1d8e6a7b53";
const KEY_ID: &str = "key-1";

pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    key: EncodingKey,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (key, jwk) = key_pair();
        let discovery =
            json!({ "issuer": issuer(address), "jwks_uri": format!("http://{address}/keys") });
        let keys = json!({ "keys": [jwk] });
        let app = Router::new()
            .route(
                "/t/v2.0/.well-known/openid-configuration",
                get(async move || Json(discovery)),
            )
            .route("/keys", get(async move || Json(keys)));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, key }
    }

    pub(crate) fn discovery(&self) -> String {
        format!(
            "http://{}/t/v2.0/.well-known/openid-configuration?p=B2C_1_x",
            self.address
        )
    }

    /// A token with the claims of a good one, changed; a claim set to null is left out.
    pub(crate) fn token_with(&self, changes: &Value) -> String {
        self.signed(&self.key, changes)
    }

    pub(crate) fn token(&self) -> String {
        self.token_with(&json!({}))
    }

    /// A good token but for its signature, which somebody else made.
    pub(crate) fn forged(&self) -> String {
        self.signed(&key_pair().0, &json!({}))
    }

    fn signed(&self, key: &EncodingKey, changes: &Value) -> String {
        let header = Header {
            kid: Some(KEY_ID.to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, &self.claims(changes), key).unwrap()
    }

    pub(crate) fn claims(&self, changes: &Value) -> Value {
        let mut claims = json!({
            "iss": issuer(self.address), "sub": "alice-id", "aud": AUDIENCE, "name": "Alice", "scp": "Hello",
            "emails": ["alice@example.com", "a@example.com"], "nbf": now() - 60, "exp": now() + 3600,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        claims
    }
}

fn issuer(address: SocketAddr) -> String {
    format!("http://{address}/t/v2.0/")
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn key_pair() -> (EncodingKey, Value) {
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
    // An uncompressed point: one byte, then both coordinates.
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let jwk = json!({ "kty": "EC", "crv": "P-256", "kid": KEY_ID, "use": "sig", "x": encode(x), "y": encode(y) });
    (EncodingKey::from_ec_der(pkcs8.as_ref()), jwk)
}
