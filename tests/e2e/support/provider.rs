//! An OpenID provider whose keys and tokens a test controls: for tokens that no honest provider
//! would issue.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{self, KeyPair as _};
use axum::Json;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use weir_development::BACKEND_CLIENT_ID;

/// Serves discovery and one RSA key until dropped.
pub struct Provider {
    key: KeyPair,
    url: String,
    task: tokio::task::JoinHandle<()>,
}

/// The key id of the published key.
pub const KID: &str = "published";

impl Provider {
    pub async fn start() -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let discovery = json!({ "issuer": format!("{url}/"), "jwks_uri": format!("{url}/keys") });
        let keys = json!({ "keys": [{
            "kty": "RSA", "use": "sig", "kid": KID,
            "n": URL_SAFE_NO_PAD.encode(key.public_key().modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(key.public_key().exponent().big_endian_without_leading_zero()),
        }] });
        let app = axum::Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(move || async move { Json(discovery) }),
            )
            .route("/keys", get(move || async move { Json(keys) }));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { key, url, task }
    }

    /// The discovery URL.
    pub fn discovery(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.url)
    }

    /// The public key as PEM, as an attacker finds it.
    pub fn public_key_pem(&self) -> String {
        let der = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(self.key.public_key())
            .unwrap();
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = (0..text.len())
            .step_by(64)
            .map(|i| &text[i..(i + 64).min(text.len())])
            .collect();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        )
    }

    /// Claims of a token that the gateway accepts, for `user`.
    pub fn claims(&self, user: &str) -> Value {
        let now = now();
        json!({ "iss": format!("{}/", self.url), "aud": BACKEND_CLIENT_ID, "sub": user, "iat": now, "nbf": now, "exp": now + 3600 })
    }

    /// A token with the published key's signature.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(
            &self.key,
            &json!({ "alg": "RS256", "typ": "JWT", "kid": KID }),
            claims,
        )
    }

    /// A token with any header, signed RS256 by any key.
    pub fn sign_with(&self, key: &KeyPair, header: &Value, claims: &Value) -> String {
        let input = unsigned(header, claims);
        let mut signature = vec![0; key.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        key.sign(
            &signature::RSA_PKCS1_SHA256,
            &random,
            input.as_bytes(),
            &mut signature,
        )
        .unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Header and claims, encoded, without a signature.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    )
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}
