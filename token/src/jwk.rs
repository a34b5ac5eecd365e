//! Reading a JSON Web Key Set (RFC 7517).
//!
//! A key that cannot be used is left out and the others stay: providers publish encryption keys and new key types next
//! to the ones we need. Shared secrets (`oct`) are never taken from a published document.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::InvalidKey;
use crate::algorithm::Algorithm;
use crate::key::{Curve, Key};

/// The most keys read from one set: providers publish two to ten, and each costs memory and may cost a try per token.
pub(crate) const MAX_KEYS: usize = 64;

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The usable keys of a key set document.
pub(crate) fn parse_set(document: &[u8]) -> Result<Vec<Key>, serde_json::Error> {
    let set: JwkSet = serde_json::from_slice(document)?;
    if set.keys.len() > MAX_KEYS {
        tracing::warn!(published = set.keys.len(), read = MAX_KEYS, "key set is too long, the rest is ignored");
    }
    let mut keys: Vec<Key> = Vec::new();
    for value in set.keys.into_iter().take(MAX_KEYS) {
        let id = value.get("kid").and_then(Value::as_str).map(str::to_owned);
        match parse_key(value) {
            // A set that lists one key twice must not make every bad token cost two tries.
            Ok(key) if keys.iter().any(|known| known.fingerprint() == key.fingerprint()) => {}
            Ok(key) => keys.push(key),
            Err(why) => tracing::debug!(kid = id, %why, "key left out"),
        }
    }
    Ok(keys)
}

fn parse_key(value: Value) -> Result<Key, InvalidKey> {
    let jwk: Jwk = serde_json::from_value(value).map_err(|why| InvalidKey(why.to_string()))?;
    if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return Err(InvalidKey("it is not for signatures (use)".into()));
    }
    if jwk.key_ops.as_ref().is_some_and(|operations| !operations.iter().any(|operation| operation == "verify")) {
        return Err(InvalidKey("it is not for verification (key_ops)".into()));
    }
    let pinned = match jwk.alg.as_deref() {
        None => None,
        Some(name) => {
            Some(Algorithm::from_name(name).ok_or_else(|| InvalidKey(format!("algorithm {name:?} is not supported")))?)
        }
    };
    match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => Key::rsa(jwk.kid, pinned, &bytes(jwk.n, "n")?, &bytes(jwk.e, "e")?),
        ("EC", Some(curve)) => {
            let curve = match curve {
                "P-256" => Curve::P256,
                "P-384" => Curve::P384,
                "P-521" => Curve::P521,
                other => return Err(InvalidKey(format!("curve {other:?} is not supported"))),
            };
            Key::elliptic(jwk.kid, pinned, curve, &bytes(jwk.x, "x")?, &bytes(jwk.y, "y")?)
        }
        ("OKP", Some("Ed25519")) => Key::ed25519(jwk.kid, pinned, &bytes(jwk.x, "x")?),
        (other, _) => Err(InvalidKey(format!("key type {other:?} is not supported in a published set"))),
    }
}

fn bytes(text: Option<String>, name: &str) -> Result<Vec<u8>, InvalidKey> {
    let text = text.ok_or_else(|| InvalidKey(format!("{name} is missing")))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|why| InvalidKey(format!("{name} is not base64url ({why})")))
}
