//! Keys that sign tokens the way an issuer does, including the ways an attacker does.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding,
};
use aws_lc_rs::{hmac, signature::RsaSignatureEncoding};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A private key with its key id.
pub struct Signer {
    pub kid: String,
    key: PrivateKey,
}

enum PrivateKey {
    Rsa(Box<RsaKeyPair>),
    Ec {
        pair: EcdsaKeyPair,
        curve: &'static str,
    },
    Ed(Ed25519KeyPair),
    Secret(Vec<u8>),
}

/// Bytes as base64url.
pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `header.claims` of a token, unsigned.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", b64(header.to_string()), b64(claims.to_string()))
}

impl Signer {
    pub fn rsa(kid: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        Self {
            kid: kid.into(),
            key: PrivateKey::Rsa(Box::new(pair)),
        }
    }

    /// An ES256 key: the quickest to make, for tests that are not about algorithms.
    pub fn new(kid: &str) -> Self {
        Self::ec(kid, "P-256")
    }

    pub fn ec(kid: &str, curve: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(curve_algorithm(curve)).unwrap();
        Self {
            kid: kid.into(),
            key: PrivateKey::Ec { pair, curve },
        }
    }

    pub fn ed25519(kid: &str) -> Self {
        Self {
            kid: kid.into(),
            key: PrivateKey::Ed(Ed25519KeyPair::generate().unwrap()),
        }
    }

    pub fn secret(kid: &str, secret: &[u8]) -> Self {
        Self {
            kid: kid.into(),
            key: PrivateKey::Secret(secret.to_vec()),
        }
    }

    /// The algorithm [`Self::token`] signs with.
    pub fn algorithm(&self) -> &'static str {
        match &self.key {
            PrivateKey::Rsa(_) => "RS256",
            PrivateKey::Ec { curve: "P-256", .. } => "ES256",
            PrivateKey::Ec { curve: "P-384", .. } => "ES384",
            PrivateKey::Ec { .. } => "ES512",
            PrivateKey::Ed(_) => "EdDSA",
            PrivateKey::Secret(_) => "HS256",
        }
    }

    /// The public key as Azure AD B2C publishes it: `use` but no `alg`.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.key {
            PrivateKey::Rsa(pair) => {
                let key = pair.public_key();
                let n = b64(key.modulus().big_endian_without_leading_zero());
                json!({"kty": "RSA", "n": n, "e": b64(key.exponent().big_endian_without_leading_zero())})
            }
            PrivateKey::Ec { pair, curve } => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "crv": curve, "x": b64(x), "y": b64(y)})
            }
            PrivateKey::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key())})
            }
            PrivateKey::Secret(secret) => json!({"kty": "oct", "k": b64(secret)}),
        };
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// Modulus and exponent of an RSA key.
    pub fn rsa_components(&self) -> (Vec<u8>, Vec<u8>) {
        let PrivateKey::Rsa(pair) = &self.key else {
            panic!("not an RSA key")
        };
        let key = pair.public_key();
        (
            key.modulus().big_endian_without_leading_zero().to_vec(),
            key.exponent().big_endian_without_leading_zero().to_vec(),
        )
    }

    /// An RSA public key as `SubjectPublicKeyInfo` and as bare PKCS#1, both DER.
    pub fn rsa_der(&self) -> (Vec<u8>, Vec<u8>) {
        let PrivateKey::Rsa(pair) = &self.key else {
            panic!("not an RSA key")
        };
        (
            pair.public_key().as_der().unwrap().as_ref().to_vec(),
            pair.public_key().as_ref().to_vec(),
        )
    }

    /// The private key as PKCS#8 DER.
    pub fn pkcs8(&self) -> Vec<u8> {
        match &self.key {
            PrivateKey::Rsa(pair) => pair.as_der().unwrap().as_ref().to_vec(),
            PrivateKey::Ec { pair, .. } => pair.to_pkcs8v1().unwrap().as_ref().to_vec(),
            PrivateKey::Ed(pair) => pair.to_pkcs8v1().unwrap().as_ref().to_vec(),
            PrivateKey::Secret(_) => panic!("a secret has no PKCS#8 form"),
        }
    }

    /// An honest token.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(
            &json!({"alg": self.algorithm(), "kid": self.kid, "typ": "JWT"}),
            claims,
        )
    }

    /// A token with any header; the signature is of the header's `alg` where this key can make it.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let signature = self.sign(
            header["alg"].as_str().unwrap_or_default(),
            signed.as_bytes(),
        );
        format!("{signed}.{}", b64(signature))
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            PrivateKey::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(rsa_encoding(algorithm), &random, message, &mut signature)
                    .unwrap();
                signature
            }
            PrivateKey::Ec { pair, .. } => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            PrivateKey::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            PrivateKey::Secret(secret) => {
                let hash = match algorithm {
                    "HS384" => hmac::HMAC_SHA384,
                    "HS512" => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                hmac::sign(&hmac::Key::new(hash, secret), message)
                    .as_ref()
                    .to_vec()
            }
        }
    }
}

fn curve_algorithm(curve: &str) -> &'static EcdsaSigningAlgorithm {
    match curve {
        "P-256" => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        "P-384" => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        _ => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}

fn rsa_encoding(algorithm: &str) -> &'static dyn RsaEncoding {
    let encoding: &'static RsaSignatureEncoding = match algorithm {
        "RS384" => &signature::RSA_PKCS1_SHA384,
        "RS512" => &signature::RSA_PKCS1_SHA512,
        "PS256" => &signature::RSA_PSS_SHA256,
        "PS384" => &signature::RSA_PSS_SHA384,
        "PS512" => &signature::RSA_PSS_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    };
    encoding
}
