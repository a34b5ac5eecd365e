//! `/openapi.json`: one OpenAPI document of everything the gateway serves, for developer consoles
//! and client generators.
//!
//! The specifications are put together once. What depends on a request (the URL the gateway was
//! reached at) is put in per request; what depends on identity providers (where to sign in) when
//! their discovery documents have been read, and again when those change. Addresses of backends and
//! secrets stand in other files and are never looked at; `servers` and vendors' extensions of
//! specifications, in which addresses may stand, are left out.

mod address;
mod merge;
mod names;
mod scheme;
mod sign_in;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use weir_policy::Configuration;
use weir_token::{Endpoints, Providers, ProvidersError};

use self::merge::Merged;
use self::scheme::Scheme;

pub use address::{BadPublicUrl, BadRequestPath, PublicUrl, RequestPath};

/// The document and where it is served.
#[derive(Debug)]
pub(crate) struct OpenApi {
    path: RequestPath,
    public_url: Option<PublicUrl>,
    merged: Merged,
    /// As of the endpoints last seen.
    rendered: ArcSwapOption<Rendered>,
}

/// The document as text, with room for `servers`.
#[derive(Debug)]
struct Rendered {
    /// Those of every security scheme, in order.
    endpoints: Vec<Option<Endpoints>>,
    /// What stands before `servers`; no brace at the end.
    head: String,
    /// What stands after it; no brace at the start.
    tail: String,
    digest: [u8; 32],
}

/// The document as one request gets it.
pub(crate) struct Document {
    /// A strong entity tag, in quotes.
    pub(crate) tag: String,
    rendered: Arc<Rendered>,
    servers: String,
}

impl OpenApi {
    /// Puts the specifications of all APIs together.
    ///
    /// # Errors
    /// If a policy names a provider that cannot be asked.
    pub(crate) fn new(
        configuration: &Configuration,
        providers: &Providers,
        path: RequestPath,
        public_url: Option<PublicUrl>,
    ) -> Result<Self, ProvidersError> {
        let merged = merge::merge(&configuration.apis, providers)?;
        Ok(Self {
            path,
            public_url,
            merged,
            rendered: ArcSwapOption::empty(),
        })
    }

    /// Whether a request that no operation matches is for the document.
    pub(crate) fn is_asked_for(&self, method: &Method, path: &str) -> bool {
        path == self.path.as_str() && matches!(*method, Method::GET | Method::HEAD)
    }

    /// The document for a request.
    pub(crate) fn document(
        &self,
        headers: &HeaderMap,
        scheme: &http::uri::Scheme,
        authority: Option<&Authority>,
    ) -> Document {
        let url = match &self.public_url {
            Some(url) => url.as_str().to_owned(),
            None => address::of_request(headers, scheme, authority),
        };
        let rendered = self.rendered();
        let servers = json!([{ "url": url }]).to_string();
        let digest = Sha256::new()
            .chain_update(rendered.digest)
            .chain_update(&servers)
            .finalize();
        let tag = format!(
            "\"{}\"",
            digest
                .iter()
                .take(16)
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        );
        Document {
            tag,
            rendered,
            servers,
        }
    }

    /// The text as of the endpoints known now. Several requests may write it anew at once; each
    /// writes the same.
    fn rendered(&self) -> Arc<Rendered> {
        let endpoints: Vec<_> = self.merged.schemes.iter().map(Scheme::endpoints).collect();
        if let Some(known) = self
            .rendered
            .load_full()
            .filter(|known| known.endpoints == endpoints)
        {
            return known;
        }
        let rendered = Arc::new(self.render(endpoints));
        self.rendered.store(Some(Arc::clone(&rendered)));
        rendered
    }

    fn render(&self, endpoints: Vec<Option<Endpoints>>) -> Rendered {
        let Merged {
            version,
            info,
            rest,
            schemes,
        } = &self.merged;
        let mut rest = rest.clone();
        if !schemes.is_empty() {
            let described = schemes.iter().zip(&endpoints);
            let described: Map<_, _> = described
                .map(|(scheme, at)| (scheme.name.clone(), scheme.describe(at.as_ref())))
                .collect();
            let components = rest.entry("components").or_insert_with(|| json!({}));
            components["securitySchemes"] = Value::Object(described);
        }
        let mut head = json!({ "openapi": version, "info": info }).to_string();
        head.pop();
        let tail = Value::Object(rest).to_string().split_off(1);
        let digest = Sha256::new()
            .chain_update(&head)
            .chain_update([0])
            .chain_update(&tail)
            .finalize()
            .into();
        Rendered {
            endpoints,
            head,
            tail,
            digest,
        }
    }
}

impl Document {
    /// Its text.
    pub(crate) fn body(&self) -> Bytes {
        let Rendered { head, tail, .. } = &*self.rendered;
        Bytes::from([head, ",\"servers\":", &self.servers, ",", tail].concat())
    }
}

#[cfg(test)]
mod tests;
