//! All keys one validator accepts, and the search for the one that signed a token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;

use crate::compact::Compact;
use crate::issuer::{Signed, Standing, is_related};
use crate::key::{Fingerprint, Key, Material};
use crate::key_set::KeySet;
use crate::{InvalidKey, KeySources, Provider, Requirements, SigningKey, TokenError};

/// Inline keys and providers.
#[derive(Debug)]
pub(crate) struct Keyring {
    inline: Vec<Key>,
    providers: Vec<Arc<Provider>>,
    /// Whether [`Self::tell_of_aliases`] has spoken.
    told_of_aliases: AtomicBool,
}

/// How many keys are tried before other tasks have their turn: mostly a millisecond, 9 ms at worst.
const TRIES_AT_A_TIME: usize = 16;

/// Why no key verified a token.
struct Failure {
    error: TokenError,
    /// Whether a provider might meanwhile publish a key that does.
    curable: bool,
}

impl Keyring {
    pub(crate) fn new(sources: KeySources) -> Result<Self, InvalidKey> {
        let inline = sources
            .keys
            .into_iter()
            .map(inline_key)
            .collect::<Result<_, _>>()?;
        // Who names one provider twice has one provider.
        let mut providers: Vec<Arc<Provider>> = Vec::new();
        for provider in sources.providers {
            if !providers.iter().any(|known| Arc::ptr_eq(known, &provider)) {
                providers.push(provider);
            }
        }
        Ok(Self {
            inline,
            providers,
            told_of_aliases: AtomicBool::new(false),
        })
    }

    /// The key that signed `token`. Asks the providers for newer keys if none fits and that may
    /// help.
    pub(crate) async fn signer(&self, token: &Compact<'_>) -> Result<Fingerprint, TokenError> {
        let published = self.published();
        let mut failure = match self.search(token, &published).await {
            Ok(key) => return Ok(key),
            Err(failure) => failure,
        };
        if !failure.curable {
            return Err(failure.error);
        }
        self.renew().await;
        let renewed = self.published();
        // What was tried once is not tried again.
        if !are_same(&published, &renewed) {
            failure = match self.search(token, &renewed).await {
                Ok(key) => return Ok(key),
                Err(failure) => failure,
            };
        }
        Err(match self.unloaded() {
            Some(provider) if failure.curable => {
                TokenError::KeysUnavailable(provider.url().to_owned())
            }
            _ => failure.error,
        })
    }

    /// Whether `key` is still one of ours: inline, or published by a provider as of now.
    pub(crate) fn trusts(&self, key: Fingerprint) -> bool {
        self.inline.iter().any(|inline| inline.fingerprint() == key)
            || self.providers.iter().any(|provider| holds(provider, key))
    }

    /// Checks `iss` against the issuers the caller listed and those of the discovery documents, as
    /// [`crate::issuer`] says. Before it refuses, it asks those providers for newer keys that could
    /// change the answer, as often as they may be asked. `signer` is absent for unsigned tokens.
    pub(crate) async fn check_issuer(
        &self,
        issuer: Option<&str>,
        signer: Option<Fingerprint>,
        requirements: &Requirements<'_>,
    ) -> Result<(), TokenError> {
        let listed = requirements.issuers;
        if listed.is_empty() && self.providers.is_empty() {
            return Ok(());
        }
        self.tell_of_aliases(requirements);
        let issuer = issuer.ok_or(TokenError::IssuerNotAllowed)?;
        let signed = Signed {
            issuer,
            is_listed: listed.iter().any(|one| one == issuer),
            published_key: signer
                .map(|key| key.material())
                .filter(|key| !self.is_inline(*key)),
            beside_inline_keys: !self.inline.is_empty(),
        };
        let mut standing = signed.standing(&self.providers);
        if let Standing::Pending(providers) = &standing {
            join_all(providers.iter().map(Provider::renew)).await;
            standing = signed.standing(&self.providers);
        }
        match standing {
            Standing::Allowed => Ok(()),
            Standing::Refused => Err(TokenError::IssuerNotAllowed),
            Standing::Pending(providers) => {
                let unloaded = providers.iter().find(|provider| !provider.is_loaded());
                Err(unloaded.map_or(TokenError::IssuerNotAllowed, |provider| {
                    TokenError::KeysUnavailable(provider.url().to_owned())
                }))
            }
        }
    }

