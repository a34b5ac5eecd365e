//! Consent: somebody who signs in allows the application what it asks for, once. What was allowed
//! is kept with the account, so that the page comes back only when the application asks for more.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::accounts::{Account, AccountsError};
use crate::authorize::answer::{Answer, Failure, redirect};
use crate::authorize::request::AuthorizeRequest;
use crate::config;
use crate::forms::{Pending, Rejection};
use crate::metrics::ConsentAnswer;
use crate::pages;
use crate::pages::consent::ConsentPage;
use crate::pages::sign_in::already_answered;
use crate::provider::{Provider, Shared};
use crate::sessions::Session;
use crate::transactions::Transaction;

/// Whether somebody must be asked before the application gets its code.
pub(crate) async fn is_missing(
    provider: &Provider,
    request: &AuthorizeRequest,
    session: &Session,
) -> Result<bool, AccountsError> {
    if provider.consent == config::Consent::Administrator {
        return Ok(false);
    }
    let allowed = provider
        .directory
        .consents(session.account, &request.client_id)
        .await?;
    Ok(request.asks_consent
        || !request
            .granted
            .scopes()
            .iter()
            .all(|scope| allowed.contains(scope)))
}

/// Sends somebody who is signed in back to the application, or to the page that asks.
pub(crate) async fn proceed(
    provider: &Provider,
    transaction: &Transaction,
    session: &Session,
) -> Response {
    let now = provider.clock.now();
    match is_missing(provider, &transaction.request, session).await {
        Ok(false) => {
            provider.transactions.answered(&transaction.id, now);
            provider.answer_with_code(&transaction.request, session)
        }
        Ok(true) => {
            provider
                .transactions
                .signed_in(&transaction.id, session.id, now);
            redirect(&format!("/consent?transaction={}", transaction.id))
        }
        Err(error) => pages::unavailable(&error),
    }
}

/// Shows the page.
pub(crate) async fn show(
    State(provider): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let pending = match Pending::find(&provider, &headers, query.as_deref()) {
        Ok(pending) => pending,
        Err(rejection) => return rejection.into_response(),
    };
    let transaction = &pending.transaction;
    if transaction.answered {
        return already_answered(transaction);
    }
    let Some(session) = person(&provider, transaction, &headers) else {
        return sign_in_first(transaction);
    };
    let account = match account(&provider, &session).await {
        Ok(account) => account,
        Err(response) => return response,
    };
    let api = provider
        .clients
        .find(transaction.request.granted.audience())
        .map_or("", |client| client.name);
    ConsentPage {
        account: &account,
        api,
    }
    .send(StatusCode::OK, transaction, &pending.csrf)
}

/// Keeps the answer and sends the browser back to the application with it. Anything but "allow" is
/// a no.
pub(crate) async fn submit(
    State(provider): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (pending, form) = match Pending::submitted(&provider, &headers, query.as_deref(), &body) {
        Ok(submitted) => submitted,
        Err(rejection) => return rejection.into_response(),
    };
    let transaction = &pending.transaction;
    let Some(session) = person(&provider, transaction, &headers) else {
        return sign_in_first(transaction);
    };
    if form.get("action") != Some("allow") {
        provider.metrics.consent(ConsentAnswer::Cancelled);
        return cancel(&provider, transaction);
    }
    let request = &transaction.request;
    let kept = provider
        .directory
        .add_consents(
            session.account,
            &request.client_id,
            request.granted.scopes(),
        )
        .await;
    if let Err(error) = kept {
        return pages::unavailable(&error);
    }
    provider.metrics.consent(ConsentAnswer::Allowed);
    tracing::info!(account = %session.account, client = request.client_id, "an application was allowed its scopes");
    provider
        .transactions
        .answered(&transaction.id, provider.clock.now());
    provider.answer_with_code(request, &session)
}

/// Tells the application that the person does not want to go on.
pub(crate) fn cancel(provider: &Provider, transaction: &Transaction) -> Response {
    let request = &transaction.request;
    provider
        .transactions
        .answered(&transaction.id, provider.clock.now());
    Answer::error(
        Failure::AccessDenied,
        "AADB2C90091: The user has cancelled entering self-asserted information.",
    )
    .send(&request.reply, &provider.tenant.issuer(&request.policy))
}

/// The session with which this very sign-in went on. Another one is no answer to it: the
/// application may have asked for a fresh password, and one person's click must not speak for
/// another.
fn person(provider: &Provider, transaction: &Transaction, headers: &HeaderMap) -> Option<Session> {
    provider
        .session(headers)
        .filter(|session| transaction.session == Some(session.id))
}

fn sign_in_first(transaction: &Transaction) -> Response {
    redirect(&format!("/sign-in?transaction={}", transaction.id))
}

async fn account(provider: &Provider, session: &Session) -> Result<Account, Response> {
    match provider.directory.find_by_id(session.account).await {
        Ok(Some(account)) => Ok(account),
        Ok(None) => Err(Rejection::Over.into_response()),
        Err(error) => Err(pages::unavailable(&error)),
    }
}
