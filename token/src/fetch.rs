//! Fetching a provider's discovery document and key set over HTTP.
//!
//! Everything is bounded: bytes, redirects and, by the caller, time. Only `issuer` and `jwks_uri` are needed, so slim
//! discovery documents work; the endpoints for signing in are read if they are there. The issuer is not compared with the URL: Azure AD B2C's does not match it.

use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::jwk;
use crate::key_set::{Endpoints, KeySet};

/// The most bytes of one document. Real ones have a few thousand.
const MAX_DOCUMENT: usize = 1024 * 1024;

/// The most redirects followed, enough for a moved host and a canonical path.
const MAX_REDIRECTS: usize = 3;

/// Why a provider's keys could not be fetched.
#[derive(Debug, Error)]
pub(crate) enum FetchError {
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("{document} at {url}: {why}")]
    Request { document: &'static str, url: String, why: String },
    #[error("{document} at {url}: status {status}")]
    Status { document: &'static str, url: String, status: u16 },
    #[error("{document} at {url}: longer than {MAX_DOCUMENT} bytes")]
    TooLong { document: &'static str, url: String },
    #[error("{document} at {url}: {why}")]
    Unusable { document: &'static str, url: String, why: String },
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
            Url::parse(text).ok().filter(is_http).map(|_| text.to_owned())
        };
        Some(Endpoints { authorization: url(&self.authorization_endpoint)?, token: url(&self.token_endpoint)? })
    }
}

/// The client all providers share.
pub(crate) fn client() -> reqwest::Result<Client> {
    let redirects = Policy::custom(|attempt| {
        let downgrade =
            attempt.previous().iter().any(|url| url.scheme() == "https") && attempt.url().scheme() != "https";
        if downgrade || attempt.previous().len() > MAX_REDIRECTS || !is_http(attempt.url()) {
            attempt.error("a redirect that is one too many or leaves https")
        } else {
            attempt.follow()
        }
    });
    Client::builder().user_agent(concat!("weir/", env!("CARGO_PKG_VERSION"))).redirect(redirects).build()
}

/// Whether `url` has one of the two schemes a provider may be reached by.
pub(crate) fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// Fetches the discovery document at `url` and the key set it names.
pub(crate) async fn key_set(client: &Client, url: &Url) -> Result<KeySet, FetchError> {
    const DISCOVERY: &str = "discovery document";
    const KEYS: &str = "key set";
    let unusable = |document, url: &Url, why: String| FetchError::Unusable { document, url: url.to_string(), why };

    let body = get(client, url, DISCOVERY).await?;
    let discovery: Discovery =
        serde_json::from_slice(&body).map_err(|why| unusable(DISCOVERY, url, why.to_string()))?;
    if discovery.issuer.is_empty() {
        return Err(unusable(DISCOVERY, url, "issuer is empty".into()));
    }
    let keys_url = Url::parse(&discovery.jwks_uri)
        .map_err(|why| unusable(DISCOVERY, url, format!("jwks_uri is not a URL ({why})")))?;
    if !is_http(&keys_url) || (url.scheme() == "https" && keys_url.scheme() != "https") {
        return Err(unusable(DISCOVERY, url, "jwks_uri must be an http or https URL, https if discovery is".into()));
    }

    let body = get(client, &keys_url, KEYS).await?;
    let keys = jwk::parse_set(&body).map_err(|why| unusable(KEYS, &keys_url, why.to_string()))?;
    if keys.is_empty() {
        return Err(unusable(KEYS, &keys_url, "it holds no usable signature key".into()));
    }
    Ok(KeySet { endpoints: discovery.endpoints(), issuer: discovery.issuer, keys })
}

async fn get(client: &Client, url: &Url, document: &'static str) -> Result<Vec<u8>, FetchError> {
    let failed = |why: reqwest::Error| FetchError::Request { document, url: url.to_string(), why: causes(why) };
    let too_long = || FetchError::TooLong { document, url: url.to_string() };
    let request = client.get(url.clone()).header(reqwest::header::ACCEPT, "application/json");
    let mut response = request.send().await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(FetchError::Status { document, url: url.to_string(), status: response.status().as_u16() });
    }
    if response.content_length().is_some_and(|length| length > MAX_DOCUMENT as u64) {
        return Err(too_long());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MAX_DOCUMENT {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The error and its causes in one line; the outermost text alone ("error sending request") says nothing.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}
