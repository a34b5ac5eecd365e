//! What a literal value may be. Each rule gives the value, or what it must be, to follow "must be".

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use url::Url;

use crate::artifacts::{check_base_url, is_thumbprint};

/// What a rule gives.
pub(super) type Checked<T> = Result<T, String>;

/// Any text.
pub(super) fn text(text: &str) -> Checked<String> {
    Ok(text.to_owned())
}

/// Any text, where an expression may yield null.
pub(super) fn nullable_text(text: &str) -> Checked<Option<String>> {
    Ok(Some(text.to_owned()))
}

/// A text that is not blank.
pub(super) fn name(text: &str) -> Checked<Arc<str>> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        Err("a name".to_owned())
    } else {
        Ok(trimmed.into())
    }
}

/// The same, as a `String`.
pub(super) fn some_text(text: &str) -> Checked<String> {
    if text.trim().is_empty() {
        Err("a text that is not empty".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// `true` or `false`.
pub(super) fn boolean(text: &str) -> Checked<bool> {
    match text.trim() {
        t if t.eq_ignore_ascii_case("true") => Ok(true),
        t if t.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err("`true` or `false`".to_owned()),
    }
}

/// A whole number within bounds.
pub(super) fn number(range: RangeInclusive<u64>) -> impl Fn(&str) -> Checked<u64> {
    move |text| {
        let digits = text.trim();
        let value = digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse::<u64>().ok())
            .flatten();
        value.filter(|value| range.contains(value)).ok_or_else(|| {
            match (*range.start(), *range.end()) {
                (start, u64::MAX) => format!("a whole number, at least {start}"),
                (start, end) => format!("a whole number from {start} to {end}"),
            }
        })
    }
}

/// The status of a final response.
pub(super) fn status(text: &str) -> Checked<u16> {
    let value = number(200..=599)(text).map_err(|_| "a status code from 200 to 599".to_owned())?;
    u16::try_from(value).map_err(|error| error.to_string())
}

/// The reason phrase of a response.
pub(super) fn reason(text: &str) -> Checked<String> {
    header_text(text)
}

/// A header's name.
pub(super) fn header_name(text: &str) -> Checked<HeaderName> {
    text.trim()
        .parse()
        .map_err(|_| "the name of a header".to_owned())
}

/// A header's name, as text.
pub(super) fn header_name_text(text: &str) -> Checked<String> {
    header_name(text).map(|_| text.trim().to_owned())
}

/// What may stand in a header.
pub(super) fn header_text(text: &str) -> Checked<String> {
    match HeaderValue::from_str(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("text for a header: one line without control characters".to_owned()),
    }
}

/// The same, where an expression may yield null.
pub(super) fn nullable_header_text(text: &str) -> Checked<Option<String>> {
    header_text(text).map(Some)
}

/// A method's name, upper case.
pub(super) fn method(text: &str) -> Checked<Method> {
    let upper = text.to_ascii_uppercase();
    Method::from_bytes(upper.as_bytes()).map_err(|_| "the name of a method, e.g. `GET`".to_owned())
}

/// One of several words, without regard to case; the word as listed.
pub(super) fn one_of(words: &'static [&'static str]) -> impl Fn(&str) -> Checked<String> {
    move |text| {
        let found = words
            .iter()
            .find(|word| word.eq_ignore_ascii_case(text.trim()));
        found
            .map(|word| (*word).to_owned())
            .ok_or_else(|| format!("one of {}", words.join(", ")))
    }
}

/// An IP address.
pub(super) fn address(text: &str) -> Checked<IpAddr> {
    text.trim().parse().map_err(|_| "an IP address".to_owned())
}

/// An IP address, as text.
pub(super) fn address_text(text: &str) -> Checked<String> {
    address(text).map(|address| address.to_string())
}

/// The base URL of a backend.
pub(super) fn base_url(text: &str) -> Checked<String> {
    match check_base_url(text.trim()) {
        Ok(_) => Ok(text.trim().to_owned()),
        Err(why) => Err(format!(
            "a base URL such as `https://example.com/api` ({why})"
        )),
    }
}

/// The SHA-1 of a certificate.
pub(super) fn thumbprint(text: &str) -> Checked<String> {
    if is_thumbprint(text) {
        Ok(text.trim().to_owned())
    } else {
        Err("the 40 hexadecimal digits of a certificate's SHA-1".to_owned())
    }
}

/// The URL of a discovery document.
pub(super) fn discovery_url(text: &str) -> Checked<String> {
    let usable = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
    };
    match Url::parse(text.trim()).ok().filter(usable) {
        Some(_) => Ok(text.trim().to_owned()),
        None => Err(
            "the `http` or `https` URL of a discovery document, without user name and password"
                .to_owned(),
        ),
    }
}

/// An origin as a browser sends it: lower case, without default port and trailing slash.
pub(super) fn origin(text: &str) -> Checked<String> {
    let expected = || {
        "an origin: scheme, host and port only, without wildcards, e.g. `https://example.com:8443`"
            .to_owned()
    };
    let url = Url::parse(text).map_err(|_| expected())?;
    let host = url
        .host_str()
        .filter(|host| !host.is_empty() && !host.contains('*'))
        .ok_or_else(expected)?;
    let bare = url.username().is_empty()
        && url.password().is_none()
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none();
    if !bare {
        return Err(expected());
    }
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    Ok(format!("{}://{}{port}", url.scheme(), host.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_normalised() {
        for (written, sent) in [
            ("http://localhost:3000", "http://localhost:3000"),
            ("HTTPS://Example.COM/", "https://example.com"),
            ("https://example.com:443", "https://example.com"),
            ("http://example.com:443", "http://example.com:443"),
            ("http://[::1]:80/", "http://[::1]"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("capacitor://LocalHost", "capacitor://localhost"),
        ] {
            assert_eq!(origin(written).as_deref(), Ok(sent));
        }
        for bad in [
            "example.com",
            "https://*.example.com",
            "https://a/b",
            "https://a?b",
            "https://u@a",
            "null",
            "",
            "file:///",
            "http://",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_are_plain_digits_within_bounds() {
        assert_eq!(number(1..=300)(" 300 "), Ok(300));
        for bad in [
            "",
            "0",
            "301",
            "-1",
            "+1",
            "1.0",
            "1e2",
            "99999999999999999999",
        ] {
            assert_eq!(
                number(1..=300)(bad),
                Err("a whole number from 1 to 300".to_owned()),
                "{bad}"
            );
        }
    }

    #[test]
    fn words_ignore_case() {
        assert_eq!(boolean(" True"), Ok(true));
        assert_eq!(
            one_of(&["allow", "forbid"])("Forbid"),
            Ok("forbid".to_owned())
        );
        assert_eq!(
            one_of(&["allow", "forbid"])("deny"),
            Err("one of allow, forbid".to_owned())
        );
        assert_eq!(method("get"), Ok(Method::GET));
        assert!(method("G T").is_err());
    }
}
