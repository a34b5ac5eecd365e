//! The authorization endpoint: checks a request and answers it at once, or sends the browser to the
//! sign-in page.

pub(crate) mod answer;
pub(crate) mod request;

use std::time::SystemTime;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use crate::consent;
use crate::cookies;
use crate::crypto;
use crate::pages;
use crate::parameters::Parameters;
use crate::provider::Provider;
use crate::tenant::{Endpoint, Place};
use answer::{Answer, Failure, redirect};
use request::{AuthorizeRequest, Prompt, Refusal};

/// Answers a GET.
pub(crate) async fn get(
    provider: &Provider,
    place: &Place,
    query: &str,
    headers: &HeaderMap,
) -> Response {
    let Ok(parameters) = Parameters::parse(query.as_bytes()) else {
        return too_long();
    };
    match AuthorizeRequest::check(provider, place, &parameters) {
        Ok(request) => begin(provider, request, headers).await,
        Err(Refusal::Page(problem)) => pages::problem(
            StatusCode::BAD_REQUEST,
            "This sign-in cannot begin",
            problem,
        ),
        Err(Refusal::Application(reply, answer)) => {
            answer.send(&reply, &provider.tenant.issuer(&place.policy))
        }
    }
}

/// Answers a POST by the same request as a GET. A form that another site sends arrives without our
/// cookies, the GET that follows has them.
pub(crate) fn post(provider: &Provider, place: &Place, body: &[u8]) -> Response {
    if Parameters::parse(body).is_err() {
        return too_long();
    }
    let url = provider.tenant.url(Endpoint::Authorize, place);
    let parameters: Vec<_> = url::form_urlencoded::parse(body).into_owned().collect();
    let fields: Vec<_> = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    redirect(&answer::with_query(&url, &fields))
}

async fn begin(provider: &Provider, request: AuthorizeRequest, headers: &HeaderMap) -> Response {
    let now = provider.clock.now();
    if request.prompt == Prompt::Login {
        return ask(provider, request, true, headers, now);
    }
    let session = provider
        .session(headers)
        .filter(|session| request.accepts(session, now));
    let missing = match &session {
        None => Some((
            Failure::LoginRequired,
            "AADB2C90077: The user has no session and the request has prompt=none.",
        )),
        Some(session) => match consent::is_missing(provider, &request, session).await {
            Ok(false) => None,
            Ok(true) => Some((
                Failure::ConsentRequired,
                "The user has not yet allowed the application these scopes and the request has prompt=none.",
            )),
            Err(error) => {
                tracing::error!(%error, "consents could not be read");
                let answer = Answer::error(
                    Failure::ServerError,
                    "The accounts could not be read. Please try again.",
                );
                return answer.send(&request.reply, &provider.tenant.issuer(&request.policy));
            }
        },
    };
    match (session, missing) {
        (Some(session), None) => provider.answer_with_code(&request, &session),
        (_, Some((failure, description))) if request.prompt == Prompt::None => {
            Answer::error(failure, description)
                .send(&request.reply, &provider.tenant.issuer(&request.policy))
        }
        // The sign-in page goes on to the consent page by itself if there is a session.
        _ => ask(provider, request, false, headers, now),
    }
}

/// Keeps the request and sends the browser to the sign-in page.
fn ask(
    provider: &Provider,
    request: AuthorizeRequest,
    force: bool,
    headers: &HeaderMap,
    now: SystemTime,
) -> Response {
    let (visit, is_new) = match cookies::get(headers, cookies::VISIT) {
        Some(visit) => (visit.to_owned(), false),
        None => (crypto::random_secret(), true),
    };
    let id = provider.transactions.begin(request, force, &visit, now);
    let mut response = redirect(&format!("/sign-in?transaction={id}"));
    if is_new {
        response.headers_mut().append(
            header::SET_COOKIE,
            cookies::set(cookies::VISIT, &visit, None),
        );
    }
    response
}

fn too_long() -> Response {
    pages::problem(
        StatusCode::BAD_REQUEST,
        "This sign-in cannot begin",
        "The request has too many parameters.",
    )
    .into_response()
}
