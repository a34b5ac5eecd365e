//! The media type of a file, by its name's ending. With `nosniff` a wrong one means that a browser
//! refuses the file.

use http::HeaderValue;

/// The type of the file called `name`.
pub(crate) fn of(name: &str) -> HeaderValue {
    let ending = name
        .rsplit(['.', '/'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    HeaderValue::from_static(match ending.as_str() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    })
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn the_last_ending_counts() {
        assert_eq!(of("index.html"), "text/html; charset=utf-8");
        assert_eq!(of("assets/app-1.min.JS"), "text/javascript; charset=utf-8");
        assert_eq!(of("developer/logo.svg"), "image/svg+xml");
        for unknown in ["LICENSE", "a.html/b", "x.", ""] {
            assert_eq!(of(unknown), "application/octet-stream", "{unknown:?}");
        }
    }
}
