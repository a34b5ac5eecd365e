//! The stylesheet and the icon. Their paths hold a hash of their content, so that they can be
//! cached for ever.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use crate::crypto;

/// The stylesheet of all pages.
pub(crate) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "style",
        "css",
        "text/css; charset=utf-8",
        include_str!("style.css"),
    )
});

/// The icon in the browser's tab.
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("icon.svg")));

/// A file that every page needs.
pub(crate) struct Asset {
    /// Where it is served.
    pub(crate) path: String,
    tag: String,
    kind: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(name: &str, extension: &str, kind: &'static str, content: &'static str) -> Self {
        let hash = crypto::encode(&crypto::sha256(content)[..12]);
        Self {
            path: format!("/{name}.{hash}.{extension}"),
            tag: format!("\"{hash}\""),
            kind,
            content,
        }
    }

    /// Answers a request for it.
    pub(crate) fn get(&self, headers: &HeaderMap) -> Response {
        let cached = [
            (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            (header::ETAG, self.tag.as_str()),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        let known = headers
            .get(header::IF_NONE_MATCH)
            .is_some_and(|value| value.as_bytes() == self.tag.as_bytes());
        if known {
            return (StatusCode::NOT_MODIFIED, cached).into_response();
        }
        (cached, [(header::CONTENT_TYPE, self.kind)], self.content).into_response()
    }
}
