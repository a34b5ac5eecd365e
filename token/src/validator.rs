//! Judging a token: the one entry point of the crate.
//!
//! Cheap checks come first, so that garbage costs little: length, structure, algorithm; then the
//! signature (or the memory of it), then the claims. Claims are decoded only once the signature
//! holds.

use std::sync::Arc;

use weir_jwt::{MAX_TOKEN_BYTES, Malformed};

use crate::cache::TokenCache;
use crate::compact::Compact;
use crate::key::Fingerprint;
use crate::keyring::Keyring;
use crate::metrics::Metrics;
use crate::{InvalidKey, Jwt, Provider, Requirements, SigningKey, TokenError, claims};

/// Where the keys of a [`Validator`] come from. Keys and issuers of all sources are accepted.
#[derive(Debug, Default)]
pub struct KeySources {
    /// OpenID providers, from [`Providers::provider`](crate::Providers::provider).
    pub providers: Vec<Arc<Provider>>,
    /// Inline keys.
    pub keys: Vec<SigningKey>,
}

/// Bounds and counters of a [`Validator`].
#[derive(Debug, Clone)]
pub struct ValidatorConfig {
    /// How many verified tokens of up to 2 KiB are remembered (a longer one takes the room of
    /// several); 0: none.
    pub cache_entries: usize,
    /// Where results are counted: [`Providers::metrics`](crate::Providers::metrics). The default is
    /// seen by nobody.
    pub metrics: Metrics,
}

/// An hour of sign-ins of a busy service, in some ten megabytes.
const CACHE_ENTRIES: usize = 10_000;

impl Default for ValidatorConfig {
    fn default() -> Self {
        Self {
            cache_entries: CACHE_ENTRIES,
            metrics: Metrics::default(),
        }
    }
}

/// Judges tokens against one set of key sources: one per `validate-jwt` element or backend, shared
/// by all requests.
#[derive(Debug)]
pub struct Validator {
    keys: Keyring,
    verified: TokenCache,
    config: ValidatorConfig,
}

impl Validator {
    /// A validator over `sources`. It does not fetch: that is for the first token or the background
    /// refresh.
    ///
    /// # Errors
    /// If an inline key cannot be used.
    pub fn new(sources: KeySources, config: ValidatorConfig) -> Result<Self, InvalidKey> {
        Ok(Self {
            keys: Keyring::new(sources)?,
            verified: TokenCache::new(config.cache_entries),
            config,
        })
    }

    /// Judges `token` (without scheme) and returns its content.
    ///
    /// Returns at once in nearly all cases. It waits for the network, at most one fetch timeout,
    /// only if a provider was never loaded or the token's key is unknown and a fetch is due.
    ///
    /// # Errors
    /// Why the token was refused.
    pub async fn validate(
        &self,
        token: &str,
        requirements: &Requirements<'_>,
    ) -> Result<Arc<Jwt>, TokenError> {
        let result = self.judge(token, requirements).await;
        self.config.metrics.validated(&result);
        result
    }

    async fn judge(
        &self,
        token: &str,
        requirements: &Requirements<'_>,
    ) -> Result<Arc<Jwt>, TokenError> {
        if token.is_empty() {
            return Err(TokenError::NotPresent);
        }
        // Before it is hashed for the cache.
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Malformed::TooLong.into());
        }
        let (jwt, signer) = self
            .authenticate(token, requirements.require_signed)
            .await?;
        claims::check(&jwt, requirements)?;
        self.keys
            .check_issuer(jwt.issuer(), signer, requirements)
            .await?;
        Ok(jwt)
    }

    /// The token's content and the key that signed it; no key for an unsigned token where those are
    /// allowed.
    async fn authenticate(
        &self,
        token: &str,
        require_signed: bool,
    ) -> Result<(Arc<Jwt>, Option<Fingerprint>), TokenError> {
        let digest = TokenCache::digest(token);
        if let Some(known) = self.verified.get(&digest) {
            if self.keys.trusts(known.key) {
                self.config.metrics.cache_hit();
                return Ok((known.jwt, Some(known.key)));
            }
            // Its key was withdrawn. Verifying again decides; perhaps another key of the same id
            // fits.
            self.verified.remove(&digest);
        }
        let parts = Compact::parse(token)?;
        if parts.algorithm.is_none() && !require_signed {
            return Ok((Arc::new(parts.into_jwt()?), None));
        }
        let signer = self.keys.signer(&parts).await?;
        let jwt = Arc::new(parts.into_jwt()?);
        self.verified
            .insert(digest, token.len(), Arc::clone(&jwt), signer);
        Ok((jwt, Some(signer)))
    }
}
