//! A request's path as decoded segments: the one form in which routes and excluded paths are
//! compared, so that the two can never understand a path differently.

use percent_encoding::percent_decode_str;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path {
    segments: Vec<String>,
}

impl Path {
    /// `None` for what no route can mean: bytes that are not UTF-8, or dot segments, decoded or
    /// not.
    pub(crate) fn decode(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        // A trailing slash means the same route.
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments = path.split('/').map(|segment| {
            let segment = percent_decode_str(segment).decode_utf8().ok()?.into_owned();
            (segment != "." && segment != "..").then_some(segment)
        });
        Some(Self {
            segments: segments.collect::<Option<_>>()?,
        })
    }

    pub(crate) fn segments(&self) -> &[String] {
        &self.segments
    }

    /// Whether it is `/`.
    pub(crate) fn is_root(&self) -> bool {
        matches!(self.segments.as_slice(), [only] if only.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(path: &str) -> Option<Vec<String>> {
        Path::decode(path).map(|path| path.segments)
    }

    #[test]
    fn segments_are_decoded_after_they_are_split() {
        assert_eq!(segments("/api/hello").unwrap(), ["api", "hello"]);
        assert_eq!(segments("/api/hello/").unwrap(), ["api", "hello"]);
        assert_eq!(segments("/api/h%65llo").unwrap(), ["api", "hello"]);
        assert_eq!(segments("/api/a%2Fb").unwrap(), ["api", "a/b"]);
        assert_eq!(segments("/api//hello").unwrap(), ["api", "", "hello"]);
    }

    #[test]
    fn what_no_route_can_mean_is_nothing() {
        for path in [
            "/api/../hello",
            "/api/%2e%2E/hello",
            "/./api",
            "/api/%ff",
            "*",
            "",
        ] {
            assert_eq!(segments(path), None, "{path}");
        }
    }

    #[test]
    fn only_the_root_is_the_root() {
        assert!(Path::decode("/").unwrap().is_root());
        assert!(!Path::decode("/api").unwrap().is_root());
    }
}
