//! Which headers cross the gateway.
//!
//! [`clean_request`] runs before any policy: what a client may not say (hop-by-hop headers and what
//! its `Connection` names, identity headers that only a platform sets, other people's words for the
//! client's address) is gone before an expression can see it, and a policy may still set such a
//! header on purpose. [`to_backend`] adds what a proxy has to say, after that removal, so that a
//! client cannot have it removed again.

use std::net::IpAddr;

use bytes::{BufMut, BytesMut};
use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::Scheme;

use crate::client_address::X_FORWARDED_FOR;

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Headers that are about one connection (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Headers with which somebody else once said who the client is, or what it asked for.
const SPOOFABLE: [&str; 9] = [
    "forwarded",
    "x-real-ip",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-azure-clientip",
    "x-azure-socketip",
    "cf-connecting-ip",
    "fastly-client-ip",
];
/// Families of such headers; the first two are how a function platform hands over a verified
/// identity.
const SPOOFABLE_PREFIXES: [&str; 4] = [
    "x-ms-client-principal",
    "x-ms-token-",
    "x-original-",
    "x-rewrite-url",
];

/// Cookies of the identity provider: on `localhost` cookies do not keep to a port, so the browser
/// sends them here too.
const IDENTITY_COOKIES: [&[u8]; 2] = [b"__Host-weir-identity", b"weir-identity"];

/// Removes what a client may not say. A `trusted` peer keeps its `X-Forwarded-*`.
pub(crate) fn clean_request(headers: &mut HeaderMap, trusted: bool) {
    strip_hop_by_hop(headers);
    let mut unwanted: Vec<HeaderName> = Vec::new();
    for name in headers.keys() {
        if is_spoofable(name.as_str(), trusted) {
            unwanted.push(name.clone());
        }
    }
    for name in unwanted {
        headers.remove(name);
    }
}

/// Removes the headers of the connection to a backend from its response.
pub(crate) fn clean_response(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
}

/// What the receiving side knows of a request, for the headers that tell the backend.
pub(crate) struct Received<'a> {
    /// The TCP peer, canonical.
    pub(crate) peer: IpAddr,
    /// What the client used, for a request that does not say it yet.
    pub(crate) scheme: &'a Scheme,
    /// The host that was asked for.
    pub(crate) host: Option<&'a HeaderValue>,
}

/// Completes the headers for a backend whose authority is `host`.
pub(crate) fn to_backend(headers: &mut HeaderMap, received: &Received<'_>, host: &HeaderValue) {
    // The length is the body's: hyper writes it, and one source of truth leaves no room for
    // smuggling.
    headers.remove(CONTENT_LENGTH);
    // The gateway itself answers `Expect` by reading the body.
    headers.remove(EXPECT);
    headers.insert(HOST, host.clone());
    clean_cookies(headers);
    append_forwarded_for(headers, received.peer);
    if !headers.contains_key(&X_FORWARDED_PROTO) {
        let https = *received.scheme == Scheme::HTTPS;
        let scheme = HeaderValue::from_static(if https { "https" } else { "http" });
        headers.insert(X_FORWARDED_PROTO, scheme);
    }
    if !headers.contains_key(&X_FORWARDED_HOST)
        && let Some(host) = received.host
    {
        headers.insert(X_FORWARDED_HOST, host.clone());
    }
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|line| line.as_bytes().split(|b| *b == b','))
            .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Some servers hand headers to programs with `-` turned into `_`, so both spellings are one name
/// to them.
fn is_spoofable(name: &str, trusted: bool) -> bool {
    if !matches!(name.as_bytes().first(), Some(b'x' | b'f' | b't' | b'c')) {
        return false;
    }
    SPOOFABLE
        .iter()
        .any(|known| name.len() == known.len() && starts_with(name, known))
        || SPOOFABLE_PREFIXES
            .iter()
            .any(|prefix| starts_with(name, prefix))
        || (starts_with(name, "x-forwarded-") && (!trusted || name.contains('_')))
}

fn starts_with(name: &str, prefix: &str) -> bool {
    name.len() >= prefix.len()
        && name
            .bytes()
            .zip(prefix.bytes())
            .all(|(a, b)| a == b || (a == b'_' && b == b'-'))
}

fn append_forwarded_for(headers: &mut HeaderMap, peer: IpAddr) {
    let mut chain = BytesMut::with_capacity(64);
    for line in headers.get_all(X_FORWARDED_FOR) {
        chain.put_slice(line.as_bytes());
        chain.put_slice(b", ");
    }
    chain.put_slice(peer.to_string().as_bytes());
    let value = HeaderValue::from_maybe_shared(chain.freeze())
        .expect("valid header values, commas and an address");
    headers.insert(X_FORWARDED_FOR, value);
}

