//! The provider's two cookies.
//!
//! Cookies ignore ports, so on localhost the application, the gateway and the provider share them:
//! the names say whose they are. `SameSite=Lax` and not `Strict`, because a strict cookie is not
//! sent along when another site redirects here, which is how every sign-in begins.

use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// The sign-on session: who is signed in.
pub(crate) const SESSION: &str = "__Host-weir-identity";

/// This browser, before anybody has signed in: what forms and pending sign-ins are bound to.
pub(crate) const VISIT: &str = "__Host-weir-identity-visit";

/// Longer values are not ours.
const MAX_VALUE: usize = 128;

/// The value of a cookie of ours.
pub(crate) fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, value)| *key == name && !value.is_empty() && value.len() <= MAX_VALUE)
        .map(|(_, value)| value)
}

/// A `Set-Cookie` header. Without a lifetime the cookie ends with the browser.
pub(crate) fn set(name: &str, value: &str, lifetime: Option<Duration>) -> HeaderValue {
    let max_age = lifetime
        .map(|lifetime| format!("; Max-Age={}", lifetime.as_secs()))
        .unwrap_or_default();
    HeaderValue::from_str(&format!(
        "{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{max_age}"
    ))
    .expect("names and values are base64url")
}

/// A `Set-Cookie` header that removes the cookie.
pub(crate) fn clear(name: &str) -> HeaderValue {
    set(name, "", Some(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(
            COOKIE,
            HeaderValue::from_static("a=b; __Host-weir-identity-visit=v"),
        );
        headers.append(COOKIE, HeaderValue::from_static("__Host-weir-identity=s"));
        assert_eq!(get(&headers, SESSION), Some("s"));
        assert_eq!(get(&headers, VISIT), Some("v"));
        assert_eq!(get(&headers, "b"), None);
    }
}
