//! The `WWW-Authenticate` header of a 401: where to sign in, and for what.

use http::header::{self, HeaderValue};
use http::request::Parts;

/// The path of a discovery document, and of the sign-in page beside it, at Azure AD B2C and Entra.
const DISCOVERY: &str = "/v2.0/.well-known/openid-configuration";
const AUTHORIZE: &str = "/oauth2/v2.0/authorize";

/// The part of the header that is the same for every request.
#[derive(Debug)]
pub(super) struct Challenge {
    suffix: String,
}

impl Challenge {
    pub(super) fn new(
        authorization_uri: Option<&str>,
        openid_config: &str,
        client_id: &str,
    ) -> Self {
        let derived = authorization_uri
            .map(str::to_owned)
            .or_else(|| beside(openid_config));
        let mut suffix = String::new();
        if let Some(uri) = derived {
            suffix.push_str(&format!(" authorization_uri=\"{}\"", quotable(&uri)));
        }
        suffix.push_str(&format!(" resource_id=\"{}\"", quotable(client_id)));
        Self { suffix }
    }

    /// The header for one request. Its parts stand apart by spaces, not by the commas of the
    /// standard: so does the platform's.
    pub(super) fn for_request(&self, request: &Parts) -> HeaderValue {
        let host = request
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let host = request
            .uri
            .authority()
            .map(http::uri::Authority::as_str)
            .or(host);
        let is_host = |host: &&str| {
            host.chars()
                .all(|c| c.is_ascii_alphanumeric() || ".:-[]".contains(c))
        };
        let realm = host.filter(is_host).unwrap_or_default();
        let value = format!("Bearer realm=\"{realm}\"{}", self.suffix);
        HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
    }
}

/// The sign-in page that lies beside a discovery document of the known layout, policy in path or
/// query.
fn beside(openid_config: &str) -> Option<String> {
    let (base, rest) = openid_config.split_once(DISCOVERY)?;
    (rest.is_empty() || rest.starts_with('?')).then(|| format!("{base}{AUTHORIZE}{rest}"))
}

/// Without what would end the quoted text.
fn quotable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() && *c != '"' && *c != '\\')
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use http::Request;

    use super::*;

    fn header(challenge: &Challenge, host: &str) -> String {
        let request = Request::get("/api/hello")
            .header("Host", host)
            .body(())
            .unwrap();
        challenge
            .for_request(&request.into_parts().0)
            .to_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn it_names_host_sign_in_page_and_application() {
        let path = Challenge::new(
            None,
            "https://login.example/tenant/policy/v2.0/.well-known/openid-configuration",
            "id",
        );
        assert_eq!(
            header(&path, "app.example:7071"),
            "Bearer realm=\"app.example:7071\" \
             authorization_uri=\"https://login.example/tenant/policy/oauth2/v2.0/authorize\" resource_id=\"id\""
        );
        let query = Challenge::new(
            None,
            "https://login.example/t/v2.0/.well-known/openid-configuration?p=B2C_1_x",
            "id",
        );
        assert!(
            header(&query, "a")
                .contains("https://login.example/t/oauth2/v2.0/authorize?p=B2C_1_x\"")
        );
        let given = Challenge::new(
            Some("https://other.example/auth"),
            "https://x/v2.0/.well-known/openid-configuration",
            "id",
        );
        assert!(header(&given, "a").contains("authorization_uri=\"https://other.example/auth\""));
        let unknown = Challenge::new(
            None,
            "https://login.example/.well-known/openid-configuration",
            "id",
        );
        assert_eq!(
            header(&unknown, "a"),
            "Bearer realm=\"a\" resource_id=\"id\""
        );
    }

    #[test]
    fn a_host_cannot_write_into_the_header() {
        let challenge = Challenge::new(None, "https://login.example/", "i\"d");
        assert_eq!(
            header(&challenge, "a\" error=\"b"),
            "Bearer realm=\"\" resource_id=\"id\""
        );
    }
}
