//! The headers that tell a function who the user is, and keeping everybody else from sending them.

use http::HeaderName;
use http::header::HeaderMap;

pub(super) const PRINCIPAL: HeaderName = HeaderName::from_static("x-ms-client-principal");
pub(super) const PRINCIPAL_ID: HeaderName = HeaderName::from_static("x-ms-client-principal-id");
pub(super) const PRINCIPAL_NAME: HeaderName = HeaderName::from_static("x-ms-client-principal-name");
pub(super) const PRINCIPAL_PROVIDER: HeaderName =
    HeaderName::from_static("x-ms-client-principal-idp");

const RESERVED: [&str; 2] = ["x-ms-client-principal", "x-ms-token-"];

/// Removes what only the host may say. Underscores count as hyphens: a function that reads its
/// headers from CGI-like variables cannot tell them apart.
pub(crate) fn strip_identity(headers: &mut HeaderMap) {
    let reserved: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_reserved(name.as_str()))
        .cloned()
        .collect();
    for name in reserved {
        headers.remove(name);
    }
}

/// `name` is in lower case, as all names in a `HeaderMap` are.
fn is_reserved(name: &str) -> bool {
    // Almost no header passes this, so almost none is copied.
    name.starts_with('x')
        && RESERVED
            .iter()
            .any(|prefix| name.replace('_', "-").starts_with(prefix))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_spelling_is_removed_and_nothing_else() {
        let mut headers = HeaderMap::new();
        for name in [
            "X-MS-CLIENT-PRINCIPAL",
            "x-Ms-cLient-Principal-Id",
            "X_MS_CLIENT_PRINCIPAL",
            "x-ms_client-principal_name",
            "x-ms-client-principal-anything",
            "X-MS-TOKEN-AAD-ID-TOKEN",
            "x_ms_token_aad_access_token",
        ] {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                "spoofed".parse().unwrap(),
            );
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                "again".parse().unwrap(),
            );
        }
        for name in [
            "authorization",
            "x-ms-request-id",
            "x-ms-tokens",
            "x-client-principal",
            "ax-ms-client-principal",
        ] {
            headers.append(name, "kept".parse().unwrap());
        }
        strip_identity(&mut headers);
        assert_eq!(headers.len(), 5);
        assert!(headers.values().all(|value| value == "kept"));
    }
}
