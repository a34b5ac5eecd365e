//! Hashing and checking passwords, with Argon2id.
//!
//! Hashing is slow on purpose. It runs on blocking threads, a few at a time, so that a crowd at the
//! sign-in page costs neither the memory of the machine nor the answers of the other endpoints.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Semaphore;

/// What OWASP asks for at least: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Longer input is a wrong password: nothing longer can have been set, and 64 characters are at
/// most so long.
const MAX_BYTES: usize = 256;

/// How long somebody waits for a free place before being told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// Hashes and verifies passwords.
pub(crate) struct Hasher {
    argon2: Argon2<'static>,
    places: Arc<Semaphore>,
    /// Verified when there is no account, so that its absence takes as long as a wrong password.
    nobody: String,
    /// How many hashes were computed.
    hashes: Counter,
}

/// Why a password was neither right nor wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashingError {
    #[error("too many people are signing in")]
    Busy,
    #[error("hashing failed: {0}")]
    Failed(String),
}

/// What verifying found out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verified {
    Wrong,
    Right,
    /// Right, and here is the hash that today's parameters make of it.
    RightButOld(String),
}

impl Hasher {
    /// Sets up the parameters and hashes the password of nobody.
    pub(crate) async fn new(hashes: Counter) -> Result<Self, HashingError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        // As many at once as there are processors: more would only take longer each.
        let places = std::thread::available_parallelism()
            .map_or(2, usize::from)
            .min(8);
        let mut hasher = Self {
            argon2,
            places: Arc::new(Semaphore::new(places)),
            nobody: String::new(),
            hashes,
        };
        hasher.nobody = hasher.hash(crate::crypto::random_secret()).await?;
        Ok(hasher)
    }

    /// The PHC string of a new password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, HashingError> {
        let argon2 = self.argon2.clone();
        self.blocking(move || hash(&argon2, &password)).await
    }

    /// Checks a password against an account's PHC string, or against nobody's if there is no
    /// account: then it is always wrong, after the same time.
    pub(crate) async fn verify(
        &self,
        password: String,
        phc: Option<&str>,
    ) -> Result<Verified, HashingError> {
        let known = phc.is_some() && password.len() <= MAX_BYTES;
        let phc = phc.filter(|_| known).unwrap_or(&self.nobody).to_owned();
        let password = if known { password } else { String::new() };
        let argon2 = self.argon2.clone();
        self.blocking(move || {
            let parsed = PasswordHash::new(&phc).map_err(failed)?;
            match argon2.verify_password(password.as_bytes(), &parsed) {
                Ok(()) if !known => Ok(Verified::Wrong),
                Ok(()) if is_old(&argon2, &parsed) => {
                    Ok(Verified::RightButOld(hash(&argon2, &password)?))
                }
                Ok(()) => Ok(Verified::Right),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verified::Wrong),
                Err(error) => Err(failed(error)),
            }
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashingError> + Send + 'static,
    ) -> Result<T, HashingError> {
        let place = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout(PATIENCE, place)
            .await
            .map_err(|_| HashingError::Busy)?
            .expect("the semaphore is never closed");
        let hashes = self.hashes.clone();
        tokio::task::spawn_blocking(move || {
            hashes.inc();
            // Held here and not by the caller: a caller that gives up does not stop the hash it
            // started.
            let _place = place;
            work()
        })
        .await
        .map_err(failed)?
    }
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String, HashingError> {
    argon2
        .hash_password(password.as_bytes())
        .map(|phc| phc.to_string())
        .map_err(failed)
}

/// Whether the hash was made with other parameters than today's.
fn is_old(argon2: &Argon2<'_>, phc: &PasswordHash) -> bool {
    let current = Params::try_from(phc).is_ok_and(|params| {
        let today = argon2.params();
        (params.m_cost(), params.t_cost(), params.p_cost())
            == (today.m_cost(), today.t_cost(), today.p_cost())
    });
    phc.algorithm != Algorithm::Argon2id.ident() || !current
}

fn failed(error: impl std::fmt::Display) -> HashingError {
    HashingError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_recognised_by_its_hash() {
        let hasher = Hasher::new(Counter::default()).await.unwrap();
        let phc = hasher.hash("correct horse".to_owned()).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_eq!(
            hasher
                .verify("correct horse".to_owned(), Some(&phc))
                .await
                .unwrap(),
            Verified::Right
        );
        assert_eq!(
            hasher
                .verify("correct hors".to_owned(), Some(&phc))
                .await
                .unwrap(),
            Verified::Wrong
        );
        assert_eq!(
            hasher.verify(String::new(), None).await.unwrap(),
            Verified::Wrong
        );
        assert_eq!(
            hasher.verify("x".repeat(10_000), Some(&phc)).await.unwrap(),
            Verified::Wrong
        );
    }

    #[tokio::test]
    async fn nobodys_password_takes_as_long_as_anybodys() {
        let hasher = Hasher::new(Counter::default()).await.unwrap();
        let somebody = hasher.hash("Passw0rd!".to_owned()).await.unwrap();
        let cost = |phc: &str| {
            phc.split('$')
                .take(4)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            cost(&hasher.nobody),
            cost(&somebody),
            "algorithm, version, memory, passes and lanes"
        );
    }

    #[tokio::test]
    async fn a_hash_of_weaker_parameters_is_replaced() {
        let hasher = Hasher::new(Counter::default()).await.unwrap();
        let weak = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(64, 1, 1, None).unwrap(),
        );
        let old = hash(&weak, "Passw0rd").unwrap();
        let Verified::RightButOld(new) = hasher
            .verify("Passw0rd".to_owned(), Some(&old))
            .await
            .unwrap()
        else {
            panic!("the old hash was taken for a new one");
        };
        assert_eq!(
            hasher
                .verify("Passw0rd".to_owned(), Some(&new))
                .await
                .unwrap(),
            Verified::Right
        );
    }
}
