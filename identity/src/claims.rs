//! The claims of tokens, as Azure AD B2C gives them.

use serde::Serialize;
use uuid::Uuid;

use crate::accounts::Account;

/// Whom a token is about.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) id: Uuid,
    pub(crate) display_name: String,
    pub(crate) email: String,
}

impl From<Account> for Subject {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            display_name: account.display_name,
            email: account.email,
        }
    }
}

/// What ID and access tokens have in common. Times are seconds since 1970.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Claims {
    ver: &'static str,
    pub(crate) iss: String,
    sub: Uuid,
    /// The same object ID once more: it is what the user flow returns.
    oid: Uuid,
    pub(crate) aud: String,
    pub(crate) exp: u64,
    pub(crate) iat: u64,
    pub(crate) nbf: u64,
    /// When the password was given; a refresh does not change it.
    auth_time: u64,
    name: String,
    /// A list, even for one. There is no `email`.
    emails: [String; 1],
    /// The user flow, in its configured case.
    tfp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    /// Access tokens only: the scopes' short names.
    #[serde(skip_serializing_if = "Option::is_none")]
    scp: Option<String>,
    /// Access tokens only: the client they were issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<String>,
}

/// The times and names of one issuance.
#[derive(Debug, Clone)]
pub(crate) struct Issuance {
    pub(crate) issuer: String,
    pub(crate) policy: String,
    pub(crate) issued_at: u64,
    pub(crate) expires_at: u64,
    pub(crate) auth_time: u64,
}

impl Claims {
    fn new(subject: Subject, issuance: &Issuance, audience: String) -> Self {
        Self {
            ver: "1.0",
            iss: issuance.issuer.clone(),
            sub: subject.id,
            oid: subject.id,
            aud: audience,
            exp: issuance.expires_at,
            iat: issuance.issued_at,
            nbf: issuance.issued_at,
            auth_time: issuance.auth_time,
            name: subject.display_name,
            emails: [subject.email],
            tfp: issuance.policy.clone(),
            nonce: None,
            scp: None,
            azp: None,
        }
    }

    /// For the client: who signed in. It has no `scp` and its audience is the client, so no API
    /// takes it for an access token.
    pub(crate) fn for_id_token(
        subject: Subject,
        issuance: &Issuance,
        client_id: &str,
        nonce: Option<String>,
    ) -> Self {
        Self {
            nonce,
            ..Self::new(subject, issuance, client_id.to_owned())
        }
    }

    /// For the API: who calls, through which client, and what for.
    pub(crate) fn for_access_token(
        subject: Subject,
        issuance: &Issuance,
        audience: &str,
        client_id: &str,
        scp: Option<String>,
    ) -> Self {
        let azp = Some(client_id.to_owned());
        Self {
            scp,
            azp,
            ..Self::new(subject, issuance, audience.to_owned())
        }
    }
}
