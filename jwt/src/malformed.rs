//! Why a text is no token. The texts name what is wrong and never hold a part of it: they may reach
//! a client or a log.

use thiserror::Error;

/// A text that is not a signed token in its compact form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{}", self.as_str())]
pub enum Malformed {
    /// Longer than [`MAX_TOKEN_BYTES`](crate::MAX_TOKEN_BYTES).
    TooLong,
    /// Not three parts.
    Parts,
    /// Five parts.
    Encrypted,
    /// The header has too many bytes.
    HeaderTooLong,
    /// The header is not base64url.
    HeaderEncoding,
    /// The header is not one JSON object with distinct names.
    Header,
    /// The claims are not base64url.
    ClaimsEncoding,
    /// The claims are not one JSON object with distinct names.
    Claims,
    /// The signature is not base64url.
    SignatureEncoding,
}

impl Malformed {
    /// What is wrong, to follow a colon.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "it is too long",
            Self::Parts => "it does not have three parts",
            Self::Encrypted => "encrypted tokens are not supported",
            Self::HeaderTooLong => "the header is too long",
            Self::HeaderEncoding => "the header is not base64url",
            Self::Header => "the header is not a JSON object with distinct names",
            Self::ClaimsEncoding => "the claims are not base64url",
            Self::Claims => "the claims are not a JSON object with distinct names",
            Self::SignatureEncoding => "the signature is not base64url",
        }
    }
}
