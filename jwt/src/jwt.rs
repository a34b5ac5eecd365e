//! What a token says: its header and claims, with accessors for the registered claims.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use crate::{Compact, Malformed};

/// A token's header and claims. That it is genuine is only known of what a validator gave. `Debug`
/// shows none of it: claims are personal.
#[derive(Clone, PartialEq)]
pub struct Jwt {
    /// The protected header.
    pub header: Map<String, Value>,
    /// The claims, in the token's order.
    pub claims: Map<String, Value>,
}

impl Jwt {
    /// Reads a token that stands without a scheme; nothing is verified.
    ///
    /// # Errors
    /// Why it is not a token.
    pub fn read(token: &str) -> Result<Self, Malformed> {
        Compact::read(token)?.into_jwt()
    }

    /// `alg` of the header.
    #[must_use]
    pub fn algorithm(&self) -> Option<&str> {
        text(&self.header, "alg")
    }

    /// `typ` of the header.
    #[must_use]
    pub fn token_type(&self) -> Option<&str> {
        text(&self.header, "typ")
    }

    /// `kid` of the header.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        text(&self.header, "kid")
    }

    /// `jti`.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        text(&self.claims, "jti")
    }

    /// `sub`.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        text(&self.claims, "sub")
    }

    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        text(&self.claims, "iss")
    }

    /// `aud`: the strings of an array, or the one string; empty if absent.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        elements(self.claims.get("aud"))
            .iter()
            .filter_map(Value::as_str)
    }

    /// `exp`; `None` if absent or beyond what a clock can show.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.time("exp")
    }

    /// `nbf`; `None` if absent or beyond what a clock can show.
    #[must_use]
    pub fn not_before(&self) -> Option<SystemTime> {
        self.time("nbf")
    }

    /// `iat`; `None` if absent or beyond what a clock can show.
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.time("iat")
    }

    /// The values of one claim as text: the elements of an array, else one value; `None` if the
    /// claim is absent. Numbers, booleans and objects appear as their JSON text.
    #[must_use]
    pub fn claim_values(&self, name: &str) -> Option<Vec<Cow<'_, str>>> {
        let value = self.claims.get(name)?;
        Some(elements(Some(value)).iter().map(value_text).collect())
    }

    fn time(&self, name: &str) -> Option<SystemTime> {
        let seconds = self.claims.get(name)?.as_f64()?;
        let distance = Duration::try_from_secs_f64(seconds.abs()).ok()?;
        if seconds < 0.0 {
            SystemTime::UNIX_EPOCH.checked_sub(distance)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(distance)
        }
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").finish_non_exhaustive()
    }
}

fn text<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    map.get(name)?.as_str()
}

/// The elements of an array, or the value itself as the only element, so that one loop reads both
/// forms of a claim.
fn elements(value: Option<&Value>) -> &[Value] {
    match value {
        None => &[],
        Some(Value::Array(values)) => values,
        Some(value) => std::slice::from_ref(value),
    }
}

/// A JSON value as the text required claims are compared with.
fn value_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn debug_output_shows_nothing() {
        assert_eq!(
            format!("{:?}", jwt(serde_json::json!({"sub": "alice"}))),
            "Jwt { .. }"
        );
    }

    fn jwt(claims: Value) -> Jwt {
        let Value::Object(claims) = claims else {
            panic!("claims are an object")
        };
        Jwt {
            header: Map::new(),
            claims,
        }
    }

    #[test]
    fn audience_is_read_from_a_string_and_from_an_array() {
        assert_eq!(
            jwt(serde_json::json!({"aud": "a"}))
                .audiences()
                .collect::<Vec<_>>(),
            ["a"]
        );
        assert_eq!(
            jwt(serde_json::json!({"aud": ["a", 1, "b"]}))
                .audiences()
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert_eq!(jwt(serde_json::json!({})).audiences().count(), 0);
    }

    #[test]
    fn times_keep_fractions_and_never_overflow() {
        let token = jwt(serde_json::json!({"exp": 1.5, "nbf": 1e300, "iat": -1}));
        assert_eq!(
            token.expires(),
            Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1500))
        );
        assert_eq!(token.not_before(), None);
        assert_eq!(
            token.issued_at(),
            Some(SystemTime::UNIX_EPOCH - Duration::from_secs(1))
        );
    }

    #[test]
    fn claim_values_are_text_of_every_json_type() {
        let token = jwt(serde_json::json!({"n": 1, "b": true, "l": ["x", 2], "o": {"k": null}}));
        assert_eq!(token.claim_values("n").unwrap(), ["1"]);
        assert_eq!(token.claim_values("b").unwrap(), ["true"]);
        assert_eq!(token.claim_values("l").unwrap(), ["x", "2"]);
        assert_eq!(token.claim_values("o").unwrap(), [r#"{"k":null}"#]);
        assert_eq!(token.claim_values("absent"), None);
    }
}
