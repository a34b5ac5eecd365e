//! A token that may be judged: well formed, with a header that says nothing we do not understand.

use serde_json::{Map, Value};
use weir_jwt::Jwt;

use crate::TokenError;
use crate::algorithm::Algorithm;

/// A token whose parts are well formed; nothing in it is verified.
pub(crate) struct Compact<'a> {
    header: Map<String, Value>,
    /// The algorithm the header claims; `None` is the literal `none`.
    pub(crate) algorithm: Option<Algorithm>,
    /// The bytes under the signature.
    pub(crate) signed: &'a str,
    /// The decoded signature; empty exactly if `algorithm` is `None`.
    pub(crate) signature: Vec<u8>,
    payload: &'a str,
}

impl<'a> Compact<'a> {
    /// Takes `token` apart and looks at its header, but not at the claims.
    pub(crate) fn parse(token: &'a str) -> Result<Self, TokenError> {
        let weir_jwt::Compact {
            header,
            payload,
            signed,
            signature,
        } = weir_jwt::Compact::read(token)?;
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
        match (algorithm, signature.is_empty()) {
            (Some(_), true) => return Err(TokenError::SignatureInvalid),
            (None, false) => {
                return Err(TokenError::Malformed("it has a signature but no algorithm"));
            }
            _ => {}
        }
        Ok(Self {
            header,
            algorithm,
            signed,
            signature,
            payload,
        })
    }

    /// `kid`.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// Decodes the claims. Call it after the signature has been verified.
    pub(crate) fn into_jwt(self) -> Result<Jwt, TokenError> {
        let Self {
            header,
            signed,
            signature,
            payload,
            ..
        } = self;
        Ok(weir_jwt::Compact {
            header,
            payload,
            signed,
            signature,
        }
        .into_jwt()?)
    }
}
