//! Access tokens for anybody who asks, so that a curl user needs no browser. Only in development:
//! it must be switched on, and only this machine may ask. Where the provider listens beyond
//! loopback, as in a container, whoever comes from outside finds nothing here.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, header};
use uuid::{Builder, Uuid};
use weir_serve::Peer;

use crate::claims::Subject;
use crate::crypto;
use crate::development;
use crate::metrics::GrantType;
use crate::parameters::Parameters;
use crate::provider::{Provider, Shared, uncached};
use crate::scopes::Granted;
use crate::token::issue::{self, TokenResponse};
use crate::token::{Failure, FailureCode};

/// Mints an access token of the single-page application for the user that the form names.
pub(crate) async fn post(
    State(provider): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !provider.development_tokens || !peer.ip().is_loopback() {
        return crate::routes::not_found();
    }
    match mint(&provider, &headers, &body) {
        Ok(response) => uncached(axum::Json(response)),
        Err(failure) => uncached(failure.into_response()),
    }
}

fn mint(provider: &Provider, headers: &HeaderMap, body: &[u8]) -> Result<TokenResponse, Failure> {
    // Browsers add these to what a page sends, and a page of somebody else must not get a token.
    if headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
        return Err(Failure::invalid_request(
            "Development tokens are not for web pages. Ask without a browser.",
        ));
    }
    let form = Parameters::parse(body)
        .map_err(|_| Failure::invalid_request("The request has too many parameters."))?;
    let user = form.get("user").ok_or_else(|| Failure::missing("user"))?;
    let subject = subject(user).ok_or_else(|| {
        Failure::invalid_request(
            "user must be 1 to 64 letters, digits and characters of . _ + - @.",
        )
    })?;
    let client = provider
        .clients
        .find(development::FRONTEND_CLIENT_ID)
        .ok_or_else(|| {
            Failure::new(
                FailureCode::ServerError,
                "The single-page application is not registered.",
            )
        })?;
    let granted = Granted::new(
        &provider.clients,
        client,
        form.get("scope").unwrap_or(development::SCOPE),
    )
    .map_err(|error| Failure::new(FailureCode::InvalidScope, error.to_string()))?;
    let place = provider.tenant.first_place();
    let issuance = issue::issuance(provider, &place.policy, provider.clock.now());
    provider.metrics.tokens_issued(GrantType::Development);
    tracing::debug!(account = %subject.id, "minted a development token");
    Ok(issue::access_token(
        provider, subject, &issuance, &client.id, &granted,
    ))
}

/// Somebody with this name. The object ID is made from it, so that the same name is the same person
/// after a restart; being of another UUID version, it is never that of somebody who signed up.
fn subject(user: &str) -> Option<Subject> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-@".contains(&byte);
    if user.is_empty() || user.len() > 64 || !user.bytes().all(allowed) {
        return None;
    }
    let digest = crypto::sha256(format!(
        "weir development user {}",
        user.to_ascii_lowercase()
    ));
    let id: Uuid =
        Builder::from_custom_bytes(digest[..16].try_into().expect("a digest has 32 bytes"))
            .into_uuid();
    let email = if user.contains('@') {
        user.to_owned()
    } else {
        format!("{user}@example.com")
    };
    Some(Subject {
        id,
        display_name: user.to_owned(),
        email,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_is_the_same_person() {
        assert_eq!(subject("alice").unwrap().id, subject("Alice").unwrap().id);
        assert_ne!(subject("alice").unwrap().id, subject("bob").unwrap().id);
        assert_eq!(subject("alice").unwrap().id.get_version_num(), 8);
        for bad in ["", "a b", "<b>", "\u{e4}", &"a".repeat(65)] {
            assert!(subject(bad).is_none(), "{bad}");
        }
    }
}
