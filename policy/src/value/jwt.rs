//! A JSON Web Token as data: what `AsJwt()` yields and `validate-jwt` leaves in a variable.

use serde_json::{Map, Value as Json};

/// Header and claims. Nothing here checks a signature. `Debug` shows none of it: claims are personal.
#[derive(Clone, PartialEq)]
pub struct Jwt {
    header: Map<String, Json>,
    claims: Map<String, Json>,
}

impl Jwt {
    /// A token that somebody else decoded.
    #[must_use]
    pub fn from_parts(header: Map<String, Json>, claims: Map<String, Json>) -> Self {
        Self { header, claims }
    }

    /// Reads a bare token or a whole `Bearer …` header of at most 16 KiB, without checking anything else about it.
    /// `None` if it is not a JWT.
    #[must_use]
    pub fn parse_unverified(text: &str) -> Option<Self> {
        let _ = text;
        todo!()
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Map<String, Json> {
        &self.header
    }

    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Json> {
        &self.claims
    }
}

impl std::fmt::Debug for Jwt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jwt").finish_non_exhaustive()
    }
}
