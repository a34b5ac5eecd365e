//! Tokens whose signature has been verified, so that a client's next calls need no public-key
//! arithmetic.
//!
//! An entry says: this key signed this text. It stays true for ever; whether the key is still
//! trusted and the claims still hold is asked on every call. Only verified tokens get in, so nobody
//! without a good token can fill the cache.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::Jwt;
use crate::key::Fingerprint;

/// A token of this length counts as one entry, a longer one as several, so that entries bound the
/// memory too.
const BYTES_PER_ENTRY: usize = 2048;

/// A verified token.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(crate) jwt: Arc<Jwt>,
    pub(crate) key: Fingerprint,
    /// What it counts for.
    weight: u64,
}

/// SHA-256 of a token. The token itself is not kept: a memory dump should not hold usable ones.
pub(crate) type Digest = [u8; 32];

#[derive(Debug, Clone)]
struct ByLength;

impl Weighter<Digest, Verified> for ByLength {
    fn weight(&self, _: &Digest, entry: &Verified) -> u64 {
        entry.weight
    }
}

/// A bounded cache of verified tokens.
#[derive(Debug)]
pub(crate) struct TokenCache(Option<Cache<Digest, Verified, ByLength>>);

impl TokenCache {
    /// Room for `entries` tokens of usual length; 0 remembers nothing.
    pub(crate) fn new(entries: usize) -> Self {
        Self((entries > 0).then(|| Cache::with_weighter(entries, entries as u64, ByLength)))
    }

    /// The name of `token` in this cache.
    pub(crate) fn digest(token: &str) -> Digest {
        digest(&SHA256, token.as_bytes())
            .as_ref()
            .try_into()
            .expect("SHA-256 has 32 bytes")
    }

    pub(crate) fn get(&self, token: &Digest) -> Option<Verified> {
        self.0.as_ref()?.get(token)
    }

    pub(crate) fn insert(&self, token: Digest, length: usize, jwt: Arc<Jwt>, key: Fingerprint) {
        if let Some(cache) = &self.0 {
            let weight = 1 + (length / BYTES_PER_ENTRY) as u64;
            cache.insert(token, Verified { jwt, key, weight });
        }
    }

    pub(crate) fn remove(&self, token: &Digest) {
        if let Some(cache) = &self.0 {
            cache.remove(token);
        }
    }
}
