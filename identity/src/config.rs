//! What the provider can be told, with defaults for development.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::development;

/// Everything the provider needs to start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Scheme, host and port under which browsers and validators reach the provider, such as
    /// `http://localhost:8090`. Every published URL and the issuer are made from it, never from a
    /// `Host` header (but see `internal_url`).
    pub public_url: String,
    /// Scheme, host and port under which validators in a private network reach the provider, if
    /// that is another address, such as `http://identity:8090`. A discovery document that is asked
    /// for there names the key set there; all else stays the same for everybody, the issuer
    /// included.
    pub internal_url: Option<String>,
    /// The tenant's domain name, matched without regard to case.
    pub tenant_name: String,
    /// The tenant's GUID; stands in the issuer and is accepted in place of the name.
    pub tenant_id: String,
    /// The user flows, in the case in which they stand in `tfp`. The first is the one development
    /// tokens name.
    pub policies: Vec<String>,
    /// Which issuer the tokens name.
    pub issuer: Issuer,
    /// Who allows an application to act for somebody.
    pub consent: Consent,
    /// Where accounts are kept.
    pub accounts: Accounts,
    /// Where the signing key is kept, in PEM; made if the file is missing. Without it, the key lies
    /// beside the SQLite file, or lives only as long as the process if accounts are in memory too.
    pub signing_key_file: Option<PathBuf>,
    /// Serve [`development::TOKEN_PATH`], which mints access tokens for anybody who asks over
    /// loopback; others get 404 there.
    pub development_tokens: bool,
    /// Origins that serve the single-page application and the developer console. Their redirect
    /// URIs are the origin with and without a slash, and [`development::CONSOLE_REDIRECT_PATH`]
    /// below it.
    pub spa_origins: Vec<String>,
    /// The backend application's secret.
    pub backend_client_secret: SecretString,
    /// How long what lives.
    pub lifetimes: Lifetimes,
    /// How many wrong passwords are too many.
    pub attempts: AttemptLimits,
    /// What connections may hold.
    pub connections: weir_serve::Limits,
}

/// For a development provider.
const CONNECTIONS: weir_serve::Limits = weir_serve::Limits {
    // A browser opens six.
    connections: 1024,
    // Enough for the longest query with cookies.
    header_bytes: 32 * 1024,
    headers: 100,
    // A person may take long over a form; a browser sends it in one piece.
    header_timeout: Duration::from_secs(30),
    idle_timeout: Duration::from_secs(30),
    stall_timeout: Duration::from_secs(30),
    // More than a page has files.
    streams: 100,
    // Answers take milliseconds, and hashing a password less than a second.
    drain: Duration::from_secs(5),
};

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: development::PUBLIC_URL.to_owned(),
            internal_url: None,
            tenant_name: development::TENANT_NAME.to_owned(),
            tenant_id: development::TENANT_ID.to_owned(),
            policies: vec![development::POLICY.to_owned()],
            issuer: Issuer::Tenant,
            consent: Consent::Person,
            accounts: Accounts::Memory,
            signing_key_file: None,
            development_tokens: false,
            spa_origins: vec![development::SPA_ORIGIN.to_owned()],
            backend_client_secret: SecretString::from(development::BACKEND_CLIENT_SECRET),
            lifetimes: Lifetimes::default(),
            attempts: AttemptLimits::default(),
            connections: CONNECTIONS,
        }
    }
}

impl Config {
    /// The names of the secrets that still have their public development value. A provider that
    /// others can reach must have none.
    pub fn development_secrets(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        if self.backend_client_secret.expose_secret() == development::BACKEND_CLIENT_SECRET {
            names.push("backend client secret");
        }
        names
    }
}

/// The form of the issuer, `iss` in tokens and `issuer` in discovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Issuer {
    /// `{public URL}/{tenant GUID}/v2.0/`: what Azure AD B2C does unless told otherwise. Strict
    /// OpenID clients refuse it, because it is not the prefix of the discovery URL.
    #[default]
    Tenant,
    /// `{public URL}/tfp/{tenant GUID}/{policy}/v2.0/`, which conforms to OpenID Connect Discovery.
    Policy,
}

/// What [`Issuer`] cannot be parsed from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the issuer can be \"tenant\" or \"policy\", not {given:?}")]
pub struct UnknownIssuer {
    given: String,
}

impl FromStr for Issuer {
    type Err = UnknownIssuer;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "tenant" => Ok(Self::Tenant),
            "policy" => Ok(Self::Policy),
            _ => Err(UnknownIssuer {
                given: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tenant => "tenant",
            Self::Policy => "policy",
        })
    }
}

