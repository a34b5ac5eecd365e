//! What a provider published: its issuer, its keys and its endpoints, as of one fetch.

use std::collections::HashSet;

use crate::key::{Fingerprint, Key, Material};

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
    /// Those of the keys: asked for on every call, so it must not take a search through a thousand.
    fingerprints: HashSet<Fingerprint>,
    /// The same without what stands beside the keys' numbers.
    materials: HashSet<Material>,
}

impl KeySet {
    pub(crate) fn new(issuer: String, endpoints: Option<Endpoints>, keys: Vec<Key>) -> Self {
        let fingerprints: HashSet<_> = keys.iter().map(Key::fingerprint).collect();
        let materials = fingerprints.iter().map(Fingerprint::material).collect();
        Self {
            issuer,
            endpoints,
            keys,
            fingerprints,
            materials,
        }
    }

    /// Whether the key is among those published, with this id and these algorithms.
    pub(crate) fn holds(&self, key: Fingerprint) -> bool {
        self.fingerprints.contains(&key)
    }

    /// Whether the key is among those published, with whatever id and algorithms.
    pub(crate) fn publishes(&self, key: Material) -> bool {
        self.materials.contains(&key)
    }

    /// Whether both say the same about who signs.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        self.issuer == other.issuer && self.fingerprints == other.fingerprints
    }
}
