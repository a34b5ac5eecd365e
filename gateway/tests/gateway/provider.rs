//! OpenID providers with one key each, which a test can replace.

use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Response;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::seconds_from_now;
use crate::upstream::{Upstream, full};

/// A running provider. It stops when dropped.
pub(crate) struct Provider {
    server: Upstream,
    published: Arc<Mutex<Value>>,
    pub(crate) key: Key,
}

/// A key that signs.
pub(crate) struct Key {
    id: String,
    private: EncodingKey,
    published: Value,
}

impl Key {
    pub(crate) fn new(id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let published = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "kid": id,
            "x": coordinate(&point[1..33]), "y": coordinate(&point[33..]),
        });
        Self {
            id: id.to_owned(),
            private: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
            published,
        }
    }

    /// A token of `alice` that names `issuer`.
    pub(crate) fn token(&self, issuer: &str) -> String {
        let header = Header {
            kid: Some(self.id.clone()),
            ..Header::new(Algorithm::ES256)
        };
        let claims = json!({ "sub": "alice", "iss": issuer, "exp": seconds_from_now(3600) });
        jsonwebtoken::encode(&header, &claims, &self.private).unwrap()
    }
}

impl Provider {
    pub(crate) async fn start(key_id: &str) -> Self {
        let key = Key::new(key_id);
        let published = Arc::new(Mutex::new(key.published.clone()));
        let keys = Arc::clone(&published);
        let server = Upstream::answering(move |seen| {
            let base = format!("http://{}", seen.header("host").unwrap());
            let document = match seen.uri.path() {
                "/keys" => json!({ "keys": [*keys.lock().unwrap()] }),
                _ => json!({ "issuer": format!("{base}/"), "jwks_uri": format!("{base}/keys") }),
            };
            Response::new(full(document.to_string()))
        })
        .await;
        Self {
            server,
            published,
            key,
        }
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://{}/", self.server.address)
    }

    /// The element of a `validate-jwt`.
    pub(crate) fn openid_config(&self) -> String {
        format!(
            r#"<openid-config url="{}.well-known/openid-configuration" />"#,
            self.issuer()
        )
    }

    /// Publishes this key instead of what it had.
    pub(crate) fn rotate(&mut self, key: Key) {
        *self.published.lock().unwrap() = key.published.clone();
        self.key = key;
    }
}
