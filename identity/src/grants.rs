//! What has been granted and can still be turned into tokens: authorization codes, each good for
//! one redemption, and refresh tokens, each good until it is replaced.
//!
//! Refresh tokens come in families: all that descend from one code. A token names its family and
//! carries a tag of its generation under a key of this process, so a family is a few bytes however
//! often it rotates, and nothing that is stored can be presented. Only the current generation is
//! good, and for a few seconds the one before it, which is then answered with the *same* successor:
//! two tabs that refresh at once both stay signed in. Anything else that names a family is a token
//! used again after it was replaced, by its owner or by a thief: the family ends.

mod refresh;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use uuid::Uuid;

use crate::clock::until;
use crate::config::Lifetimes;
use crate::crypto::{self, Digest, MacKey};
use crate::expiring::Expiring;
use crate::pkce::Challenge;
use crate::scopes::{Granted, ScopeError};
use refresh::Family;
pub(crate) use refresh::RefreshToken;

/// Codes live minutes and are made by people, so this is a crowd.
const CODE_CAPACITY: usize = 20_000;

/// About 300 bytes each.
const FAMILY_CAPACITY: usize = 100_000;

/// What somebody's sign-in gave a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) policy: Arc<str>,
    pub(crate) granted: Granted,
    pub(crate) account: Uuid,
    /// When the password was given.
    pub(crate) signed_in_at: SystemTime,
    /// The session it came from: its end ends codes and refresh tokens.
    pub(crate) session: Digest,
    /// The client has a secret, and longer lifetimes.
    pub(crate) confidential: bool,
}

/// What a code is bound to besides the grant.
#[derive(Debug, Clone)]
pub(crate) struct CodeRequest {
    pub(crate) grant: Arc<Grant>,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Challenge,
    pub(crate) nonce: Option<String>,
}

/// What a client presents to redeem a code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presented<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) policy: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) verifier: &'a str,
}

/// A redeemed code.
#[derive(Debug)]
pub(crate) struct Redeemed {
    pub(crate) grant: Arc<Grant>,
    pub(crate) nonce: Option<String>,
    pub(crate) refresh_token: Option<RefreshToken>,
}

/// A used refresh token and its successor.
#[derive(Debug)]
pub(crate) struct Refreshed {
    pub(crate) grant: Arc<Grant>,
    /// What this refresh asked for, which may be less than the grant.
    pub(crate) granted: Granted,
    pub(crate) refresh_token: RefreshToken,
}

/// Why a code or refresh token is no good. The texts begin with the codes of Azure AD B2C where
/// there is one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GrantError {
    #[error("AADB2C90080: The provided grant has expired or is unknown. Please sign in again.")]
    Unknown,
    #[error(
        "AADB2C90080: The provided grant has been used before. All tokens that came from it are revoked."
    )]
    Reused,
    #[error("AADB2C90088: The provided grant has not been issued for this endpoint.")]
    OtherPolicy,
    #[error("AADB2C90080: The provided grant was issued to another application.")]
    OtherClient,
    #[error("AADB2C90006: The redirect URI is not the one of the authorization request.")]
    OtherRedirectUri,
    #[error("AADB2C90183: The code_verifier does not match the code_challenge.")]
    WrongVerifier,
    #[error(transparent)]
    Scope(#[from] ScopeError),
}

enum Code {
    Fresh(Box<CodeRequest>),
    /// Used. Remembered until it would have expired, to notice a second use.
    Spent {
        family: Option<Digest>,
    },
}

/// All codes and refresh families. In memory: after a restart people sign in again.
pub(crate) struct Grants {
    lifetimes: Lifetimes,
    key: MacKey,
    /// One lock for both maps: redeeming a code and beginning its family are one step, so a replay
    /// always finds the family it must end. Held for a few look-ups, never across an await.
    tables: Mutex<Tables>,
}

struct Tables {
    codes: Expiring<Digest, Code>,
    families: Expiring<Digest, Family>,
}

impl Grants {
    pub(crate) fn new(lifetimes: Lifetimes) -> Self {
        let tables = Tables {
            codes: Expiring::new(CODE_CAPACITY),
            families: Expiring::new(FAMILY_CAPACITY),
        };
        Self {
            lifetimes,
            key: MacKey::new(),
            tables: Mutex::new(tables),
        }
    }

    /// A fresh code. Only its digest is kept.
    pub(crate) fn issue_code(&self, request: CodeRequest, now: SystemTime) -> String {
        let code = crypto::random_secret();
        let deadline = now + self.lifetimes.code;
        self.tables.lock().codes.insert(
            crypto::sha256(&code),
            Code::Fresh(Box::new(request)),
            deadline,
            now,
        );
        code
    }

