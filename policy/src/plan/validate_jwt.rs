//! `validate-jwt` as a plan holds it.

use std::sync::Arc;

use crate::diagnostic::Position;
use crate::setting::Setting;

/// `validate-jwt`: <https://learn.microsoft.com/azure/api-management/validate-jwt-policy>.
#[derive(Debug)]
pub struct ValidateJwt {
    /// A number unique within the configuration: the caller keeps what it builds per element (key
    /// sources) under it.
    pub index: usize,
    /// Where the token comes from.
    pub source: TokenSource,
    /// `require-scheme`: looked at only for the `Authorization` header.
    pub require_scheme: Option<Setting<String>>,
    /// `failed-validation-httpcode`, default 401.
    pub failed_status: Setting<u16>,
    /// `failed-validation-error-message`; absent: depends on the failure.
    pub failed_message: Option<Setting<String>>,
    /// `require-expiration-time`, default true.
    pub require_expiration: Setting<bool>,
    /// `require-signed-tokens`, default true.
    pub require_signed: Setting<bool>,
    /// `clock-skew` in seconds, default 0.
    pub clock_skew: Setting<u64>,
    /// `output-token-variable-name`.
    pub output_variable: Option<Arc<str>>,
    /// `openid-config url`, in order.
    pub openid_configs: Vec<String>,
    /// `issuer-signing-keys`.
    pub keys: Vec<SigningKey>,
    /// `audiences`: any one matches; empty: not checked.
    pub audiences: Vec<Setting<String>>,
    /// `issuers`: any one matches, together with those of the discovery documents.
    pub issuers: Vec<Setting<String>>,
    /// `required-claims`: all must hold.
    pub required_claims: Vec<RequiredClaim>,
}

/// Where `validate-jwt` finds the token.
#[derive(Debug)]
pub enum TokenSource {
    /// `header-name`
    Header(Setting<String>),
    /// `query-parameter-name`
    QueryParameter(Setting<String>),
    /// `token-value`
    Value(Setting<String>),
}

/// `issuer-signing-keys/key`. Key bytes are secret: `Debug` shows none of them.
pub struct SigningKey {
    /// `id`, matched with `kid`.
    pub id: Option<String>,
    /// What it is made of.
    pub material: KeyMaterial,
    /// Where the element stands.
    pub position: Position,
}

/// The bytes of a [`SigningKey`].
pub enum KeyMaterial {
    /// Base64 text, decoded: an HMAC secret.
    Symmetric(secrecy::SecretSlice<u8>),
    /// `n` and `e`: an RSA public key, big-endian.
    Rsa {
        /// Modulus.
        n: Vec<u8>,
        /// Exponent.
        e: Vec<u8>,
    },
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// `required-claims/claim`.
#[derive(Debug, Clone)]
pub struct RequiredClaim {
    /// `name`
    pub name: String,
    /// `match`: `true` for `all` (the default), `false` for `any`.
    pub all: bool,
    /// `separator`: splits a string claim into several values.
    pub separator: Option<String>,
    /// The values; empty: presence is enough.
    pub values: Vec<Setting<String>>,
}