    /// Says once, as soon as all providers are known, which listed issuers are no provider's.
    /// Nothing is wrong with that where one provider is all there is.
    fn tell_of_aliases(&self, requirements: &Requirements<'_>) {
        let is_only_source = self.inline.is_empty() && self.providers.len() <= 1;
        let nothing_to_say = requirements.issuers.is_empty() || self.providers.is_empty();
        if is_only_source || nothing_to_say || self.told_of_aliases.load(Ordering::Relaxed) {
            return;
        }
        let published: Vec<_> = self.providers.iter().filter_map(|p| p.issuer()).collect();
        if published.len() < self.providers.len()
            || self.told_of_aliases.swap(true, Ordering::Relaxed)
        {
            return;
        }
        for issuer in requirements.issuers {
            if published.iter().any(|one| is_related(one, issuer)) {
                continue;
            }
            if self.inline.is_empty() && requirements.require_signed {
                tracing::warn!(
                    issuer,
                    providers = ?published,
                    "a listed issuer matches no token: \
                     with several providers, none may sign in another name than its own"
                );
            } else {
                tracing::info!(
                    issuer,
                    providers = ?published,
                    "a listed issuer is no provider's: \
                     tokens of inline keys, and unsigned ones if they may pass, name it"
                );
            }
        }
    }

    /// The key among ours and the `published` ones that signed `token`.
    ///
    /// All keys that fit are tried, so a token costs at most one verification per key of its `kid`
    /// and algorithm; with `kid` that is mostly one. Without it is every key of the algorithm, for
    /// whoever sends such a token: 20 to 60 µs each (ES384 200 µs, ES512 330 µs, RSA of 8,192 bits
    /// 210 µs, or 540 µs with the longest exponent), which is nothing with the usual ten keys, some
    /// 50 ms of one core with a thousand, and half a second at worst. Others go on in between.
    async fn search(
        &self,
        token: &Compact<'_>,
        published: &[Arc<KeySet>],
    ) -> Result<Fingerprint, Failure> {
        let Some(algorithm) = token.algorithm else {
            return Err(Failure {
                error: TokenError::AlgorithmNotAllowed,
                curable: false,
            });
        };
        let keys = self
            .inline
            .iter()
            .chain(published.iter().flat_map(|set| &set.keys));
        // A key without id fits every token, as does every key a token without `kid`.
        let id = token.key_id();
        let mut fitting: Vec<&Key> = keys
            .filter(|key| id.is_none() || key.id().is_none() || key.id() == id)
            .collect();
        let named = id.is_some() && fitting.iter().any(|key| key.id() == id);

        // Shared secrets are never published, so no provider can help a token that claims one.
        let curable = !algorithm.is_symmetric()
            && (self.unloaded().is_some() || (!named && !self.providers.is_empty()));
        if fitting.is_empty() {
            return Err(Failure {
                error: TokenError::SignatureKeyNotFound,
                curable,
            });
        }
        fitting.retain(|key| key.allows(algorithm));
        if fitting.is_empty() {
            return Err(Failure {
                error: TokenError::AlgorithmNotAllowed,
                curable,
            });
        }
        // Keys with the token's id first: it is most likely one of them.
        fitting.sort_by_key(|key| key.id().is_none());
        for tries in fitting.chunks(TRIES_AT_A_TIME) {
            let signer = tries
                .iter()
                .find(|key| key.verifies(algorithm, token.signed.as_bytes(), &token.signature));
            if let Some(key) = signer {
                return Ok(key.fingerprint());
            }
            if tries.len() == TRIES_AT_A_TIME {
                tokio::task::yield_now().await;
            }
        }
        let error = if id.is_some() && !named {
            TokenError::SignatureKeyNotFound
        } else {
            TokenError::SignatureInvalid
        };
        Err(Failure { error, curable })
    }

    fn published(&self) -> Vec<Arc<KeySet>> {
        self.providers
            .iter()
            .filter_map(|provider| provider.keys().clone())
            .collect()
    }

    fn is_inline(&self, key: Material) -> bool {
        self.inline
            .iter()
            .any(|inline| inline.fingerprint().material() == key)
    }

    fn unloaded(&self) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|provider| !provider.is_loaded())
    }

    /// All at once: one slow provider must not add its time to another's.
    async fn renew(&self) {
        join_all(self.providers.iter().map(Provider::renew)).await;
    }
}

fn are_same(before: &[Arc<KeySet>], after: &[Arc<KeySet>]) -> bool {
    before.len() == after.len()
        && before
            .iter()
            .zip(after)
            .all(|(before, after)| Arc::ptr_eq(before, after))
}

fn holds(provider: &Provider, key: Fingerprint) -> bool {
    provider
        .keys()
        .as_deref()
        .is_some_and(|keys| keys.holds(key))
}

/// The key of a configuration, ready to verify.
pub(crate) fn inline_key(key: SigningKey) -> Result<Key, InvalidKey> {
    use secrecy::ExposeSecret;
    match key {
        SigningKey::Hmac { id, secret } => Key::hmac(id, secret.expose_secret()),
        SigningKey::Rsa { id, n, e } => Key::rsa(id, None, &n, &e),
    }
}
