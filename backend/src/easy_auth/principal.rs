//! The caller as a function sees it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use weir_token::Jwt;

use super::identity_headers::{PRINCIPAL, PRINCIPAL_ID, PRINCIPAL_NAME, PRINCIPAL_PROVIDER};

/// How App Service Authentication names this kind of provider.
const PROVIDER: &str = "aad";
const NAME_TYPE: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
const ROLE_TYPE: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";

/// Claims that reach a function under a longer name than they have in the token.
const RENAMED: [(&str, &str); 5] = [
    (
        "sub",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
    ),
    (
        "oid",
        "http://schemas.microsoft.com/identity/claims/objectidentifier",
    ),
    ("scp", "http://schemas.microsoft.com/identity/claims/scope"),
    (
        "given_name",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
    ),
    (
        "family_name",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
    ),
];

/// Where the user's name is looked for: what identifies the person best comes first.
const NAME_CLAIMS: [&str; 5] = ["preferred_username", "upn", "email", "emails", "name"];
/// Where the user's id is looked for: the directory's object before the pairwise subject.
const ID_CLAIMS: [&str; 2] = ["oid", "sub"];

/// One claim. A claim with several values is several of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The claim's name, renamed as the platform does.
    #[serde(rename = "typ")]
    pub name: String,
    /// Its value as text.
    #[serde(rename = "val")]
    pub value: String,
}

/// Who calls a function: made from a validated token and from nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user's object id, or else the subject; empty if the token has neither.
    pub id: String,
    /// The user's sign-in or display name; empty if the token has none.
    pub name: String,
    /// All claims, in the token's order.
    pub claims: Vec<Claim>,
}

/// The JSON inside `X-MS-CLIENT-PRINCIPAL`.
#[derive(Serialize)]
struct Encoded<'a> {
    auth_typ: &'static str,
    claims: &'a [Claim],
    name_typ: &'static str,
    role_typ: &'static str,
}

impl Principal {
    /// The caller that a validated token names.
    pub(super) fn of(jwt: &Jwt) -> Self {
        let first = |names: &[&str]| {
            let values = names
                .iter()
                .filter_map(|name| jwt.claim_values(name)?.into_iter().next());
            values
                .map(|value| value.into_owned())
                .find(|value| !value.is_empty())
                .unwrap_or_default()
        };
        let claims = jwt.claims.keys().flat_map(|name| {
            let typ = RENAMED
                .iter()
                .find(|(short, _)| short == name)
                .map_or(name.as_str(), |(_, long)| long);
            let values = jwt.claim_values(name).unwrap_or_default();
            values.into_iter().map(|value| Claim {
                name: typ.to_owned(),
                value: value.into_owned(),
            })
        });
        Self {
            id: first(&ID_CLAIMS),
            name: first(&NAME_CLAIMS),
            claims: claims.collect(),
        }
    }

    /// The value of `X-MS-CLIENT-PRINCIPAL`: base64 of JSON.
    fn encoded(&self) -> String {
        let encoded = Encoded {
            auth_typ: PROVIDER,
            claims: &self.claims,
            name_typ: NAME_TYPE,
            role_typ: ROLE_TYPE,
        };
        STANDARD.encode(serde_json::to_vec(&encoded).expect("names and texts are always JSON"))
    }

    /// Sets the identity headers. One that cannot be a header value, such as a name with a line
    /// break, stays away; `X-MS-CLIENT-PRINCIPAL` has it in any case.
    pub(crate) fn write_to(&self, headers: &mut HeaderMap) {
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value)
                && !value.is_empty()
            {
                headers.insert(name, value);
            }
        };
        set(PRINCIPAL, &self.encoded());
        set(PRINCIPAL_ID, &self.id);
        set(PRINCIPAL_NAME, &self.name);
        set(PRINCIPAL_PROVIDER, PROVIDER);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Map, Value, json};

    use super::*;

    fn principal(claims: Value) -> Principal {
        let Value::Object(claims) = claims else {
            panic!("claims are an object")
        };
        Principal::of(&Jwt {
            header: Map::new(),
            claims,
        })
    }

    fn decoded(headers: &HeaderMap) -> Value {
        serde_json::from_slice(&STANDARD.decode(headers[PRINCIPAL].as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn claims_are_renamed_and_arrays_repeat() {
        let caller = principal(json!({
            "sub": "alice-id", "name": "Alice", "emails": ["alice@example.com", "a@example.com"], "scp": "Hello",
            "exp": 1_700_000_000, "given_name": "Alice", "family_name": "Liddell", "oid": "object",
        }));
        let mut headers = HeaderMap::new();
        caller.write_to(&mut headers);
        assert_eq!(headers[PRINCIPAL_ID], "object");
        assert_eq!(headers[PRINCIPAL_NAME], "alice@example.com");
        assert_eq!(headers[PRINCIPAL_PROVIDER], "aad");
        let json = decoded(&headers);
        assert_eq!(json["auth_typ"], "aad");
        let claims = json["claims"].as_array().unwrap();
        let has = |typ: &str, val: &str| claims.contains(&json!({ "typ": typ, "val": val }));
        assert!(has(
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
            "alice-id"
        ));
        assert!(has(
            "http://schemas.microsoft.com/identity/claims/objectidentifier",
            "object"
        ));
        assert!(has(
            "http://schemas.microsoft.com/identity/claims/scope",
            "Hello"
        ));
        assert!(has(
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
            "Alice"
        ));
        assert!(has(
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
            "Liddell"
        ));
        assert!(has("emails", "alice@example.com") && has("emails", "a@example.com"));
        assert!(has("name", "Alice") && has("exp", "1700000000"));
        assert_eq!(claims.len(), 9);
    }

    #[test]
    fn a_value_that_cannot_be_a_header_is_left_out_and_never_splits_one() {
        let mut headers = HeaderMap::new();
        principal(json!({ "sub": "a\r\nx-ms-client-principal-id: b", "name": "Zoë" }))
            .write_to(&mut headers);
        assert!(!headers.contains_key(PRINCIPAL_ID));
        assert_eq!(headers[PRINCIPAL_NAME].as_bytes(), "Zoë".as_bytes());
        assert_eq!(
            decoded(&headers)["claims"][0]["val"],
            "a\r\nx-ms-client-principal-id: b"
        );
    }

    #[test]
    fn a_token_without_names_has_none() {
        let mut headers = HeaderMap::new();
        principal(json!({ "emails": [], "name": "" })).write_to(&mut headers);
        assert!(!headers.contains_key(PRINCIPAL_ID) && !headers.contains_key(PRINCIPAL_NAME));
    }
}
