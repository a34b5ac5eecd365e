//! The name under which a counter is stored.

use sha2::{Digest, Sha256};

/// Longer keys are stored as their SHA-256, so that a name's size is bounded.
const LONGEST_PLAIN: usize = 64;
/// Both prefixes are equally long and differ, so no key can be chosen to look like another's hash.
/// A plain key stands as it is, so a `{tag}` in it decides its slot in a Redis Cluster.
const PLAIN: &[u8; 5] = b"weir:";
const HASHED: &[u8; 5] = b"weir#";

/// A counter's name, without allocation.
#[derive(Clone, Copy)]
pub(crate) struct StoredKey {
    bytes: [u8; Self::LONGEST],
    len: usize,
}

impl StoredKey {
    /// The most bytes a name has.
    pub(crate) const LONGEST: usize = PLAIN.len() + LONGEST_PLAIN;

    pub(crate) fn new(key: &[u8]) -> Self {
        let mut name = Self {
            bytes: [0; Self::LONGEST],
            len: 0,
        };
        if key.len() <= LONGEST_PLAIN {
            name.push(PLAIN);
            name.push(key);
        } else {
            name.push(HASHED);
            name.push(&Sha256::digest(key));
        }
        name
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_keys_stand_as_they_are() {
        assert_eq!(StoredKey::new(b"tenant{7}").as_bytes(), b"weir:tenant{7}");
        assert_eq!(StoredKey::new(&[b'x'; 64]).as_bytes().len(), 69);
    }

    #[test]
    fn long_keys_are_hashed_and_never_meet_a_plain_one() {
        let long = StoredKey::new(&[b'x'; 65]);
        assert_eq!(long.as_bytes().len(), 37);
        let imitation = StoredKey::new(&long.as_bytes()[HASHED.len()..]);
        assert_ne!(long.as_bytes(), imitation.as_bytes());
        assert_ne!(long.as_bytes(), StoredKey::new(&[b'x'; 66]).as_bytes());
    }
}