/// Who allows an application to act for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consent {
    /// The person, once: a page lists what the application asks for, and the answer is kept with
    /// the account.
    #[default]
    Person,
    /// An administrator has, for everybody, as in Azure AD B2C. Nobody is asked.
    Administrator,
}

/// Where accounts are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accounts {
    /// In memory: gone with the process.
    Memory,
    /// In this SQLite file, made if it is missing.
    Sqlite(PathBuf),
}

/// What [`Accounts`] cannot be parsed from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("accounts can be kept in \"memory\" or in \"sqlite:PATH\", not in {given:?}")]
pub struct UnknownAccounts {
    given: String,
}

impl FromStr for Accounts {
    type Err = UnknownAccounts;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "memory" => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            _ => Err(UnknownAccounts {
                given: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

/// How long what lives. The defaults are those of Azure AD B2C.
#[derive(Debug, Clone)]
pub struct Lifetimes {
    /// Access and ID tokens; whole seconds.
    pub token: Duration,
    /// Authorization codes.
    pub code: Duration,
    /// Refresh tokens of the single-page application, counted from the sign-in: rotation does not
    /// extend it.
    pub spa_refresh_token: Duration,
    /// Refresh tokens of a client with a secret, counted from each rotation.
    pub confidential_refresh_token: Duration,
    /// How long a client with a secret can go on rotating before the user must sign in again.
    pub confidential_refresh_window: Duration,
    /// How long the refresh token just replaced still works, for two tabs that refresh at the same
    /// moment and for an answer that got lost.
    pub refresh_grace: Duration,
    /// The sign-on session, counted from its last use.
    pub session: Duration,
    /// How long somebody may take to fill in the sign-in page.
    pub transaction: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const DAY: u64 = 24 * 60 * MINUTE;
        Self {
            token: Duration::from_secs(60 * MINUTE),
            code: Duration::from_secs(10 * MINUTE),
            spa_refresh_token: Duration::from_secs(DAY),
            confidential_refresh_token: Duration::from_secs(14 * DAY),
            confidential_refresh_window: Duration::from_secs(90 * DAY),
            // Long enough for a second tab on a slow line, too short for a stolen token to be of
            // use.
            refresh_grace: Duration::from_secs(10),
            session: Duration::from_secs(DAY),
            // A person may look up a password or make a cup of tea.
            transaction: Duration::from_secs(30 * MINUTE),
        }
    }
}

/// How many wrong passwords are too many.
#[derive(Debug, Clone)]
pub struct AttemptLimits {
    /// Wrong passwords for one e-mail address, whether it has an account or not, before it is
    /// locked.
    pub per_account: u32,
    /// Wrong passwords, refused sign-ups and new accounts from one client address (IPv6: one /64)
    /// before it must wait.
    pub per_address: u32,
    /// How long the first lock holds; each further wrong password doubles it.
    pub first_lock: Duration,
    /// What a lock never exceeds.
    pub longest_lock: Duration,
}

impl Default for AttemptLimits {
    fn default() -> Self {
        Self {
            per_account: 10,
            // An office behind one address makes more mistakes than one person.
            per_address: 100,
            first_lock: Duration::from_secs(60),
            longest_lock: Duration::from_secs(5 * 60 * 60),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn accounts_are_read_from_text_and_written_back() {
        for text in ["memory", "sqlite:/var/lib/weir/accounts.db", "sqlite:a:b"] {
            assert_eq!(text.parse::<Accounts>().unwrap().to_string(), text);
        }
        for text in ["", "Memory", "sqlite", "sqlite:", "postgres:x"] {
            assert!(text.parse::<Accounts>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_issuer_is_read_from_text_and_written_back() {
        for (text, issuer) in [("tenant", Issuer::Tenant), ("policy", Issuer::Policy)] {
            assert_eq!(text.parse(), Ok(issuer));
            assert_eq!(issuer.to_string(), text);
        }
        let error = "Tenant".parse::<Issuer>().unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"the issuer can be "tenant" or "policy", not "Tenant""#
        );
    }

    #[test]
    fn a_secret_of_ones_own_is_no_development_secret() {
        let mut config = Config::default();
        assert_eq!(config.development_secrets(), ["backend client secret"]);
        config.backend_client_secret = SecretString::from("another");
        assert!(config.development_secrets().is_empty());
    }
}
