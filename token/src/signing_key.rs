//! Keys given inline in a configuration (`issuer-signing-keys`).

use secrecy::SecretSlice;
use thiserror::Error;

use crate::keyring::inline_key;

/// A key that is known without asking a provider. `Debug` shows none of a secret's bytes.
#[derive(Debug, Clone)]
pub enum SigningKey {
    /// A shared secret for HS256, HS384 and HS512.
    Hmac {
        /// Matched with the token's `kid`; a key without one fits every token.
        id: Option<String>,
        /// At least 16 bytes.
        secret: SecretSlice<u8>,
    },
    /// An RSA public key of 2048 to 8192 bits for the RS and PS algorithms.
    Rsa {
        /// Matched with the token's `kid`; a key without one fits every token.
        id: Option<String>,
        /// The modulus, big-endian.
        n: Vec<u8>,
        /// The exponent, big-endian.
        e: Vec<u8>,
    },
}

impl SigningKey {
    /// Looks whether a [`Validator`](crate::Validator) can use it.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn check(&self) -> Result<(), InvalidKey> {
        inline_key(self.clone()).map(drop)
    }
}

/// A key that cannot be used. The text says why and what would work; it never shows the key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct InvalidKey(pub(crate) String);
