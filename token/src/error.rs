//! Why a token was refused: one variant per cause, with the reason codes of API Management.
//!
//! Texts name what is wrong with the token and nothing about the keys or the network behind the
//! check, because they may reach the client. They never contain the token.

use thiserror::Error;
use weir_jwt::{MAX_TOKEN_BYTES, Malformed};

/// A refused token. `Display` is the text for people (`context.LastError.Message`).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenError {
    /// There is no token in the request.
    #[error("JWT not present.")]
    NotPresent,
    /// The token is longer than what is read.
    #[error("The JWT is longer than {limit} bytes. Access denied.")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// The text is not a signed JWT, or a claim every token has is of the wrong type. Holds what is
    /// wrong.
    #[error("The JWT is malformed: {0}. Access denied.")]
    Malformed(&'static str),
    /// A key fits the token, but the signature does not.
    #[error("The signature of the JWT is not valid. Access denied.")]
    SignatureInvalid,
    /// No known key fits the token.
    #[error("No known key fits the signature of the JWT. Access denied.")]
    SignatureKeyNotFound,
    /// The token names an algorithm its key does not allow, or none at all.
    #[error("The signature algorithm of the JWT is not allowed. Access denied.")]
    AlgorithmNotAllowed,
    /// `exp` is in the past.
    #[error("The JWT has expired. Access denied.")]
    Expired,
    /// `nbf` is in the future.
    #[error("The JWT is not valid yet. Access denied.")]
    NotYetValid,
    /// No value of `aud` is accepted.
    #[error("The audience of the JWT is not allowed. Access denied.")]
    AudienceNotAllowed,
    /// `iss` is not accepted.
    #[error("The issuer of the JWT is not allowed. Access denied.")]
    IssuerNotAllowed,
    /// Required claims are absent. Holds their names.
    #[error("JWT token is missing the following claims: {}. Access denied.", .0.join(", "))]
    ClaimMissing(Vec<String>),
    /// A required claim has another value than those allowed.
    #[error("Claim {name} value of {value} is not allowed. Access denied.")]
    ClaimNotAllowed {
        /// The claim.
        name: String,
        /// Its value as text, shortened if long.
        value: String,
    },
    /// The keys of a provider could never be loaded, so the token cannot be judged. Holds the
    /// provider's discovery URL for the log; the text does not show it.
    #[error("The keys to check the JWT with are not available. Access denied.")]
    KeysUnavailable(String),
}

impl TokenError {
    /// Everything that [`Self::label`] can say.
    pub(crate) const LABELS: [&str; 13] = [
        "not_present",
        "too_large",
        "malformed",
        "signature_invalid",
        "key_not_found",
        "algorithm_not_allowed",
        "expired",
        "not_yet_valid",
        "audience_not_allowed",
        "issuer_not_allowed",
        "claim_missing",
        "claim_not_allowed",
        "keys_unavailable",
    ];

    /// The machine-readable code of API Management (`context.LastError.Reason`).
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotPresent => "TokenNotPresent",
            Self::TooLarge { .. } | Self::Malformed(_) | Self::NotYetValid => "JwtInvalid",
            Self::SignatureInvalid | Self::AlgorithmNotAllowed => "TokenSignatureInvalid",
            Self::SignatureKeyNotFound | Self::KeysUnavailable(_) => "TokenSignatureKeyNotFound",
            Self::Expired => "TokenExpired",
            Self::AudienceNotAllowed => "TokenAudienceNotAllowed",
            Self::IssuerNotAllowed => "TokenIssuerNotAllowed",
            Self::ClaimMissing(_) => "TokenClaimNotFound",
            Self::ClaimNotAllowed { .. } => "TokenClaimValueNotAllowed",
        }
    }

    /// The value of the `result` label in the metrics: finer than [`Self::reason`], and of a fixed
    /// set.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::NotPresent => "not_present",
            Self::TooLarge { .. } => "too_large",
            Self::Malformed(_) => "malformed",
            Self::SignatureInvalid => "signature_invalid",
            Self::SignatureKeyNotFound => "key_not_found",
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::AudienceNotAllowed => "audience_not_allowed",
            Self::IssuerNotAllowed => "issuer_not_allowed",
            Self::ClaimMissing(_) => "claim_missing",
            Self::ClaimNotAllowed { .. } => "claim_not_allowed",
            Self::KeysUnavailable(_) => "keys_unavailable",
        }
    }
}

impl From<Malformed> for TokenError {
    fn from(why: Malformed) -> Self {
        match why {
            Malformed::TooLong => Self::TooLarge {
                limit: MAX_TOKEN_BYTES,
            },
            why => Self::Malformed(why.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_are_all_there_and_no_other() {
        let errors = [
            TokenError::NotPresent,
            TokenError::TooLarge { limit: 1 },
            TokenError::Malformed("so"),
            TokenError::SignatureInvalid,
            TokenError::SignatureKeyNotFound,
            TokenError::AlgorithmNotAllowed,
            TokenError::Expired,
            TokenError::NotYetValid,
            TokenError::AudienceNotAllowed,
            TokenError::IssuerNotAllowed,
            TokenError::ClaimMissing(Vec::new()),
            TokenError::ClaimNotAllowed {
                name: String::new(),
                value: String::new(),
            },
            TokenError::KeysUnavailable(String::new()),
        ];
        assert_eq!(errors.map(|error| error.label()), TokenError::LABELS);
    }
}
