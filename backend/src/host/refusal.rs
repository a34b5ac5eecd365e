//! Every answer that does not come from a function, made in one place.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::ext::ReasonPhrase;

/// Why no function answered. `Display` is for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the address may not connect")]
    Address(IpAddr),
    #[error("no valid token: {reason}")]
    Token {
        reason: weir_token::TokenError,
        challenge: HeaderValue,
    },
    #[error("the keys to check tokens with were never loaded")]
    KeysUnavailable,
    #[error("no function has this route and method")]
    NotFound,
    #[error("no valid function key")]
    Key,
    #[error("too many requests at a time")]
    Overloaded,
    #[error("the body is too large")]
    BodyTooLarge,
    #[error("the body takes too long")]
    BodyTooSlow,
    #[error("the body broke off")]
    BodyBroken,
    #[error("the function takes too long")]
    TookTooLong,
    #[error("the function failed")]
    Failed,
}

const FORBIDDEN_ADDRESS: HeaderName = HeaderName::from_static("x-ms-forbidden-ip");
const SCALE_OUT: HeaderName = HeaderName::from_static("x-function-scaleout");

/// In the shape the gateway's own errors have. A 401 here would tell every caller that its token is
/// bad.
const KEYS_UNAVAILABLE: &str = r#"{"statusCode":503,"message":"The identity provider's keys are not available yet. Try again later."}"#;

const FORBIDDEN_PAGE: &str = "<!DOCTYPE html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>403 - Forbidden</title></head>
<body>
<h1>403 - Forbidden</h1>
<p>This application does not take requests from your network address.</p>
</body>
</html>
";

impl Refusal {
    /// The value of the `result` label in the metrics.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::Token { .. } => "token",
            Self::KeysUnavailable => "keys_unavailable",
            Self::NotFound => "not_found",
            Self::Key => "key",
            Self::Overloaded => "overloaded",
            Self::BodyTooLarge | Self::BodyTooSlow | Self::BodyBroken => "body",
            Self::TookTooLong => "timeout",
            Self::Failed => "failed",
        }
    }

    pub(super) fn into_response(self) -> Response<Bytes> {
        match self {
            Self::Address(address) => forbidden(address),
            Self::Token { challenge, .. } => with(
                StatusCode::UNAUTHORIZED,
                header::WWW_AUTHENTICATE,
                challenge,
            ),
            Self::KeysUnavailable => keys_unavailable(),
            Self::NotFound => empty(StatusCode::NOT_FOUND),
            Self::Key => empty(StatusCode::UNAUTHORIZED),
            // No Retry-After: the platform sends none, and nobody knows when a place is free.
            Self::Overloaded => with(
                StatusCode::TOO_MANY_REQUESTS,
                SCALE_OUT,
                HeaderValue::from_static("1"),
            ),
            Self::BodyTooLarge => empty(StatusCode::PAYLOAD_TOO_LARGE),
            Self::BodyTooSlow => empty(StatusCode::REQUEST_TIMEOUT),
            Self::BodyBroken => empty(StatusCode::BAD_REQUEST),
            Self::TookTooLong => empty(StatusCode::GATEWAY_TIMEOUT),
            Self::Failed => empty(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// A status and nothing else.
pub(super) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

fn with(status: StatusCode, name: HeaderName, value: HeaderValue) -> Response<Bytes> {
    let mut response = empty(status);
    response.headers_mut().insert(name, value);
    response
}

fn forbidden(address: IpAddr) -> Response<Bytes> {
    let seen = HeaderValue::try_from(address.to_string()).expect("an address is plain ASCII");
    let mut response = with(StatusCode::FORBIDDEN, FORBIDDEN_ADDRESS, seen);
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    // HTTP/1.1 only; HTTP/2 has no reason phrases.
    response
        .extensions_mut()
        .insert(ReasonPhrase::from_static(b"Ip Forbidden"));
    *response.body_mut() = Bytes::from_static(FORBIDDEN_PAGE.as_bytes());
    response
}

fn keys_unavailable() -> Response<Bytes> {
    let json = HeaderValue::from_static("application/json");
    let mut response = with(StatusCode::SERVICE_UNAVAILABLE, header::CONTENT_TYPE, json);
    *response.body_mut() = Bytes::from_static(KEYS_UNAVAILABLE.as_bytes());
    response
}
