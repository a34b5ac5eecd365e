//! One thing that is served: its bytes in every encoding, and what is said about them.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::accept::{self, Encoding};
use crate::files::File;
use crate::metrics::Outcome;
use crate::{content_type, etag};

/// Where the build puts files whose names change with their content.
pub(crate) const HASHED: &str = "assets/";

/// A file under [`HASHED`] is never another one: a browser need not ask again for a year, the
/// longest that counts.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Everything else may be kept, but only used after asking whether it is still the same.
const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");

/// One thing that is served.
#[derive(Debug)]
pub(crate) struct Resource {
    content_type: HeaderValue,
    cache_control: HeaderValue,
    /// At least one, and the identity among them.
    variants: Vec<Variant>,
}

#[derive(Debug)]
struct Variant {
    encoding: Encoding,
    content: Bytes,
    etag: HeaderValue,
}

impl Variant {
    fn new(encoding: Encoding, content: Bytes) -> Self {
        let etag = etag::of(&content);
        Self {
            encoding,
            content,
            etag,
        }
    }
}

impl Resource {
    /// A built file.
    pub(crate) fn file(file: &File) -> Self {
        let contents = [
            (Encoding::Identity, Some(file.plain)),
            (Encoding::Gzip, file.gzip),
            (Encoding::Brotli, file.brotli),
        ];
        let variants = contents
            .into_iter()
            .filter_map(|(encoding, content)| {
                Some(Variant::new(encoding, Bytes::from_static(content?)))
            })
            .collect();
        let cache_control = if file.name.starts_with(HASHED) {
            IMMUTABLE
        } else {
            REVALIDATED
        };
        Self {
            content_type: content_type::of(file.name),
            cache_control,
            variants,
        }
    }

    /// Something made when the role starts: not compressed, and asked for again each time.
    pub(crate) fn made(name: &str, content: Vec<u8>) -> Self {
        let variants = vec![Variant::new(Encoding::Identity, Bytes::from(content))];
        Self {
            content_type: content_type::of(name),
            cache_control: REVALIDATED,
            variants,
        }
    }

    /// The content in the encoding the client likes best, or that it has it already.
    pub(crate) fn answer(&self, request: &HeaderMap) -> (Outcome, Response<Full<Bytes>>) {
        let encoding = accept::encoding(
            request,
            self.variants.iter().map(|variant| variant.encoding),
        );
        let variant = self
            .variants
            .iter()
            .find(|variant| variant.encoding == encoding);
        let variant =
            variant.expect("what was chosen is one of them, or the identity, which always is");

        let mut response = Response::new(Full::default());
        let headers = response.headers_mut();
        headers.insert(header::ETAG, variant.etag.clone());
        headers.insert(header::CACHE_CONTROL, self.cache_control.clone());
        if self.variants.len() > 1 {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        if etag::is_known(request, &variant.etag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return (Outcome::NotModified, response);
        }
        headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        if let Some(name) = encoding.name() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        *response.body_mut() = Full::new(variant.content.clone());
        (Outcome::Served, response)
    }
}
