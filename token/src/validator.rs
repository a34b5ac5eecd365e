//! The validator.

use std::sync::Arc;

use crate::{InvalidKey, Jwt, Provider, Requirements, SigningKey, TokenError};

/// Where the keys of a [`Validator`] come from. Keys and issuers of all sources are accepted.
#[derive(Debug, Default)]
pub struct KeySources {
    /// OpenID providers.
    pub providers: Vec<Arc<Provider>>,
    /// Inline keys.
    pub keys: Vec<SigningKey>,
}

/// Bounds of a [`Validator`].
#[derive(Debug, Clone)]
pub struct ValidatorConfig {
    /// The longest token looked at, in bytes.
    pub max_token_bytes: usize,
    /// How many verified tokens are remembered; 0 turns the memory off.
    pub cache_entries: usize,
}

impl Default for ValidatorConfig {
    fn default() -> Self {
        Self { max_token_bytes: 16 * 1024, cache_entries: 10_000 }
    }
}

/// Checks tokens against one set of key sources.
#[derive(Debug)]
pub struct Validator;

impl Validator {
    /// A validator over `sources`.
    ///
    /// # Errors
    /// If an inline key cannot be used.
    pub fn new(_sources: KeySources, _config: ValidatorConfig) -> Result<Self, InvalidKey> {
        Ok(Self)
    }

    /// Checks `token` (without scheme) and returns its content.
    ///
    /// # Errors
    /// Why the token was refused.
    pub async fn validate(&self, _token: &str, _requirements: &Requirements<'_>) -> Result<Arc<Jwt>, TokenError> {
        Err(TokenError::NotPresent)
    }
}
