//! What a provider published: its issuer, its keys and its endpoints, as of one fetch.

use crate::key::{Fingerprint, Key};

/// Where people sign in and applications fetch tokens, as a discovery document names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// `authorization_endpoint`
    pub authorization: String,
    /// `token_endpoint`
    pub token: String,
}

/// The outcome of one successful fetch; replaced as a whole, never changed.
#[derive(Debug)]
pub(crate) struct KeySet {
    /// `issuer` of the discovery document, byte for byte.
    pub(crate) issuer: String,
    /// Absent from documents that only serve validation.
    pub(crate) endpoints: Option<Endpoints>,
    /// The usable keys, at least one.
    pub(crate) keys: Vec<Key>,
}

impl KeySet {
    /// Whether the key is among those published.
    pub(crate) fn publishes(&self, key: Fingerprint) -> bool {
        self.keys.iter().any(|published| published.fingerprint() == key)
    }
}
