//! Where the gateway is reached, and where on it the document is.

use std::fmt;
use std::str::FromStr;

use http::HeaderMap;
use http::uri::{Authority, PathAndQuery, Scheme};
use url::Url;

use crate::path;

/// The URL that clients reach the gateway at, for deployments whose proxies do not tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

/// Text that is no [`PublicUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write an absolute http or https URL without user name, query or fragment, e.g. https://api.example.com"
)]
pub struct BadPublicUrl;

impl PublicUrl {
    /// Without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PublicUrl {
    type Err = BadPublicUrl;

    fn from_str(text: &str) -> Result<Self, BadPublicUrl> {
        let url = Url::parse(text).map_err(|_| BadPublicUrl)?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.has_host();
        if !plain || !matches!(url.scheme(), "http" | "https") {
            return Err(BadPublicUrl);
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A path that requests can have: in the one spelling that paths are compared in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath(String);

/// Text that is no [`RequestPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write the path of a URL without query and dot segments, e.g. /openapi.json")]
pub struct BadRequestPath;

impl RequestPath {
    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `/openapi.json`
    pub(crate) fn of_openapi() -> Self {
        Self("/openapi.json".to_owned())
    }
}

impl FromStr for RequestPath {
    type Err = BadRequestPath;

    fn from_str(text: &str) -> Result<Self, BadRequestPath> {
        let path = path::normalise(text).map_err(|_| BadRequestPath)?;
        let usable = text
            .parse::<PathAndQuery>()
            .is_ok_and(|parsed| parsed.path() == text);
        if !usable || !text.starts_with('/') {
            return Err(BadRequestPath);
        }
        Ok(Self(path.into_owned()))
    }
}

/// The URL a request reached the gateway at, without a slash at its end; `/` if it does not say.
///
/// `X-Forwarded-Host` is there only if a trusted proxy sent it. Of several values the first is the
/// client's side.
pub(super) fn of_request(
    headers: &HeaderMap,
    scheme: &Scheme,
    asked: Option<&Authority>,
) -> String {
    let host = headers
        .get("x-forwarded-host")
        .and_then(|hosts| hosts.to_str().ok()?.split(',').next())
        .and_then(|host| host.trim().parse::<Authority>().ok());
    let Some(host) = host.as_ref().or(asked) else {
        return "/".to_owned();
    };
    let host = host.as_str().rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn public_urls() {
        for (text, url) in [
            ("https://api.example.com", "https://api.example.com"),
            (
                "https://API.example.com:443/v1/",
                "https://api.example.com/v1",
            ),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().as_str(), url);
        }
        for text in [
            "",
            "/",
            "api.example.com",
            "ftp://a",
            "https://u:p@a",
            "https://a?x",
            "https://a#x",
            "mailto:a@b",
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(BadPublicUrl), "{text}");
        }
    }

    #[test]
    fn request_paths() {
        assert_eq!(
            "/docs/%6Fpenapi.json"
                .parse::<RequestPath>()
                .unwrap()
                .as_str(),
            "/docs/openapi.json"
        );
        for text in ["", "openapi.json", "/a?b", "/a/../b", "//a", "/a#b", "/a b"] {
            assert_eq!(text.parse::<RequestPath>(), Err(BadRequestPath), "{text}");
        }
    }

    #[test]
    fn the_url_is_that_of_the_clients_side() {
        let of = |lines: &[(&'static str, &str)], asked: Option<&str>| {
            let lines = lines
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let headers = lines.collect();
            let scheme = weir_serve::forwarded_scheme(&headers).unwrap_or(Scheme::HTTP);
            of_request(
                &headers,
                &scheme,
                asked.map(|host| host.parse().unwrap()).as_ref(),
            )
        };
        assert_eq!(of(&[], Some("localhost:8080")), "http://localhost:8080");
        assert_eq!(of(&[], Some("user:pw@localhost")), "http://localhost");
        assert_eq!(of(&[], None), "/");
        let behind = [
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-host", "api.example.com, inner"),
        ];
        assert_eq!(
            of(&behind, Some("10.0.0.1:8080")),
            "https://api.example.com"
        );
        assert_eq!(
            of(&behind[..1], Some("api.example.com")),
            "https://api.example.com"
        );
        assert_eq!(
            of(&[("x-forwarded-host", "a b/\"")], Some("localhost")),
            "http://localhost"
        );
        assert_eq!(
            of(&[("x-forwarded-proto", "javascript")], Some("localhost")),
            "http://localhost"
        );
    }
}
