//! What the provider publishes about itself: the discovery document and the key set.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use serde_json::json;

use crate::provider::Provider;
use crate::tenant::{Endpoint, Place};

/// Minutes: a validator that asks again soon learns of a new key before it is used.
const CACHE: &str = "public, max-age=300";

/// The discovery document, in the form it was asked in.
pub(crate) fn document(provider: &Provider, place: &Place, headers: &HeaderMap) -> Response {
    let url = |endpoint| provider.tenant.url(endpoint, place);
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let document = json!({
        "issuer": provider.tenant.issuer(&place.policy),
        "authorization_endpoint": url(Endpoint::Authorize),
        "token_endpoint": url(Endpoint::Token),
        "end_session_endpoint": url(Endpoint::Logout),
        "jwks_uri": provider.tenant.keys_url(place, host),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "none"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "claims_supported":
            ["oid", "sub", "name", "emails", "tfp", "scp", "azp", "ver", "iss", "iat", "nbf", "exp", "aud", "nonce", "auth_time"],
    });
    ([(header::CACHE_CONTROL, CACHE)], Json(document)).into_response()
}

/// The key set.
pub(crate) fn keys(provider: &Provider) -> Response {
    (
        [(header::CACHE_CONTROL, CACHE)],
        Json(provider.keys.key_set()),
    )
        .into_response()
}
