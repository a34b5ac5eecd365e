//! Whose requests they are: tokens from a file, or users that sign in at an identity before the
//! run.

mod browser;
mod development;
mod sign_up;
mod token_file;

use std::collections::HashMap;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{StreamExt, TryStreamExt};
use http::HeaderValue;
use url::Url;

use crate::target::{self, Demands, TargetError};

/// Sign-ins at once. Each costs the identity the hash of a password.
const AT_ONCE: usize = 4;

/// Where the subjects come from.
#[derive(Debug, Clone, Default)]
pub enum Subjects {
    /// Requests carry no token of ours.
    #[default]
    Anonymous,
    /// A file with one access token a line.
    Tokens(PathBuf),
    /// So many new users sign in.
    SignIn {
        /// How many.
        users: usize,
        /// In which way.
        how: SignIn,
        /// Where.
        identity: Box<Identity>,
    },
}

/// How users sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignIn {
    /// The development identity mints a token for any name.
    #[default]
    DevelopmentToken,
    /// Each signs up with a password, allows the application and redeems the code, as a person does
    /// in a browser.
    SignUp,
}

/// The identity, and the application that users sign in to.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Its base.
    pub url: Url,
    /// Where it mints development tokens, below the base.
    pub token_path: &'static str,
    /// Its discovery document.
    pub discovery: Url,
    /// The application.
    pub client_id: String,
    /// Where the application receives codes. Nothing has to listen there.
    pub redirect_uri: String,
    /// What the application asks for.
    pub scope: String,
}

/// Why there are no subjects.
#[derive(Debug, thiserror::Error)]
pub enum SubjectsError {
    /// The file cannot be read.
    #[error("{path}: cannot read the tokens: {source}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not hold what it should.
    #[error("{path}{line}: {problem}", path = .path.display(), line = .line.map_or_else(String::new, |n| format!(":{n}")))]
    Tokens {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: Option<usize>,
        /// What is wrong, and what would work.
        problem: String,
    },
    /// The identity is none that load may go to.
    #[error("--identity: {0}")]
    Identity(#[from] TargetError),
    /// The identity does not answer.
    #[error(
        "no identity answers at {url}: {source}\nStart one with `weir up`, or name it with --identity URL."
    )]
    Unreachable {
        /// Where.
        url: Url,
        /// Why.
        source: reqwest::Error,
    },
    /// The identity mints no tokens.
    #[error(
        "{url} answered 404: the development token endpoint is off.\n\
         It is on in `weir up` and in `weir identity --development-tokens`. Or let the users sign up: --sign-in sign-up"
    )]
    DevelopmentTokensOff {
        /// What was asked.
        url: Url,
    },
    /// The identity did not do what was expected.
    #[error("user {user} could not sign in: {step}: {problem}")]
    SignIn {
        /// Which user, from 1.
        user: usize,
        /// What was being done.
        step: &'static str,
        /// What came instead.
        problem: String,
    },
}

impl SubjectsError {
    pub(crate) fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::File { .. } | Self::Tokens { .. } | Self::Identity(_)
        )
    }
}

/// One who calls.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// The name in the report: never a token, never what a token says about a person.
    pub(crate) label: String,
    /// The header, marked as sensitive.
    pub(crate) authorization: HeaderValue,
    /// Equal for tokens of one subject.
    pub(crate) number: u32,
    /// When the token ends, in seconds since 1970, if it says so.
    pub(crate) expires: Option<u64>,
}

impl Subjects {
    /// How many users sign in.
    pub(crate) fn users(&self) -> usize {
        if let Self::SignIn { users, .. } = self {
            *users
        } else {
            0
        }
    }

    /// Whether nobody can have used these subjects before.
    pub(crate) fn are_new(&self) -> bool {
        matches!(self, Self::SignIn { .. })
    }

    /// Reads or signs in all of them. `done` hears how many are.
    pub(crate) async fn prepare(
        &self,
        own: bool,
        done: impl Fn(usize),
    ) -> Result<Vec<Subject>, SubjectsError> {
        let tokens = match self {
            Self::Anonymous => return Ok(Vec::new()),
            Self::Tokens(path) => token_file::read(path)?,
            Self::SignIn {
                users,
                how,
                identity,
            } => {
                let demands = Demands {
                    own,
                    loopback_only: false,
                };
                target::checked_addresses(&identity.url, demands).await?;
                let entrance = match how {
                    SignIn::DevelopmentToken => {
                        Entrance::Development(development::Minter::new(identity)?)
                    }
                    SignIn::SignUp => {
                        Entrance::SignUp(sign_up::Counter::open(identity, demands).await?)
                    }
                };
                // New names each time: what an earlier run used up must not count against this one.
                let run = format!("loadtest-{:08x}", rand::random::<u32>());
                futures_util::stream::iter(0..*users)
                    .map(|n| entrance.enter(n + 1, format!("{run}-{}", n + 1)))
                    .buffered(AT_ONCE)
                    .enumerate()
                    .map(|(n, token)| token.inspect(|_| done(n + 1)))
                    .try_collect()
                    .await?
            }
        };
        let what = if self.are_new() { "user" } else { "token" };
        Ok(subjects_of(&tokens, what))
    }
}

/// The ways in.
enum Entrance<'a> {
    Development(development::Minter<'a>),
    SignUp(sign_up::Counter<'a>),
}

impl Entrance<'_> {
    async fn enter(&self, user: usize, name: String) -> Result<String, SubjectsError> {
        match self {
            Self::Development(minter) => minter.token(user, &name).await,
            Self::SignUp(counter) => counter.sign_up(user, &name).await,
        }
    }
}

fn subjects_of(tokens: &[String], what: &str) -> Vec<Subject> {
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let subject = |(n, token): (usize, &String)| {
        let claims = claims(token);
        // A token that nobody but its issuer can read stands for itself.
        let sub = claims
            .as_ref()
            .and_then(|claims| claims["sub"].as_str())
            .map_or_else(|| token.clone(), str::to_owned);
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))
            .expect("tokens have been checked to be visible ASCII");
        authorization.set_sensitive(true);
        Subject {
            label: format!("{what} {}", n + 1),
            authorization,
            number: *numbers.entry(sub).or_insert(next),
            expires: claims.and_then(|claims| claims["exp"].as_u64()),
        }
    };
    tokens.iter().enumerate().map(subject).collect()
}

/// What a JSON Web Token says, unverified: it is only sorted by.
fn claims(token: &str) -> Option<serde_json::Value> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// Whether a token can stand in a header.
fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn tokens_of_one_subject_share_a_number_and_no_label_tells_who_it_is() {
        let tokens = [
            token(r#"{"sub":"ada","exp":99}"#),
            token(r#"{"sub":"bob"}"#),
            token(r#"{"sub":"ada"}"#),
            "opaque".to_owned(),
        ];
        let subjects = subjects_of(&tokens, "token");
        assert_eq!(
            subjects.iter().map(|s| s.number).collect::<Vec<_>>(),
            [0, 1, 0, 2]
        );
        assert_eq!(subjects[0].expires, Some(99));
        assert_eq!(subjects[2].label, "token 3");
        assert!(
            !format!("{subjects:?}").contains("opaque"),
            "a token never shows"
        );
    }
}
