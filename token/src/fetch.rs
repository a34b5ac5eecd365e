//! Fetching a provider's discovery document and key set.
//!
//! Only `issuer` and `jwks_uri` are needed, so slim discovery documents work; the endpoints for
//! signing in are read if they are there. The issuer is not compared with the URL: Azure AD B2C's
//! does not match it.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::download::{Document, Downloader, is_http};
use crate::jwk;
use crate::key_set::{Endpoints, KeySet};
use crate::notices::Notices;

/// Real ones have a few thousand bytes.
const DISCOVERY: Document = Document {
    name: "discovery document",
    max_bytes: 1024 * 1024,
};

/// Room for 1,000 RSA keys of 4,096 bits ([`jwk::MAX_KEYS`]) with a chain of certificates each: a
/// key takes some 3 KB with one certificate, and 2 KB more for each further one.
const KEYS: Document = Document {
    name: "key set",
    max_bytes: 8 * 1024 * 1024,
};

/// Why a provider's keys could not be fetched.
#[derive(Debug, Error)]
pub(crate) enum FetchError {
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("{document} at {url}: {why}")]
    Request {
        document: &'static str,
        url: String,
        why: String,
    },
    #[error("{document} at {url}: status {status}")]
    Status {
        document: &'static str,
        url: String,
        status: u16,
    },
    #[error("{document} at {url}: longer than {max_bytes} bytes")]
    TooLong {
        document: &'static str,
        url: String,
        max_bytes: usize,
    },
    #[error("{document} at {url}: {why}")]
    Unusable {
        document: &'static str,
        url: String,
        why: String,
    },
}

impl FetchError {
    /// The value of the `result` label in the metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "timeout",
            Self::Request { .. } => "unreachable",
            Self::Status { .. } => "status",
            Self::TooLong { .. } => "too_long",
            Self::Unusable { .. } => "unusable",
        }
    }
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
    // Nothing that validation needs: whatever stands here, keys can be fetched.
    #[serde(default)]
    authorization_endpoint: Value,
    #[serde(default)]
    token_endpoint: Value,
}

impl Discovery {
    fn endpoints(&self) -> Option<Endpoints> {
        let url = |value: &Value| {
            let text = value.as_str()?;
            Url::parse(text)
                .ok()
                .filter(is_http)
                .map(|_| text.to_owned())
        };
        Some(Endpoints {
            authorization: url(&self.authorization_endpoint)?,
            token: url(&self.token_endpoint)?,
        })
    }
}

/// Fetches the discovery document at `url` and the key set it names. `notices` hears of keys that
/// are left out.
pub(crate) async fn key_set(
    downloader: &Downloader,
    url: &Url,
    notices: &Notices,
) -> Result<KeySet, FetchError> {
    let unusable = |document: Document, url: &Url, why: String| FetchError::Unusable {
        document: document.name,
        url: url.to_string(),
        why,
    };
    let body = downloader.get(DISCOVERY, url).await?;
    let discovery: Discovery =
        serde_json::from_slice(&body).map_err(|why| unusable(DISCOVERY, url, why.to_string()))?;
    if discovery.issuer.is_empty() {
        return Err(unusable(DISCOVERY, url, "issuer is empty".into()));
    }
    let keys_url = Url::parse(&discovery.jwks_uri)
        .map_err(|why| unusable(DISCOVERY, url, format!("jwks_uri is not a URL ({why})")))?;
    if !is_http(&keys_url) || (url.scheme() == "https" && keys_url.scheme() != "https") {
        return Err(unusable(
            DISCOVERY,
            url,
            "jwks_uri must be an http or https URL, https if discovery is".into(),
        ));
    }

    let body = downloader.get(KEYS, &keys_url).await?;
    // A thousand keys take tens of milliseconds, for which requests must not wait.
    let parsed = tokio::task::spawn_blocking(move || jwk::parse_set(&body)).await;
    let set = parsed
        .map_err(|panic| panic.to_string())
        .and_then(|set| set.map_err(|why| why.to_string()));
    let set = set.map_err(|why| unusable(KEYS, &keys_url, why))?;
    notices.tell(&keys_url, &set);
    if set.keys.is_empty() {
        return Err(unusable(
            KEYS,
            &keys_url,
            "it holds no usable signature key".into(),
        ));
    }
    Ok(KeySet::new(
        discovery.issuer.clone(),
        discovery.endpoints(),
        set.keys,
    ))
}
