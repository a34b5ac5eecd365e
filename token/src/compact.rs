//! Taking a compact token (RFC 7515 section 7.1) apart without trusting any of it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::{TokenError, object};

/// The longest encoded header, in bytes. Headers hold `alg`, `kid`, perhaps a certificate thumbprint; the header is
/// parsed before the signature is known to be good, so it gets less room than the claims.
const MAX_HEADER: usize = 8 * 1024;

/// A token whose parts are well formed; nothing in it is verified.
#[derive(Debug)]
pub(crate) struct Compact<'a> {
    /// The protected header.
    pub(crate) header: Map<String, Value>,
    /// The algorithm the header claims; `None` is the literal `none`.
    pub(crate) algorithm: Option<Algorithm>,
    /// The bytes under the signature.
    pub(crate) signed: &'a str,
    /// The decoded signature; empty exactly if `algorithm` is `None`.
    pub(crate) signature: Vec<u8>,
    payload: &'a str,
}

impl<'a> Compact<'a> {
    /// Splits `token` and decodes header and signature, but not the claims.
    pub(crate) fn parse(token: &'a str) -> Result<Self, TokenError> {
        let (signed, payload, header, signature) = split(token)?;
        if header.len() > MAX_HEADER {
            return Err(TokenError::Malformed("the header is too long"));
        }
        let header = decode(header, "the header is not base64url")?;
        let header = object::parse(&header)
            .map_err(|_| TokenError::Malformed("the header is not a JSON object with distinct names"))?;
        // `crit` lists extensions a reader must understand or refuse the token; we understand none.
        if header.contains_key("crit") {
            return Err(TokenError::Malformed("it uses critical header extensions"));
        }
        if header.get("kid").is_some_and(|kid| !kid.is_string()) {
            return Err(TokenError::Malformed("kid is not a string"));
        }
        let algorithm = match header.get("alg").and_then(Value::as_str) {
            None => return Err(TokenError::Malformed("the header has no alg")),
            Some("none") => None,
            Some(name) => Some(Algorithm::from_name(name).ok_or(TokenError::AlgorithmNotAllowed)?),
        };
        let signature = decode(signature, "the signature is not base64url")?;
        match (algorithm, signature.is_empty()) {
            (Some(_), true) => return Err(TokenError::SignatureInvalid),
            (None, false) => return Err(TokenError::Malformed("it has a signature but no algorithm")),
            _ => {}
        }
        Ok(Self { header, algorithm, signed, signature, payload })
    }

    /// `kid`.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// Decodes the claims. Call it after the signature has been verified.
    pub(crate) fn claims(&self) -> Result<Map<String, Value>, TokenError> {
        let claims = decode(self.payload, "the claims are not base64url")?;
        object::parse(&claims)
            .map_err(|_| TokenError::Malformed("the claims are not a JSON object with distinct names"))
    }
}

/// `header.payload`, `payload`, `header`, `signature` of exactly three parts.
fn split(token: &str) -> Result<(&str, &str, &str, &str), TokenError> {
    match token.bytes().filter(|byte| *byte == b'.').count() {
        2 => {}
        4 => return Err(TokenError::Malformed("encrypted tokens are not supported")),
        _ => return Err(TokenError::Malformed("it does not have three parts")),
    }
    let parts = token.rsplit_once('.').and_then(|(signed, signature)| {
        let (header, payload) = signed.split_once('.')?;
        Some((signed, payload, header, signature))
    });
    parts.ok_or(TokenError::Malformed("it does not have three parts"))
}

/// Strict base64url: no padding, no white space, no stray bits at the end, so that a token has one spelling only.
fn decode(part: &str, complaint: &'static str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed(complaint))
}
