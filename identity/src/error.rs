//! Why the provider could not start or had to stop.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the provider could not start or had to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A listener that others can reach would use a secret everybody knows.
    #[error("the provider listens on {listener}, beyond loopback, with a public development value for: {}. Set your own, or listen on 127.0.0.1", secrets.join(", "))]
    DevelopmentSecretsBeyondLoopback {
        /// The address in question.
        listener: SocketAddr,
        /// What must be changed.
        secrets: Vec<&'static str>,
    },
    /// A setting makes no sense.
    #[error("{setting} {problem}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What is wrong with it and what would work.
        problem: String,
    },
    /// The signing key could not be read, made or kept.
    #[error("signing key {}: {problem}", path.as_ref().map_or_else(|| "in memory".to_owned(), |path| path.display().to_string()))]
    SigningKey {
        /// Its file, if it has one.
        path: Option<PathBuf>,
        /// What went wrong.
        problem: String,
    },
    /// The accounts could not be opened.
    #[error("accounts: {0}")]
    Accounts(#[from] crate::AccountsError),
    /// The hasher of passwords could not be set up.
    #[error("password hashing could not be set up: {0}")]
    Hashing(String),
    /// A socket failed.
    #[error("the provider's listener failed: {0}")]
    Io(#[from] std::io::Error),
}
