//! Which request goes where.
//!
//! Our own pages have fixed paths. The protocol's endpoints begin with the tenant, in several forms
//! that [`Tenant::locate`](crate::tenant::Tenant::locate) tells apart, so they are matched there
//! and not by the router.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::json;

use crate::pages::assets::{ICON, STYLE};
use crate::parameters::MAX_LENGTH;
use crate::provider::{Provider, Shared};
use crate::tenant::{Endpoint, Place};
use crate::{
    authorize, consent, cors, development, development_token, discovery, logout, pages, sign_in,
    sign_up, token,
};

/// How long an answer may take, the body's arrival and the wait for a free place to hash included.
const PATIENCE: Duration = Duration::from_secs(30);

/// All routes.
pub(crate) fn router(provider: Shared) -> Router {
    Router::new()
        .route(
            "/",
            get(async |State(provider): State<Shared>| pages::home::page(&provider)),
        )
        .route(
            &STYLE.path,
            get(async |headers: HeaderMap| STYLE.get(&headers)),
        )
        .route(
            &ICON.path,
            get(async |headers: HeaderMap| ICON.get(&headers)),
        )
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-up", get(sign_up::show).post(sign_up::submit))
        .route("/consent", get(consent::show).post(consent::submit))
        .route("/sign-out", post(logout::confirmed))
        .route(development::TOKEN_PATH, post(development_token::post))
        .fallback(protocol)
        // What a form of ours or a request of a client can need, and not more.
        .layer(DefaultBodyLimit::max(MAX_LENGTH))
        // Outermost, so that it covers reading the body.
        .layer(middleware::from_fn(in_time))
        .with_state(provider)
}

async fn in_time(request: Request, next: Next) -> Response {
    tokio::time::timeout(PATIENCE, next.run(request))
        .await
        .unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

/// The endpoints of the protocol.
async fn protocol(State(provider): State<Shared>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let query = head.uri.query();
    let Some((endpoint, place)) = provider.tenant.locate(head.uri.path(), query) else {
        return not_found();
    };
    let for_scripts = matches!(
        endpoint,
        Endpoint::Discovery | Endpoint::Keys | Endpoint::Token
    );
    if for_scripts && head.method == Method::OPTIONS {
        return cors::preflight(&provider.clients, &head.headers);
    }
    let body = match read(&head.headers, body).await {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    let call = Call {
        endpoint,
        place,
        method: &head.method,
        headers: &head.headers,
        query: query.unwrap_or_default(),
    };
    let response = call.answer(Arc::as_ref(&provider), &body).await;
    if for_scripts {
        cors::readable(&provider.clients, &head.headers, response)
    } else {
        response
    }
}

struct Call<'a> {
    endpoint: Endpoint,
    place: Place,
    method: &'a Method,
    headers: &'a HeaderMap,
    query: &'a str,
}

impl Call<'_> {
    async fn answer(&self, provider: &Provider, body: &Bytes) -> Response {
        let reads = matches!(*self.method, Method::GET | Method::HEAD);
        let posts = *self.method == Method::POST;
        match self.endpoint {
            Endpoint::Discovery if reads => {
                discovery::document(provider, &self.place, self.headers)
            }
            Endpoint::Keys if reads => discovery::keys(provider),
            Endpoint::Authorize if reads => {
                authorize::get(provider, &self.place, self.query, self.headers).await
            }
            Endpoint::Authorize if posts => authorize::post(provider, &self.place, body),
            Endpoint::Logout if reads => logout::get(provider, self.query, self.headers),
            Endpoint::Logout if posts => logout::post(provider, &self.place, body),
            Endpoint::Token if posts => {
                token::post(provider, &self.place, self.headers, body).await
            }
            Endpoint::Discovery | Endpoint::Keys => not_allowed("GET, HEAD"),
            Endpoint::Authorize | Endpoint::Logout => not_allowed("GET, HEAD, POST"),
            Endpoint::Token => not_allowed("POST"),
        }
    }
}

/// Reads a body, as far as it may be long.
async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, StatusCode> {
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > MAX_LENGTH) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    to_bytes(body, MAX_LENGTH)
        .await
        .map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)
}

fn not_allowed(methods: &'static str) -> Response {
    (
        StatusCode::METHOD_NOT_ALLOWED,
        [(header::ALLOW, HeaderValue::from_static(methods))],
    )
        .into_response()
}

/// The answer to a path that is nobody's.
pub(crate) fn not_found() -> Response {
    let description = "There is nothing here. Check the tenant and the policy in the address.";
    let body = json!({ "error": "not_found", "error_description": description });
    (StatusCode::NOT_FOUND, axum::Json(body)).into_response()
}
