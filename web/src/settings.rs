//! The browser app's settings: what `/config.json` says, read from a file and checked.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(crate) mod http_url;

use http_url::HttpUrl;

/// Longest settings file, in bytes. A real one is a tenth of that.
const MAX_LENGTH: u64 = 64 * 1024;

/// The scope without which a sign-in tells nobody's name.
const OPENID: &str = "openid";

/// Which API the page calls, who signs people in, and what the developer console shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// The API.
    pub api: Api,
    /// The provider and this application's registration there.
    pub oidc: Oidc,
    /// The developer console.
    pub console: Console,
}

/// The API that the page calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Api {
    /// What "Call API" asks for, at the gateway.
    pub url: HttpUrl,
    /// Whether calls begin a trace, which they do unless this is `false`: for gateways whose `cors`
    /// policy does not allow the header `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<bool>,
}

/// The provider and this application's registration there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OidcText", into = "OidcText")]
pub struct Oidc {
    /// Where the provider is.
    pub provider: Provider,
    /// The application's id at the provider.
    pub client_id: String,
    /// The scopes to ask for, separated by blanks; `openid` is one of them.
    pub scope: String,
    /// Where the provider sends people after signing in; without it, the page's own origin.
    pub redirect_uri: Option<HttpUrl>,
    /// Where the provider sends people after signing out; without it, the page's own origin.
    pub post_logout_redirect_uri: Option<HttpUrl>,
}

/// Where the provider is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// The address that `/.well-known/openid-configuration` is appended to.
    Authority(HttpUrl),
    /// The whole address of the discovery document, for those with a query, such as Azure AD B2C's
    /// `?p=`.
    MetadataUrl(HttpUrl),
}

impl Provider {
    fn url(&self) -> &HttpUrl {
        let (Self::Authority(url) | Self::MetadataUrl(url)) = self;
        url
    }
}

/// The developer console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Console {
    /// The OpenAPI document that it shows.
    pub openapi_url: HttpUrl,
}

/// [`Oidc`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OidcText {
    #[serde(skip_serializing_if = "Option::is_none")]
    authority: Option<HttpUrl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_url: Option<HttpUrl>,
    client_id: String,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<HttpUrl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_logout_redirect_uri: Option<HttpUrl>,
}

impl TryFrom<OidcText> for Oidc {
    type Error = &'static str;

    fn try_from(text: OidcText) -> Result<Self, Self::Error> {
        let provider = match (text.authority, text.metadata_url) {
            (Some(authority), None) if authority.has_query() => {
                return Err(
                    "authority has a query, which its suffix would end up in; write metadataUrl with the whole \
                            address of the discovery document",
                );
            }
            (Some(authority), None) => Provider::Authority(authority),
            (None, Some(url)) => Provider::MetadataUrl(url),
            (None, None) => return Err("oidc names no provider; write authority or metadataUrl"),
            (Some(_), Some(_)) => {
                return Err("oidc has authority and metadataUrl; write one of them");
            }
        };
        if text.client_id.trim().is_empty() {
            return Err("clientId is empty; write the application's id at the provider");
        }
        if !text.scope.split_whitespace().any(|scope| scope == OPENID) {
            return Err("scope lacks openid, without which a sign-in says nobody's name");
        }
        Ok(Self {
            provider,
            client_id: text.client_id,
            scope: text.scope,
            redirect_uri: text.redirect_uri,
            post_logout_redirect_uri: text.post_logout_redirect_uri,
        })
    }
}

impl From<Oidc> for OidcText {
    fn from(oidc: Oidc) -> Self {
        let (authority, metadata_url) = match oidc.provider {
            Provider::Authority(url) => (Some(url), None),
            Provider::MetadataUrl(url) => (None, Some(url)),
        };
        Self {
            authority,
            metadata_url,
            client_id: oidc.client_id,
            scope: oidc.scope,
            redirect_uri: oidc.redirect_uri,
            post_logout_redirect_uri: oidc.post_logout_redirect_uri,
        }
    }
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{path}: cannot read the settings: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is far too long to be one with settings.
    #[error("{path}: longer than {MAX_LENGTH} bytes; is it the settings file?", path = .path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A setting is wrong, missing or unknown.
    #[error("{path}:{line}:{column}: {problem}", path = .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line where it was noticed, from 1.
        line: usize,
        /// The column where it was noticed, from 1.
        column: usize,
        /// What is wrong and what would work.
        problem: String,
    },
}

impl Settings {
    /// Reads settings from a JSON file.
    ///
    /// # Errors
    /// When the file cannot be read or is no settings; the text names file, line and column.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let mut text = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_LENGTH + 1).read_to_end(&mut text))
            .map_err(|source| SettingsError::Read {
                path: path.to_owned(),
                source,
            })?;
        if text.len() as u64 > MAX_LENGTH {
            return Err(SettingsError::TooLong {
                path: path.to_owned(),
            });
        }
        // Some editors put a byte order mark in front.
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text);
        serde_json::from_slice(text).map_err(|error| invalid(path, &error))
    }

    /// The origins that the page calls.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &str> {
        [
            &self.api.url,
            self.oidc.provider.url(),
            &self.console.openapi_url,
        ]
        .into_iter()
        .map(HttpUrl::origin)
    }
}

fn invalid(path: &Path, error: &serde_json::Error) -> SettingsError {
    let (line, column) = (error.line().max(1), error.column().max(1));
    let text = error.to_string();
    // The position is told in front, where editors look for it.
    let suffix = format!(" at line {} column {}", error.line(), error.column());
    let problem = text.strip_suffix(&suffix).unwrap_or(&text).to_owned();
    SettingsError::Invalid {
        path: path.to_owned(),
        line,
        column,
        problem,
    }
}

#[cfg(test)]
pub(crate) mod tests;
