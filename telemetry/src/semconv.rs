//! Values that OpenTelemetry's semantic conventions take from a fixed set.

use http::{Method, Version};

const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
];

/// `http.request.method`: callers can invent others, and those must not become names.
#[must_use]
pub fn http_method(method: &Method) -> &'static str {
    METHODS
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or("_OTHER")
}

/// The method as the first word of a span's name.
#[must_use]
pub fn http_span_name(method: &Method) -> &'static str {
    match http_method(method) {
        "_OTHER" => "HTTP",
        known => known,
    }
}

/// `network.protocol.version`
#[must_use]
pub fn http_version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_invented_method_is_no_name() {
        assert_eq!(http_method(&Method::PATCH), "PATCH");
        let invented = Method::from_bytes(b"BREW-9").unwrap();
        assert_eq!(
            (http_method(&invented), http_span_name(&invented)),
            ("_OTHER", "HTTP")
        );
        assert_eq!(http_version(Version::HTTP_2), "2");
        assert_eq!(http_version(Version::HTTP_11), "1.1");
    }
}
