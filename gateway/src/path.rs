//! Which paths are taken at all, and in which spelling.
//!
//! Gateway and backend must understand a path the same way, or a request passes the policies of one
//! operation and reaches another. So a path is brought to one spelling first (RFC 3986, section
//! 6.2.2: `%61` is `a`), matched in it and forwarded in it; and what backends are known to read
//! differently is refused: dot segments (also encoded, also with parameters as in `..;x`), empty
//! segments, encoded slashes, backslashes and control characters.

use std::borrow::Cow;

/// Why a path is refused with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPath {
    #[error("The request path has an invalid percent-encoding.")]
    Encoding,
    #[error("The request path has an encoded slash, a backslash or a control character.")]
    Separator,
    #[error("The request path has a dot segment.")]
    DotSegment,
    #[error("The request path has an empty segment.")]
    EmptySegment,
}

/// The path in its one spelling; borrowed if it came in it, which is nearly always.
pub(crate) fn normalise(path: &str) -> Result<Cow<'_, str>, BadPath> {
    let path = if path.contains('%') {
        decode_unreserved(path)?
    } else {
        Cow::Borrowed(path)
    };
    if path.bytes().any(|b| b == b'\\' || b < 0x20 || b == 0x7f) {
        return Err(BadPath::Separator);
    }
    let inner = path.strip_prefix('/').unwrap_or(&path);
    let mut segments = inner.split('/').peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() && segments.peek().is_some() {
            return Err(BadPath::EmptySegment);
        }
        if segment.starts_with('.') && matches!(segment.split(';').next(), Some("." | "..")) {
            return Err(BadPath::DotSegment);
        }
    }
    Ok(path)
}

/// Decodes what needs no encoding (letters, digits, `-._~`), writes the rest in upper case.
fn decode_unreserved(path: &str) -> Result<Cow<'_, str>, BadPath> {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        let byte = rest
            .get(at + 1..at + 3)
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = byte
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .ok_or(BadPath::Encoding)?;
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                plain.push(char::from(byte));
            }
            b'/' | b'\\' | 0..=0x1f | 0x7f => return Err(BadPath::Separator),
            _ => {
                plain.push('%');
                plain.push_str(&rest[at + 1..at + 3].to_ascii_uppercase());
            }
        }
        rest = &rest[at + 3..];
    }
    plain.push_str(rest);
    Ok(if plain == path {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_taken_is_in_its_one_spelling_and_never_climbs(path in "/([a-z./;%]|%2[eEfF]|%5[cC]|%6[1aA]|%25){0,12}") {
            if let Ok(taken) = normalise(&path) {
                prop_assert_eq!(normalise(&taken), Ok(Cow::Borrowed(&*taken)));
                let decoded = percent_decode_str(&taken).decode_utf8().expect("the alphabet above is text");
                prop_assert_eq!(decoded.matches('/').count(), path.matches('/').count());
                let climbs = decoded.split('/').any(|segment| segment.split(';').next() == Some(".."));
                prop_assert!(!climbs, "{} became {}", path, taken);
            }
        }
    }

    #[test]
    fn ordinary_paths_are_taken_as_they_are() {
        for path in [
            "/",
            "/api/hello",
            "/api/hello/",
            "/a.b/..c/.d",
            "/a%20b",
            "/%C3%A9",
            "/a;v=1",
            "*",
            "",
        ] {
            assert_eq!(normalise(path), Ok(Cow::Borrowed(path)));
        }
    }

    #[test]
    fn one_path_has_one_spelling() {
        assert_eq!(normalise("/api/%68ell%6F").as_deref(), Ok("/api/hello"));
        assert_eq!(normalise("/%c3%a9").as_deref(), Ok("/%C3%A9"));
        assert_eq!(normalise("/%2561").as_deref(), Ok("/%2561"));
    }

    #[test]
    fn what_backends_read_differently_is_refused() {
        for (path, reason) in [
            ("/a/../b", BadPath::DotSegment),
            ("/a/%2e%2E/b", BadPath::DotSegment),
            ("/a/.%2e", BadPath::DotSegment),
            ("/a/..;x/b", BadPath::DotSegment),
            ("/./a", BadPath::DotSegment),
            ("//a", BadPath::EmptySegment),
            ("/a//b", BadPath::EmptySegment),
            ("/a/%2Fb", BadPath::Separator),
            ("/a/%2fb", BadPath::Separator),
            ("/a/%5Cb", BadPath::Separator),
            ("/a\\b", BadPath::Separator),
            ("/a%00b", BadPath::Separator),
            ("/a%0d%0ab", BadPath::Separator),
            ("/a%", BadPath::Encoding),
            ("/a%2", BadPath::Encoding),
            ("/a%zz", BadPath::Encoding),
            ("/a%+1", BadPath::Encoding),
        ] {
            assert_eq!(normalise(path), Err(reason), "{path}");
        }
    }
}
