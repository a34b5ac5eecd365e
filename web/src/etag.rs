//! Entity tags: strong, made of the content, so that they outlive a restart and are equal on every
//! replica.

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, HeaderValue, header};

/// Bytes of the hash that are told: 128 bits tell files apart for good.
const LENGTH: usize = 16;

/// The tag of these bytes. Compressed forms of a file are other bytes, so they have other tags.
pub(crate) fn of(content: &[u8]) -> HeaderValue {
    let hash = digest(&SHA256, content);
    let text: String = hash.as_ref()[..LENGTH]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    HeaderValue::try_from(format!("\"{text}\"")).expect("hexadecimal digits are text")
}

/// Whether the client says that it has this content already (RFC 9110, 13.1.2: compared weakly).
pub(crate) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    known
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|known| {
            let opaque = known.strip_prefix("W/").unwrap_or(known);
            known == "*" || opaque.as_bytes() == tag.as_bytes()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_of_the_content_alone() {
        assert_eq!(of(b"one"), of(b"one"));
        assert_ne!(of(b"one"), of(b"two"));
        assert_eq!(of(b""), "\"e3b0c44298fc1c149afbf4c8996fb924\"");
    }

    #[test]
    fn any_tag_of_the_lists_will_do() {
        let tag = of(b"one");
        let text = tag.to_str().unwrap();
        let known = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
            }
            is_known(&headers, &tag)
        };
        assert!(known(&[text]) && known(&["*"]));
        // Proxies that compress on the way weaken tags.
        assert!(known(&[&format!("W/{text}")]));
        assert!(known(&[&format!("\"other\" , {text}")]) && known(&["\"other\"", text]));
        assert!(!known(&[]) && !known(&["\"other\""]) && !known(&[text.trim_matches('"')]));
    }
}
