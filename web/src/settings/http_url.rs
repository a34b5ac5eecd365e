//! Addresses in settings: absolute, http or https, of a host that a content security policy can
//! name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// An http or https URL. Keeps the text as it was written, because redirect URIs are compared as
/// text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpUrl {
    text: String,
    origin: String,
    has_query: bool,
}

impl HttpUrl {
    /// Scheme, host and port, the latter only if it is not the scheme's own.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether it has a `?`.
    pub(crate) fn has_query(&self) -> bool {
        self.has_query
    }
}

/// What [`HttpUrl`] cannot be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} {problem}")]
pub struct InvalidUrl {
    text: String,
    problem: String,
}

impl FromStr for HttpUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let check = || {
            let url = Url::parse(text).map_err(|error| {
                format!(
                    "is no absolute URL ({error}); write one like https://api.example.com/hello"
                )
            })?;
            problem(&url).map_or(Ok(url), |problem| Err(problem.to_owned()))
        };
        let url = check().map_err(|problem| InvalidUrl {
            text: text.to_owned(),
            problem,
        })?;
        let origin = url.origin().ascii_serialization();
        Ok(Self {
            text: text.to_owned(),
            origin,
            has_query: url.query().is_some(),
        })
    }
}

fn problem(url: &Url) -> Option<&'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        return Some("is not for browsers to call; write http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("has a user or a password, which everybody could read; leave them out");
    }
    if url.fragment().is_some() {
        return Some("has a # part, which is never sent; leave it out");
    }
    match url.host() {
        Some(Host::Ipv6(_)) => Some(
            "names its host by IPv6 address, which a content security policy cannot; use a name",
        ),
        // What a policy gives a meaning (`;`, `*`, quotes, commas) must not get into one.
        Some(Host::Domain(name))
            if !name
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c)) =>
        {
            Some("has a host that is no name; use letters, digits, - and .")
        }
        _ => None,
    }
}

impl TryFrom<String> for HttpUrl {
    type Error = InvalidUrl;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HttpUrl> for String {
    fn from(url: HttpUrl) -> Self {
        url.text
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_kept_and_the_origin_is_canonical() {
        let url: HttpUrl = "HTTPS://API.example.com:443".parse().unwrap();
        assert_eq!(
            (url.to_string().as_str(), url.origin()),
            ("HTTPS://API.example.com:443", "https://api.example.com")
        );
        let url: HttpUrl = "http://localhost:8080/hello?x=1".parse().unwrap();
        assert_eq!(url.origin(), "http://localhost:8080");
        assert!(url.has_query());
        let url: HttpUrl = "http://bücher.example/".parse().unwrap();
        assert_eq!(url.origin(), "http://xn--bcher-kva.example");
        assert!(
            "http://func_app:7071/".parse::<HttpUrl>().is_ok()
                && "http://127.0.0.1:1".parse::<HttpUrl>().is_ok()
        );
    }

    #[test]
    fn what_browsers_cannot_call_or_policies_cannot_name_is_refused() {
        for (text, expected) in [
            ("", "is no absolute URL"),
            ("/hello", "is no absolute URL"),
            ("localhost:8080/hello", "http:// or https://"),
            ("ftp://example.com", "http:// or https://"),
            ("javascript:alert(1)", "http:// or https://"),
            ("https://me:secret@example.com", "has a user or a password"),
            ("https://example.com/#top", "has a # part"),
            ("http://[::1]:8080/", "IPv6"),
            ("https://*", "no name"),
            ("https://*.example.com/", "no name"),
            ("https://a;script-src", "no name"),
            ("https://a,b/", "no name"),
            ("https://'self'/", "no name"),
        ] {
            let error = text.parse::<HttpUrl>().unwrap_err().to_string();
            assert!(
                error.contains(expected) && error.contains(text),
                "{text:?}: {error}"
            );
        }
    }
}
