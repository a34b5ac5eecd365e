//! The few cryptographic operations the provider needs besides signing: random values, digests,
//! keyed tags and comparison in constant time.

use aws_lc_rs::{constant_time, digest, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What is kept of a secret that only its holder may know: enough to recognise it, useless to a
/// thief.
pub(crate) type Digest = [u8; 32];

/// Fresh bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system has randomness once it has booted");
    bytes
}

/// A fresh secret of 256 bits, safe in URLs, cookies and forms.
pub(crate) fn random_secret() -> String {
    encode(random::<32>())
}

/// SHA-256.
pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> Digest {
    let digest = digest::digest(&digest::SHA256, bytes.as_ref());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Whether two secrets are the same. Compares digests, so that neither content nor length shows in
/// the time it takes.
pub(crate) fn same_secret(one: &str, other: &str) -> bool {
    constant_time::verify_slices_are_equal(&sha256(one), &sha256(other)).is_ok()
}

/// Base64url without padding, the encoding of everything in this field.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The reverse of [`encode`].
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A key that lives as long as the process, for tags that only this process must recognise.
pub(crate) struct MacKey(hmac::Key);

impl MacKey {
    pub(crate) fn new() -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()))
    }

    /// The tag of these parts. Each part is preceded by its length, so that moving a character from
    /// one part to the next changes the tag.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> Digest {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context
            .sign()
            .as_ref()
            .try_into()
            .expect("HMAC-SHA-256 has 32 bytes")
    }

    /// Whether `tag` is the tag of these parts, in constant time.
    pub(crate) fn verifies(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.tag(parts), tag).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_tells_where_one_part_ends() {
        let key = MacKey::new();
        let tag = key.tag(&[b"ab", b"c"]);
        assert!(key.verifies(&[b"ab", b"c"], &tag));
        assert!(!key.verifies(&[b"a", b"bc"], &tag));
        assert!(!key.verifies(&[b"ab", b"c"], &tag[..31]));
        assert!(!MacKey::new().verifies(&[b"ab", b"c"], &tag));
    }

    #[test]
    fn secrets_are_compared_whole() {
        assert!(same_secret("one", "one"));
        assert!(!same_secret("one", "one "));
        assert!(!same_secret("one", ""));
    }
}
