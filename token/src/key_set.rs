//! What a provider published: its issuer and its keys, as of one fetch.

use crate::key::{Fingerprint, Key};

/// The outcome of one successful fetch; replaced as a whole, never changed.
#[derive(Debug)]
pub(crate) struct KeySet {
    /// `issuer` of the discovery document, byte for byte.
    pub(crate) issuer: String,
    /// The usable keys, at least one.
    pub(crate) keys: Vec<Key>,
}

impl KeySet {
    /// Whether the key is among those published.
    pub(crate) fn publishes(&self, key: Fingerprint) -> bool {
        self.keys.iter().any(|published| published.fingerprint() == key)
    }
}
