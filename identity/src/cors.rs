//! Which scripts may call the provider: those of the single-page applications, at the endpoints
//! that scripts call. Never at the authorization endpoint, which is for navigation.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::clients::Clients;

/// Lets the caller's script read this answer, if it comes from a registered origin. Errors too: a
/// script that cannot read an error can only guess. Without credentials, because these endpoints
/// use none that a browser adds.
pub(crate) fn readable(clients: &Clients, headers: &HeaderMap, mut response: Response) -> Response {
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed(clients, headers) {
        response
            .headers_mut()
            .insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}

/// Answers a preflight.
pub(crate) fn preflight(clients: &Clients, headers: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if allowed(clients, headers).is_some() {
        let answer = response.headers_mut();
        answer.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST"),
        );
        // Swagger UI sends the second one.
        answer.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("content-type, x-requested-with"),
        );
        answer.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static("600"),
        );
    }
    readable(clients, headers, response)
}

fn allowed(clients: &Clients, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    clients
        .allows_origin(origin.to_str().ok()?)
        .then(|| origin.clone())
}