/// One `Cookie` line (HTTP/2 may split it, HTTP/1 must not: RFC 9113, section 8.2.3) without the
/// identity provider's.
fn clean_cookies(headers: &mut HeaderMap) {
    let lines = headers.get_all(COOKIE).iter().count();
    let is_identity = |cookie: &[u8]| {
        IDENTITY_COOKIES
            .iter()
            .any(|prefix| cookie.starts_with(prefix))
    };
    let cookies = || {
        let all = headers
            .get_all(COOKIE)
            .iter()
            .flat_map(|line| line.as_bytes().split(|b| *b == b';'));
        all.map(<[u8]>::trim_ascii)
            .filter(|cookie| !cookie.is_empty())
    };
    if lines == 0 || (lines == 1 && !cookies().any(is_identity)) {
        return;
    }
    let mut kept = BytesMut::new();
    for cookie in cookies().filter(|cookie| !is_identity(cookie)) {
        if !kept.is_empty() {
            kept.put_slice(b"; ");
        }
        kept.put_slice(cookie);
    }
    headers.remove(COOKIE);
    if !kept.is_empty() {
        let value =
            HeaderValue::from_maybe_shared(kept.freeze()).expect("parts of valid header values");
        headers.insert(COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn hop_by_hop_headers_and_those_named_in_connection_go() {
        let mut headers = map(&[
            ("connection", "keep-alive, x-secret"),
            ("connection", " X-Other ,, b@d"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("transfer-encoding", "chunked"),
            ("proxy-authorization", "x"),
            ("x-secret", "1"),
            ("x-other", "2"),
            ("x-kept", "3"),
        ]);
        clean_request(&mut headers, false);
        assert_eq!(names(&headers), ["x-kept"]);
    }

    #[test]
    fn identity_and_address_headers_go_in_either_spelling() {
        let mut headers = map(&[
            ("x-ms-client-principal", "a"),
            ("X-MS-CLIENT-PRINCIPAL-ID", "a"),
            ("x_ms_client_principal", "a"),
            ("x-ms-token-aad-id-token", "a"),
            ("forwarded", "for=1.1.1.1"),
            ("x-real-ip", "a"),
            ("x_real_ip", "a"),
            ("true-client-ip", "a"),
            ("x-original-url", "/admin"),
            ("x-forwarded-for", "a"),
            ("x_forwarded_for", "a"),
            ("x-forwarded-host", "a"),
            ("x-ms-version", "kept"),
            ("cookie", "kept"),
        ]);
        clean_request(&mut headers, false);
        assert_eq!(names(&headers), ["cookie", "x-ms-version"]);
    }

    #[test]
    fn the_chain_of_a_trusted_peer_is_continued_and_that_of_another_starts_here() {
        let asked = HeaderValue::from_static("api.example");
        let received = Received {
            peer: "10.0.0.1".parse().unwrap(),
            scheme: &Scheme::HTTPS,
            host: Some(&asked),
        };
        let host = HeaderValue::from_static("backend:80");
        for (trusted, chain, forwarded_host) in [
            (true, "1.1.1.1, 2.2.2.2, 10.0.0.1", "public.example"),
            (false, "10.0.0.1", "api.example"),
        ] {
            let mut headers = map(&[
                ("x-forwarded-for", "1.1.1.1"),
                ("x-forwarded-for", "2.2.2.2"),
                ("x-forwarded-host", "public.example"),
                ("connection", "x-forwarded-proto"),
                ("content-length", "5"),
            ]);
            clean_request(&mut headers, trusted);
            to_backend(&mut headers, &received, &host);
            assert_eq!(headers[X_FORWARDED_FOR], chain);
            assert_eq!(headers[X_FORWARDED_HOST], forwarded_host);
            assert_eq!(headers[X_FORWARDED_PROTO], "https");
            assert_eq!(headers[HOST], "backend:80");
            assert!(!headers.contains_key(CONTENT_LENGTH));
        }
    }

    #[test]
    fn identity_cookies_stay_here_and_split_cookies_become_one_line() {
        for (lines, expected) in [
            (&["a=1; b=2"][..], Some("a=1; b=2")),
            (
                &["a=1; __Host-weir-identity-session=s; b=2"],
                Some("a=1; b=2"),
            ),
            (&["__Host-weir-identity=s"], None),
            (&["a=1", "b=2", "weir-identity-x=1"], Some("a=1; b=2")),
            (&[], None),
        ] {
            let mut headers = map(&lines
                .iter()
                .map(|line| ("cookie", *line))
                .collect::<Vec<_>>());
            clean_cookies(&mut headers);
            assert_eq!(headers.get(COOKIE).map(|v| v.to_str().unwrap()), expected);
            assert!(headers.get_all(COOKIE).iter().count() <= 1);
        }
    }
}
