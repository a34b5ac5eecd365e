//! All keys one validator accepts, and the search for the one that signed a token.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::compact::Compact;
use crate::key::{Fingerprint, Key};
use crate::key_set::KeySet;
use crate::{InvalidKey, KeySources, Provider, SigningKey, TokenError};

/// The most keys tried on one token, so that a token without `kid` cannot cost a signature check per published key.
const MAX_TRIES: usize = 16;

/// Inline keys and providers.
#[derive(Debug)]
pub(crate) struct Keyring {
    inline: Vec<Key>,
    providers: Vec<Arc<Provider>>,
}

/// Why no key verified a token.
struct Failure {
    error: TokenError,
    /// Whether a provider might meanwhile publish a key that does.
    curable: bool,
}

impl Keyring {
    pub(crate) fn new(sources: KeySources) -> Result<Self, InvalidKey> {
        let inline = sources.keys.into_iter().map(inline_key).collect::<Result<_, _>>()?;
        Ok(Self { inline, providers: sources.providers })
    }

    /// The key that signed `token`. Asks the providers for newer keys if none fits and that may help.
    pub(crate) async fn signer(&self, token: &Compact<'_>) -> Result<Fingerprint, TokenError> {
        match self.search(token) {
            Ok(key) => return Ok(key),
            Err(failure) if !failure.curable => return Err(failure.error),
            Err(_) => {}
        }
        self.renew().await;
        self.search(token).map_err(|failure| match self.unloaded() {
            Some(provider) if failure.curable => TokenError::KeysUnavailable(provider.url().to_owned()),
            _ => failure.error,
        })
    }

    /// Whether `key` is still one of ours: inline, or published by a provider as of now.
    pub(crate) fn trusts(&self, key: Fingerprint) -> bool {
        self.is_inline(key) || self.providers.iter().any(|provider| publishes(provider, key))
    }

    /// Checks `iss` against the issuers the caller listed and those of the discovery documents.
    ///
    /// A document's issuer counts only for keys published beside it: with two providers, neither can sign in the
    /// other's name. Inline keys, and unsigned tokens where a policy allows them, may name any accepted issuer.
    pub(crate) async fn check_issuer(
        &self,
        issuer: Option<&str>,
        signer: Option<Fingerprint>,
        listed: &[String],
    ) -> Result<(), TokenError> {
        if listed.is_empty() && self.providers.is_empty() {
            return Ok(());
        }
        let issuer = issuer.ok_or(TokenError::IssuerNotAllowed)?;
        if listed.iter().any(|one| one == issuer) {
            return Ok(());
        }
        let published_key = signer.filter(|key| !self.is_inline(*key));
        if published_key.is_none() && self.unloaded().is_some() {
            self.renew_unloaded().await;
        }
        let vouches = |keys: &KeySet| keys.issuer == issuer && published_key.is_none_or(|key| keys.publishes(key));
        if self.providers.iter().any(|provider| provider.keys().as_deref().is_some_and(vouches)) {
            return Ok(());
        }
        match self.unloaded() {
            Some(provider) if published_key.is_none() => Err(TokenError::KeysUnavailable(provider.url().to_owned())),
            _ => Err(TokenError::IssuerNotAllowed),
        }
    }

    fn search(&self, token: &Compact<'_>) -> Result<Fingerprint, Failure> {
        let Some(algorithm) = token.algorithm else {
            return Err(Failure { error: TokenError::AlgorithmNotAllowed, curable: false });
        };
        let published: Vec<_> = self.providers.iter().filter_map(|provider| provider.keys().clone()).collect();
        let keys = self.inline.iter().chain(published.iter().flat_map(|set| &set.keys));
        // A key without id fits every token, as does every key a token without `kid`.
        let id = token.key_id();
        let mut fitting: Vec<&Key> = keys.filter(|key| id.is_none() || key.id().is_none() || key.id() == id).collect();
        let named = id.is_some() && fitting.iter().any(|key| key.id() == id);

        // Shared secrets are never published, so no provider can help a token that claims one.
        let curable =
            !algorithm.is_symmetric() && (self.unloaded().is_some() || (!named && !self.providers.is_empty()));
        if fitting.is_empty() {
            return Err(Failure { error: TokenError::SignatureKeyNotFound, curable });
        }
        fitting.retain(|key| key.allows(algorithm));
        if fitting.is_empty() {
            return Err(Failure { error: TokenError::AlgorithmNotAllowed, curable });
        }
        // Keys with the token's id first: they must not fall victim to the bound.
        fitting.sort_by_key(|key| key.id().is_none());
        let signer = fitting
            .iter()
            .take(MAX_TRIES)
            .find(|key| key.verifies(algorithm, token.signed.as_bytes(), &token.signature));
        match signer {
            Some(key) => Ok(key.fingerprint()),
            None if id.is_some() && !named => Err(Failure { error: TokenError::SignatureKeyNotFound, curable }),
            None => Err(Failure { error: TokenError::SignatureInvalid, curable }),
        }
    }

    fn is_inline(&self, key: Fingerprint) -> bool {
        self.inline.iter().any(|inline| inline.fingerprint() == key)
    }

    fn unloaded(&self) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|provider| !provider.is_loaded())
    }

    /// All at once: one slow provider must not add its time to another's.
    async fn renew(&self) {
        join_all(self.providers.iter().map(Provider::renew)).await;
    }

    async fn renew_unloaded(&self) {
        join_all(self.providers.iter().filter(|provider| !provider.is_loaded()).map(Provider::renew)).await;
    }
}

fn publishes(provider: &Provider, key: Fingerprint) -> bool {
    provider.keys().as_deref().is_some_and(|keys| keys.publishes(key))
}

/// The key of a configuration, ready to verify.
pub(crate) fn inline_key(key: SigningKey) -> Result<Key, InvalidKey> {
    use secrecy::ExposeSecret;
    match key {
        SigningKey::Hmac { id, secret } => Key::hmac(id, secret.expose_secret()),
        SigningKey::Rsa { id, n, e } => Key::rsa(id, None, &n, &e),
    }
}