    /// Takes a code. Of any number of callers one gets it; each later one ends the refresh tokens
    /// that came from it. A failed check spends it too.
    pub(crate) fn redeem(
        &self,
        code: &str,
        presented: Presented<'_>,
        now: SystemTime,
    ) -> Result<Redeemed, GrantError> {
        let mut tables = self.tables.lock();
        let tables = &mut *tables;
        let entry = tables
            .codes
            .get_mut(&crypto::sha256(code), now)
            .ok_or(GrantError::Unknown)?;
        let request = match std::mem::replace(entry, Code::Spent { family: None }) {
            Code::Fresh(request) => request,
            Code::Spent { family } => {
                if let Some(family) = family {
                    tables.families.remove(&family);
                }
                return Err(GrantError::Reused);
            }
        };
        request.check(presented)?;
        let refresh_token = request.grant.granted.has("offline_access").then(|| {
            let id = crypto::random();
            *entry = Code::Spent { family: Some(id) };
            self.begin_family(&mut tables.families, id, &request.grant, now)
        });
        Ok(Redeemed {
            grant: request.grant,
            nonce: request.nonce,
            refresh_token,
        })
    }

    fn begin_family(
        &self,
        families: &mut Expiring<Digest, Family>,
        id: Digest,
        grant: &Arc<Grant>,
        now: SystemTime,
    ) -> RefreshToken {
        let (lifetime, window) = self.refresh_lifetimes(grant);
        let ends = now + window;
        let expires = (now + lifetime).min(ends);
        families.insert(
            id,
            Family::new(Arc::clone(grant), expires, ends, now),
            expires,
            now,
        );
        self.refresh_token(&id, 0, expires, now)
    }

    /// Replaces a refresh token by the next of its family.
    pub(crate) fn refresh(
        &self,
        token: &str,
        client_id: &str,
        policy: &str,
        scope: Option<&str>,
        now: SystemTime,
    ) -> Result<Refreshed, GrantError> {
        let (id, tag) = refresh::split(token).ok_or(GrantError::Unknown)?;
        let mut tables = self.tables.lock();
        let family = tables
            .families
            .get_mut(&id, now)
            .ok_or(GrantError::Unknown)?;
        if family.grant.client_id != client_id {
            return Err(GrantError::OtherClient);
        }
        if *family.grant.policy != *policy {
            return Err(GrantError::OtherPolicy);
        }
        let is = |generation: u64| self.key.verifies(&[&id, &generation.to_be_bytes()], &tag);
        let is_current = is(family.generation);
        let is_predecessor = family.generation > 0
            && is(family.generation - 1)
            && now < family.rotated_at + self.lifetimes.refresh_grace;
        if !is_current && !is_predecessor {
            tables.families.remove(&id);
            return Err(GrantError::Reused);
        }
        let granted = family.grant.granted.narrow(scope, client_id)?;
        if is_current {
            family.generation += 1;
            family.rotated_at = now;
            // A family of the single-page application keeps the end it was born with; one of a
            // client with a secret moves on, within its window.
            family.expires = self.next_expiry(family, now);
        }
        let (grant, generation, expires) =
            (Arc::clone(&family.grant), family.generation, family.expires);
        tables.families.extend(&id, expires);
        Ok(Refreshed {
            grant,
            granted,
            refresh_token: self.refresh_token(&id, generation, expires, now),
        })
    }

    /// Ends every refresh token that came from a session, and every code that could still become
    /// one.
    pub(crate) fn end_session(&self, session: &Digest) {
        let mut tables = self.tables.lock();
        tables
            .families
            .retain(|family| family.grant.session != *session);
        tables.codes.retain(
            |code| !matches!(code, Code::Fresh(request) if request.grant.session == *session),
        );
    }

    fn next_expiry(&self, family: &Family, now: SystemTime) -> SystemTime {
        let (lifetime, _) = self.refresh_lifetimes(&family.grant);
        (now + lifetime).min(family.ends)
    }

    /// How long one token lives, and how long its family does at most.
    fn refresh_lifetimes(&self, grant: &Grant) -> (Duration, Duration) {
        if grant.confidential {
            (
                self.lifetimes.confidential_refresh_token,
                self.lifetimes.confidential_refresh_window,
            )
        } else {
            (
                self.lifetimes.spa_refresh_token,
                self.lifetimes.spa_refresh_token,
            )
        }
    }

    fn refresh_token(
        &self,
        id: &Digest,
        generation: u64,
        expires: SystemTime,
        now: SystemTime,
    ) -> RefreshToken {
        let tag = self.key.tag(&[id, &generation.to_be_bytes()]);
        RefreshToken {
            secret: refresh::join(id, &tag),
            expires_in: until(expires, now),
        }
    }
}

impl CodeRequest {
    fn check(&self, presented: Presented<'_>) -> Result<(), GrantError> {
        if self.grant.client_id != presented.client_id {
            return Err(GrantError::OtherClient);
        }
        if *self.grant.policy != *presented.policy {
            return Err(GrantError::OtherPolicy);
        }
        if self.redirect_uri != presented.redirect_uri {
            return Err(GrantError::OtherRedirectUri);
        }
        if !self.challenge.is_met_by(presented.verifier) {
            return Err(GrantError::WrongVerifier);
        }
        Ok(())
    }
}
