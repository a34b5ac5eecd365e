//! The stylesheet. Its path holds a hash of its content, so that it can be cached for ever.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use crate::crypto;

const STYLE: &str = include_str!("style.css");

static HASH: LazyLock<String> = LazyLock::new(|| crypto::encode(&crypto::sha256(STYLE)[..12]));
static PATH: LazyLock<String> = LazyLock::new(|| format!("/style.{}.css", *HASH));

/// Where the stylesheet is.
pub(crate) fn path() -> &'static str {
    &PATH
}

/// Answers a request for it.
pub(crate) fn get(headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", *HASH);
    let cached = [
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::ETAG, tag.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    if known {
        return (StatusCode::NOT_MODIFIED, cached).into_response();
    }
    (cached, [(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}
