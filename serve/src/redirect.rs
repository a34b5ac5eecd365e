//! Sends clients that came without TLS to where it is.

use http::header::{HOST, LOCATION};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};

/// The port that need not be written.
const HTTPS_PORT: u16 = 443;

/// The same address over TLS at `port`: 308, with which method and body stay. Without a host that
/// could be named: 400.
pub(crate) fn to_tls(uri: &Uri, headers: &HeaderMap, port: u16) -> Response<()> {
    let mut response = Response::new(());
    match location(uri, headers, port) {
        Some(location) => {
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
            response.headers_mut().insert(LOCATION, location);
        }
        None => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}

fn location(uri: &Uri, headers: &HeaderMap, port: u16) -> Option<HeaderValue> {
    let host = match uri.authority() {
        Some(authority) => authority.host().to_owned(),
        None => {
            let text = headers.get(HOST)?.to_str().ok()?;
            text.parse::<Authority>().ok()?.host().to_owned()
        }
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // An `OPTIONS *` has no address.
    if host.is_empty() || !path.starts_with('/') {
        return None;
    }
    let text = match port {
        HTTPS_PORT => format!("https://{host}{path}"),
        port => format!("https://{host}:{port}{path}"),
    };
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn target(uri: &str, host: Option<&str>, port: u16) -> Option<String> {
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(HOST, host.parse().unwrap());
        }
        let location = location(&uri.parse().unwrap(), &headers, port)?;
        Some(location.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_address_stays_but_for_scheme_and_port() {
        for (uri, host, port, expected) in [
            (
                "/a?b=c",
                Some("api.example:8080"),
                8443,
                "https://api.example:8443/a?b=c",
            ),
            ("/", Some("api.example"), 443, "https://api.example/"),
            ("/", Some("[::1]:8080"), 8443, "https://[::1]:8443/"),
            (
                "http://other.example/x",
                Some("api.example"),
                443,
                "https://other.example/x",
            ),
        ] {
            assert_eq!(target(uri, host, port).as_deref(), Some(expected));
        }
    }

    #[test]
    fn without_a_host_there_is_nowhere_to_send_to() {
        for host in [None, Some("a b"), Some("")] {
            assert_eq!(target("/", host, 443), None, "{host:?}");
        }
        assert_eq!(target("*", Some("api.example"), 443), None);
    }
}
