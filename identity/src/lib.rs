//! A small OpenID provider that stands in for Azure AD B2C in development and tests.
//!
//! It has B2C's addresses, claims and page texts, one user flow and the two applications of the
//! scenario; it does authorization code with PKCE, refresh tokens that rotate, and nothing older.
//! Accounts and what they have allowed are kept in memory or in SQLite; pending sign-ins, sessions,
//! codes and refresh tokens always in memory, so a restart asks people to sign in again. [`run`]
//! starts it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod accounts;
mod attempts;
mod authorize;
mod claims;
mod clients;
mod clock;
mod config;
mod consent;
mod cookies;
mod cors;
mod crypto;
mod development_token;
mod discovery;
mod error;
mod expiring;
mod forms;
mod grants;
mod keys;
mod logout;
mod metrics;
mod pages;
mod parameters;
mod passwords;
mod pkce;
mod provider;
mod routes;
mod run;
mod scopes;
mod server;
mod sessions;
mod sign_in;
mod sign_up;
mod strength;
mod tenant;
mod token;
mod transactions;

#[cfg(test)]
mod tests;

pub use accounts::AccountsError;
pub use config::{
    Accounts, AttemptLimits, Config, Consent, Issuer, Lifetimes, UnknownAccounts, UnknownIssuer,
};
pub use error::Error;
pub use run::run;
pub use weir_development as development;
