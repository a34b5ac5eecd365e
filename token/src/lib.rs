//! Validation of JSON Web Tokens: OpenID discovery, key sets, signatures and claims.
//!
//! [`Providers`] keeps the published keys of OpenID providers fresh. A [`Validator`] holds the key
//! sources of one place that checks tokens and answers with a [`Jwt`] or a [`TokenError`]. Three
//! rules shape everything here: the algorithm comes from the key and never from the token; the
//! signature of one token is verified once while its key is published, but its claims are checked
//! on every call; and nothing a caller sends can cause more than one key fetch per interval.
//!
//! How a token is read, and how large it may be, is the affair of `weir-jwt`, which those who only
//! look into one use too. Encrypted tokens (JWE) are refused.

mod algorithm;
mod cache;
mod claims;
mod compact;
mod download;
mod error;
mod fetch;
mod health;
mod issuer;
mod jwk;
mod key;
mod key_set;
mod keyring;
mod metrics;
mod notices;
mod provider;
mod providers;
mod requirements;
mod signing_key;
mod validator;

pub use error::TokenError;
pub use key_set::Endpoints;
pub use metrics::Metrics;
pub use provider::Provider;
pub use providers::{Providers, ProvidersConfig, ProvidersError};
pub use requirements::{Match, RequiredClaim, Requirements};
pub use signing_key::{InvalidKey, SigningKey};
pub use validator::{KeySources, Validator, ValidatorConfig};
pub use weir_jwt::{Jwt, Scheme, from_authorization};
