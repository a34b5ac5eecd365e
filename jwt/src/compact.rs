//! Taking a compact token (RFC 7515 section 7.1) apart without trusting any of it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::{Jwt, Malformed, object};

/// The longest token that is read, in bytes, without scheme and blanks: more than the header
/// section that most HTTP servers accept at all.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The longest encoded header, in bytes. Headers hold `alg`, `kid`, perhaps a certificate
/// thumbprint; the header is parsed before the signature is known to be good, so it gets less room
/// than the claims.
const MAX_HEADER_BYTES: usize = 8 * 1024;

/// A token whose parts are well formed, the claims not looked at yet.
#[derive(Clone)]
pub struct Compact<'t> {
    /// The protected header.
    pub header: Map<String, Value>,
    /// The claims, still encoded.
    pub payload: &'t str,
    /// The text under the signature.
    pub signed: &'t str,
    /// The decoded signature; empty if the token has none.
    pub signature: Vec<u8>,
}

impl<'t> Compact<'t> {
    /// Splits `token`, which stands without a scheme, and decodes header and signature.
    ///
    /// # Errors
    /// Why it is not a token.
    pub fn read(token: &'t str) -> Result<Self, Malformed> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Malformed::TooLong);
        }
        let (signed, payload, header, signature) = split(token)?;
        if header.len() > MAX_HEADER_BYTES {
            return Err(Malformed::HeaderTooLong);
        }
        let header = decode(header).ok_or(Malformed::HeaderEncoding)?;
        let header = object::parse(&header).map_err(|_| Malformed::Header)?;
        let signature = decode(signature).ok_or(Malformed::SignatureEncoding)?;
        Ok(Self {
            header,
            payload,
            signed,
            signature,
        })
    }

    /// Decodes the claims. Whoever checks the signature does so before.
    ///
    /// # Errors
    /// If they are not one JSON object with distinct names.
    pub fn into_jwt(self) -> Result<Jwt, Malformed> {
        let claims = decode(self.payload).ok_or(Malformed::ClaimsEncoding)?;
        let claims = object::parse(&claims).map_err(|_| Malformed::Claims)?;
        Ok(Jwt {
            header: self.header,
            claims,
        })
    }
}

/// `header.payload`, `payload`, `header`, `signature` of exactly three parts.
fn split(token: &str) -> Result<(&str, &str, &str, &str), Malformed> {
    match token.bytes().filter(|byte| *byte == b'.').count() {
        2 => {}
        4 => return Err(Malformed::Encrypted),
        _ => return Err(Malformed::Parts),
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Malformed::Parts)?;
    let (header, payload) = signed.split_once('.').ok_or(Malformed::Parts)?;
    Ok((signed, payload, header, signature))
}

/// Strict base64url: no padding, no white space, no stray bits at the end, so that a token has one
/// spelling only.
fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn encode(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    fn token(claims: &str) -> String {
        format!(
            "{}.{}.{}",
            encode(r#"{"alg":"HS256"}"#),
            encode(claims),
            encode("signature")
        )
    }

    fn refusal(token: &str) -> Malformed {
        Jwt::read(token).unwrap_err()
    }

    #[test]
    fn a_token_is_taken_apart() {
        let token = token(r#"{"sub":"alice"}"#);
        let parts = Compact::read(&token).unwrap();
        assert_eq!(parts.header["alg"], "HS256");
        assert_eq!(parts.signature, b"signature");
        assert_eq!(parts.signed, token.rsplit_once('.').unwrap().0);
        assert_eq!(parts.into_jwt().unwrap().subject(), Some("alice"));
        assert!(
            Jwt::read("e30.e30.").is_ok(),
            "an unsigned token is a token"
        );
    }

    #[test]
    fn what_is_no_token_says_why() {
        for (text, why) in [
            ("", Malformed::Parts),
            (".", Malformed::Parts),
            ("e30.e30", Malformed::Parts),
            ("e30.e30.x.x", Malformed::Parts),
            ("a.b.c.d.e", Malformed::Encrypted),
            ("..", Malformed::Header),
            ("!!.e30.", Malformed::HeaderEncoding),
            ("e30=.e30.", Malformed::HeaderEncoding),
            ("e31.e30.", Malformed::HeaderEncoding),
            ("e30.e30.!", Malformed::SignatureEncoding),
            ("e30.e3 0.", Malformed::ClaimsEncoding),
            ("Bearer e30.e30.", Malformed::HeaderEncoding),
        ] {
            assert_eq!(refusal(text), why, "{text:?}");
        }
        for claims in ["[]", "{} {}", "1", "", r#"{"sub":"a","sub":"b"}"#] {
            assert_eq!(refusal(&token(claims)), Malformed::Claims, "{claims}");
        }
        let doubled = format!("{}.e30.", encode(r#"{"alg":"none","alg":"HS256"}"#));
        assert_eq!(refusal(&doubled), Malformed::Header);
    }

    #[test]
    fn the_bounds_are_exact() {
        let exactly = |bytes: usize| format!("e30.e30.{}", "A".repeat(bytes - "e30.e30.".len()));
        assert!(Jwt::read(&exactly(MAX_TOKEN_BYTES)).is_ok());
        assert_eq!(refusal(&exactly(MAX_TOKEN_BYTES + 4)), Malformed::TooLong);
        // `{"x":"AA…"}` of 6,144 bytes is 8,192 in base64url.
        let header = |bytes: usize| {
            format!(
                "{}.e30.",
                encode(&format!(r#"{{"x":"{}"}}"#, "A".repeat(bytes - 8)))
            )
        };
        assert!(Jwt::read(&header(6_144)).is_ok());
        assert_eq!(refusal(&header(6_145)), Malformed::HeaderTooLong);
    }
}
