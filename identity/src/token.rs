//! The token endpoint: turns codes and refresh tokens into tokens.

mod client_authentication;
mod failure;
pub(crate) mod issue;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};

use crate::claims::Subject;
use crate::clients::Client;
use crate::grants::{Grant, Presented};
use crate::metrics::GrantType;
use crate::parameters::Parameters;
use crate::provider::{Provider, uncached};
use crate::tenant::Place;
pub(crate) use failure::{Failure, FailureCode};
use issue::{Issue, TokenResponse};

/// Answers a POST.
pub(crate) async fn post(
    provider: &Provider,
    place: &Place,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    match exchange(provider, place, headers, body).await {
        Ok(response) => uncached(axum::Json(response)),
        Err(failure) => {
            tracing::debug!(
                error = failure.code.as_str(),
                description = failure.description,
                "no token issued"
            );
            uncached(failure.into_response())
        }
    }
}

async fn exchange(
    provider: &Provider,
    place: &Place,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<TokenResponse, Failure> {
    if !is_form(headers) {
        return Err(Failure::invalid_request(
            "Content-Type must be application/x-www-form-urlencoded.",
        ));
    }
    let form = Parameters::parse(body)
        .map_err(|_| Failure::invalid_request("The request has too many parameters."))?;
    if form.repeated().is_some() {
        return Err(Failure::invalid_request(
            "A parameter is there more than once.",
        ));
    }
    let client = client_authentication::authenticate(&provider.clients, headers, &form)?;
    match form.get("grant_type") {
        Some("authorization_code") => redeem_code(provider, place, client, &form).await,
        Some("refresh_token") => refresh(provider, place, client, &form).await,
        Some(_) => Err(Failure::new(
            FailureCode::UnsupportedGrantType,
            "grant_type must be authorization_code or refresh_token.",
        )),
        None => Err(Failure::missing("grant_type")),
    }
}

async fn redeem_code(
    provider: &Provider,
    place: &Place,
    client: &Client,
    form: &Parameters,
) -> Result<TokenResponse, Failure> {
    let code = form.get("code").ok_or_else(|| Failure::missing("code"))?;
    let presented = Presented {
        client_id: &client.id,
        policy: &place.policy,
        redirect_uri: form.get("redirect_uri").unwrap_or_default(),
        // A missing one is a wrong one, and spends the code like it.
        verifier: form.get("code_verifier").unwrap_or_default(),
    };
    let redeemed = provider
        .grants
        .redeem(code, presented, provider.clock.now())?;
    let subject = subject(provider, &redeemed.grant).await?;
    provider.metrics.tokens_issued(GrantType::AuthorizationCode);
    let granted = redeemed.grant.granted.clone();
    Ok(issue::tokens(
        provider,
        subject,
        Issue {
            grant: &redeemed.grant,
            granted: &granted,
            nonce: redeemed.nonce,
            refresh_token: redeemed.refresh_token,
            with_client_info: form.get("client_info").is_some(),
        },
    ))
}

async fn refresh(
    provider: &Provider,
    place: &Place,
    client: &Client,
    form: &Parameters,
) -> Result<TokenResponse, Failure> {
    let token = form
        .get("refresh_token")
        .ok_or_else(|| Failure::missing("refresh_token"))?;
    let now = provider.clock.now();
    let refreshed =
        provider
            .grants
            .refresh(token, &client.id, &place.policy, form.get("scope"), now)?;
    let subject = subject(provider, &refreshed.grant).await?;
    provider.metrics.tokens_issued(GrantType::RefreshToken);
    Ok(issue::tokens(
        provider,
        subject,
        Issue {
            grant: &refreshed.grant,
            granted: &refreshed.granted,
            // A nonce ties an ID token to the request that asked for it, and this one has none.
            nonce: None,
            refresh_token: Some(refreshed.refresh_token),
            with_client_info: form.get("client_info").is_some(),
        },
    ))
}

/// The account behind a grant, as it is now.
async fn subject(provider: &Provider, grant: &Arc<Grant>) -> Result<Subject, Failure> {
    match provider.directory.find_by_id(grant.account).await {
        Ok(Some(account)) => Ok(account.into()),
        Ok(None) => Err(Failure::new(
            FailureCode::InvalidGrant,
            "The account no longer exists.",
        )),
        Err(error) => {
            tracing::error!(%error, "an account could not be read");
            Err(Failure::new(
                FailureCode::ServerError,
                "The account could not be read. Please try again.",
            ))
        }
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| {
            kind.trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
}
