//! A family of refresh tokens, and how one of its tokens is written.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Grant;
use crate::crypto::{self, Digest};

/// All refresh tokens that descend from one code, of which one is current.
pub(super) struct Family {
    pub(super) grant: Arc<Grant>,
    /// How often it was rotated.
    pub(super) generation: u64,
    pub(super) rotated_at: SystemTime,
    /// When the current token expires.
    pub(super) expires: SystemTime,
    /// When no rotation helps any more.
    pub(super) ends: SystemTime,
}

impl Family {
    pub(super) fn new(
        grant: Arc<Grant>,
        expires: SystemTime,
        ends: SystemTime,
        now: SystemTime,
    ) -> Self {
        Self {
            grant,
            generation: 0,
            rotated_at: now,
            expires,
            ends,
        }
    }
}

/// A refresh token for its client.
pub(crate) struct RefreshToken {
    pub(crate) secret: String,
    pub(crate) expires_in: Duration,
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshToken")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// Writes a token: the family's ID, which cannot be guessed, and the tag of the generation.
pub(super) fn join(id: &Digest, tag: &Digest) -> String {
    crypto::encode([id.as_slice(), tag.as_slice()].concat())
}

/// Reads what [`join`] wrote.
pub(super) fn split(token: &str) -> Option<(Digest, Digest)> {
    if token.len() > 128 {
        return None;
    }
    let bytes = crypto::decode(token)?;
    let (id, tag) = bytes.split_at_checked(32)?;
    Some((id.try_into().ok()?, tag.try_into().ok()?))
}
