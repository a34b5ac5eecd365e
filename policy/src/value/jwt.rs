//! A JSON Web Token as data: what `AsJwt()` yields and `validate-jwt` leaves in a variable.
//!
//! Limit keys are read from tokens on every request, before anything is checked, so reading one is cheap: the parts
//! are decoded and looked through once to see that they are JSON objects; single claims are picked out of the text, and
//! the maps are built only for those who ask for them.

mod json;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value as Json};

/// The longest token that is read, in bytes.
const MAX_LENGTH: usize = 16 * 1024;

/// Header and claims. Nothing here checks a signature. `Debug` shows none of it: claims are personal.
#[derive(Clone)]
pub struct Jwt {
    header: Part,
    claims: Part,
}

/// One JSON object of a token.
#[derive(Clone)]
struct Part {
    /// JSON that was seen to be an object; empty if `map` was there from the start.
    text: Vec<u8>,
    map: OnceLock<Map<String, Json>>,
}

impl Part {
    fn decode(segment: &str) -> Option<Self> {
        let text = URL_SAFE_NO_PAD.decode(segment).ok()?;
        json::is_object(&text).then(|| Self { text, map: OnceLock::new() })
    }

    fn map(&self) -> &Map<String, Json> {
        self.map.get_or_init(|| serde_json::from_slice(&self.text).unwrap_or_default())
    }

    fn get(&self, name: &str) -> Option<Json> {
        match self.map.get() {
            Some(map) => map.get(name).cloned(),
            None => json::member(&self.text, name),
        }
    }

    fn text_of(&self, name: &str) -> Option<Arc<str>> {
        match self.get(name)? {
            Json::String(text) => Some(text.into()),
            _ => None,
        }
    }
}

impl From<Map<String, Json>> for Part {
    fn from(map: Map<String, Json>) -> Self {
        Self { text: Vec::new(), map: OnceLock::from(map) }
    }
}

impl Jwt {
    /// A token that somebody else decoded.
    #[must_use]
    pub fn from_parts(header: Map<String, Json>, claims: Map<String, Json>) -> Self {
        Self { header: header.into(), claims: claims.into() }
    }

    /// Reads a bare token or a whole `Bearer …` header of at most 16 KiB, without checking anything else about it.
    /// `None` if it is not a JWT in the compact form of a signature (an encrypted one is not read).
    #[must_use]
    pub fn parse_unverified(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let mut segments = token(text).split('.');
        let (header, claims, signature) = (segments.next()?, segments.next()?, segments.next()?);
        let is_signature = signature.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if segments.next().is_some() || !is_signature {
            return None;
        }
        Some(Self { header: Part::decode(header)?, claims: Part::decode(claims)? })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Map<String, Json> {
        self.header.map()
    }

    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Json> {
        self.claims.map()
    }

    /// `alg`
    pub(crate) fn algorithm(&self) -> Option<Arc<str>> {
        self.header.text_of("alg")
    }

    /// `typ`
    pub(crate) fn token_type(&self) -> Option<Arc<str>> {
        self.header.text_of("typ")
    }

    /// A claim that is one text, like `sub`.
    pub(crate) fn claim_text(&self, name: &str) -> Option<Arc<str>> {
        self.claims.text_of(name)
    }

    /// A claim that is a time, like `exp`: seconds since 1970.
    pub(crate) fn claim_time(&self, name: &str) -> Option<SystemTime> {
        let seconds = self.claims.get(name)?.as_f64()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
    }

    /// Every value of a claim as text: one for a single value, several for an array, none if it is absent.
    pub(crate) fn claim_values(&self, name: &str) -> Option<Vec<Arc<str>>> {
        self.claims.get(name).map(|claim| match claim {
            Json::Array(values) => values.iter().map(json::text).collect(),
            single => vec![json::text(&single)],
        })
    }
}

/// The token of a text that is either one or a header with one.
fn token(text: &str) -> &str {
    let text = text.trim();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        _ => text,
    }
}

impl PartialEq for Jwt {
    fn eq(&self, other: &Self) -> bool {
        self.header() == other.header() && self.claims() == other.claims()
    }
}

impl std::fmt::Debug for Jwt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jwt").finish_non_exhaustive()
    }
}
