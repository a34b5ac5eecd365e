//! Signing out (OpenID Connect RP-Initiated Logout).
//!
//! An application that shows whom it signed in, by an ID token, is believed. Without one the person
//! is asked: otherwise any page could sign people out. The browser is sent on only to a URI that
//! the application has registered.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use crate::authorize::answer::{redirect, with_query};
use crate::clients::Client;
use crate::cookies;
use crate::crypto;
use crate::forms;
use crate::pages;
use crate::parameters::Parameters;
use crate::provider::{Provider, Shared};
use crate::sessions::Session;
use crate::tenant::{Endpoint, Place};

/// What the tokens of the confirmation form are bound to.
const PURPOSE: &str = "sign-out";

/// The parameters that the confirmation form carries besides the client's ID.
const CARRIED: [&str; 2] = ["post_logout_redirect_uri", "state"];

/// Answers a GET.
pub(crate) fn get(provider: &Provider, query: &str, headers: &HeaderMap) -> Response {
    let Ok(parameters) = Parameters::parse(query.as_bytes()) else {
        return problem("The request has too many parameters.");
    };
    let (client, hinted) = match client(provider, &parameters) {
        Ok(found) => found,
        Err(explanation) => return problem(explanation),
    };
    let next = match next(client, &parameters) {
        Ok(next) => next,
        Err(explanation) => return problem(explanation),
    };
    match provider.session(headers) {
        None => leave(next),
        Some(session) if hinted.is_some_and(|subject| subject == session.account.to_string()) => {
            end(provider, &session, next)
        }
        Some(_) => ask(provider, client, &parameters, headers),
    }
}

/// Answers a POST by the same request as a GET, because a form from another site arrives without
/// our cookies.
pub(crate) fn post(provider: &Provider, place: &Place, body: &[u8]) -> Response {
    if Parameters::parse(body).is_err() {
        return problem("The request has too many parameters.");
    }
    let parameters: Vec<_> = url::form_urlencoded::parse(body).into_owned().collect();
    let fields: Vec<_> = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    redirect(&with_query(
        &provider.tenant.url(Endpoint::Logout, place),
        &fields,
    ))
}

/// Answers the confirmation form.
pub(crate) async fn confirmed(
    State(provider): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(form) = Parameters::parse(&body) else {
        return forms::Rejection::Forged.into_response();
    };
    if !forms::is_ours(&provider, &headers, PURPOSE, &form) {
        return forms::Rejection::Forged.into_response();
    }
    let provider: &Provider = Arc::as_ref(&provider);
    let next = client(provider, &form).and_then(|(client, _)| next(client, &form));
    match (next, provider.session(&headers)) {
        (Err(explanation), _) => problem(explanation),
        (Ok(next), None) => leave(next),
        (Ok(next), Some(session)) => end(provider, &session, next),
    }
}

/// The application that asks, and the subject its ID token names. An expired token will do:
/// sessions outlive them.
fn client<'a>(
    provider: &'a Provider,
    parameters: &Parameters,
) -> Result<(Option<&'a Client>, Option<String>), &'static str> {
    if parameters.repeated().is_some() {
        return Err("A parameter is there more than once.");
    }
    let mut subject = None;
    let mut id = parameters.get("client_id").map(str::to_owned);
    if let Some(hint) = parameters.get("id_token_hint") {
        let claims = provider
            .keys
            .verify(hint)
            .ok_or("The ID token (id_token_hint) is not one of ours.")?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        // An access token names its client in `azp`, and is no proof of who signed in there.
        let audience = text("aud").filter(|_| !claims.contains_key("azp"));
        let audience = audience.ok_or("id_token_hint must be an ID token.")?;
        if id
            .as_ref()
            .is_some_and(|id| !id.eq_ignore_ascii_case(&audience))
        {
            return Err("The ID token (id_token_hint) belongs to another application.");
        }
        (id, subject) = (Some(audience), text("sub"));
    }
    match id {
        None => Ok((None, subject)),
        Some(id) => {
            let client = provider
                .clients
                .find(&id)
                .ok_or("The application (client_id) is not registered here.")?;
            Ok((Some(client), subject))
        }
    }
}

/// Where the browser goes afterwards, if anywhere.
fn next(client: Option<&Client>, parameters: &Parameters) -> Result<Option<String>, &'static str> {
    let Some(uri) = parameters.get("post_logout_redirect_uri") else {
        return Ok(None);
    };
    let client =
        client.ok_or("A post_logout_redirect_uri needs an id_token_hint or a client_id.")?;
    if !client.has_redirect_uri(uri) {
        return Err("The post_logout_redirect_uri is not registered for the application.");
    }
    let state: Vec<_> = parameters
        .get("state")
        .map(|state| ("state", state.to_owned()))
        .into_iter()
        .collect();
    Ok(Some(with_query(uri, &state)))
}

fn ask(
    provider: &Provider,
    client: Option<&Client>,
    parameters: &Parameters,
    headers: &HeaderMap,
) -> Response {
    let visit =
        cookies::get(headers, cookies::VISIT).map_or_else(crypto::random_secret, str::to_owned);
    let mut fields: Vec<_> = CARRIED
        .iter()
        .filter_map(|name| Some((*name, parameters.get(name)?)))
        .collect();
    // The application may be known only by its ID token, which is too long to carry and says more
    // than is needed.
    fields.extend(client.map(|client| ("client_id", client.id.as_str())));
    let token = forms::token(provider, &visit, PURPOSE);
    let mut response =
        pages::sign_out::confirm(&token, &fields, parameters.get("post_logout_redirect_uri"));
    response.headers_mut().append(
        header::SET_COOKIE,
        cookies::set(cookies::VISIT, &visit, None),
    );
    response
}

fn end(provider: &Provider, session: &Session, next: Option<String>) -> Response {
    provider.end_session(session);
    tracing::info!(account = %session.account, "signed out");
    let mut response = leave(next);
    response
        .headers_mut()
        .append(header::SET_COOKIE, cookies::clear(cookies::SESSION));
    response
}

fn leave(next: Option<String>) -> Response {
    match next {
        Some(uri) => redirect(&uri),
        None => pages::sign_out::done(),
    }
}

fn problem(explanation: &str) -> Response {
    pages::problem(
        StatusCode::BAD_REQUEST,
        "Signing out did not work",
        explanation,
    )
}
