//! Making the tokens, and the answer they come in.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::json;

use crate::claims::{Claims, Issuance, Subject};
use crate::clock::unix_seconds;
use crate::crypto;
use crate::grants::{Grant, RefreshToken};
use crate::provider::Provider;
use crate::scopes::Granted;

/// The answer of the token endpoint. Times are seconds, and numbers.
#[derive(Serialize)]
pub(crate) struct TokenResponse {
    pub(crate) access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_token: Option<String>,
    token_type: &'static str,
    not_before: u64,
    expires_in: u64,
    expires_on: u64,
    /// The audience of the access token.
    resource: String,
    /// What was granted, as it was asked for.
    pub(crate) scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token_expires_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_info: Option<String>,
}

/// What to issue.
pub(crate) struct Issue<'a> {
    pub(crate) grant: &'a Grant,
    /// The grant's scopes, or fewer.
    pub(crate) granted: &'a Granted,
    pub(crate) nonce: Option<String>,
    pub(crate) refresh_token: Option<RefreshToken>,
    /// Microsoft's libraries ask for the account's ID beside the tokens.
    pub(crate) with_client_info: bool,
}

/// Signs an access token, and an ID token if `openid` was granted.
pub(crate) fn tokens(provider: &Provider, subject: Subject, issue: Issue<'_>) -> TokenResponse {
    let Issue {
        grant,
        granted,
        nonce,
        refresh_token,
        with_client_info,
    } = issue;
    let issuance = issuance(provider, &grant.policy, grant.signed_in_at);
    let client_info = with_client_info.then(|| client_info(provider, &subject, &grant.policy));
    let id_token = granted.has("openid").then(|| {
        let claims = Claims::for_id_token(subject.clone(), &issuance, &grant.client_id, nonce);
        provider.keys.sign(&claims)
    });
    let (secret, expires_in) = refresh_token
        .map(|token| (token.secret, token.expires_in.as_secs()))
        .unzip();
    TokenResponse {
        id_token,
        refresh_token: secret,
        refresh_token_expires_in: expires_in,
        client_info,
        ..access_token(provider, subject, &issuance, &grant.client_id, granted)
    }
}

/// Signs an access token.
pub(crate) fn access_token(
    provider: &Provider,
    subject: Subject,
    issuance: &Issuance,
    client_id: &str,
    granted: &Granted,
) -> TokenResponse {
    let claims = Claims::for_access_token(
        subject,
        issuance,
        granted.audience(),
        client_id,
        granted.short_names(),
    );
    TokenResponse {
        access_token: provider.keys.sign(&claims),
        id_token: None,
        token_type: "Bearer",
        not_before: issuance.issued_at,
        expires_in: issuance.expires_at.saturating_sub(issuance.issued_at),
        expires_on: issuance.expires_at,
        resource: granted.audience().to_owned(),
        scope: granted.as_asked(),
        refresh_token: None,
        refresh_token_expires_in: None,
        client_info: None,
    }
}

/// Times and names of tokens issued now.
pub(crate) fn issuance(provider: &Provider, policy: &str, signed_in_at: SystemTime) -> Issuance {
    let issued_at = unix_seconds(provider.clock.now());
    Issuance {
        issuer: provider.tenant.issuer(policy),
        policy: policy.to_owned(),
        issued_at,
        expires_at: issued_at.saturating_add(provider.lifetimes.token.as_secs()),
        auth_time: unix_seconds(signed_in_at),
    }
}

fn client_info(provider: &Provider, subject: &Subject, policy: &str) -> String {
    let uid = format!("{}-{}", subject.id, policy.to_ascii_lowercase());
    crypto::encode(json!({ "uid": uid, "utid": provider.tenant.id() }).to_string())
}
