//! A small OpenID provider that stands in for Azure AD B2C in development and tests.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod config;
pub mod development;

pub use config::{AttemptLimits, Accounts, Config, Issuer, Lifetimes, UnknownAccounts};
