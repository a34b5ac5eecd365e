//! Forms that come back from our pages: whether they do come from there, and which sign-in they
//! belong to.
//!
//! A form is ours if its token is bound to this browser's visit cookie and to what the form is for,
//! and if the browser does not say that another site sent it. That holds before anybody has signed
//! in too: otherwise somebody could sign a visitor in under another name.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use crate::cookies;
use crate::crypto;
use crate::pages;
use crate::parameters::Parameters;
use crate::provider::Provider;
use crate::transactions::Transaction;

/// The token for a form with this purpose, in this browser.
pub(crate) fn token(provider: &Provider, visit: &str, purpose: &str) -> String {
    crypto::encode(
        provider
            .csrf_key
            .tag(&[visit.as_bytes(), purpose.as_bytes()]),
    )
}

/// Whether a form with this purpose came from one of our pages in this browser.
pub(crate) fn is_ours(
    provider: &Provider,
    headers: &HeaderMap,
    purpose: &str,
    form: &Parameters,
) -> bool {
    let Some(visit) = cookies::get(headers, cookies::VISIT) else {
        return false;
    };
    let token = form
        .get("csrf")
        .and_then(crypto::decode)
        .unwrap_or_default();
    let same_site = came_from(headers, provider.tenant.public_url());
    same_site
        && provider
            .csrf_key
            .verifies(&[visit.as_bytes(), purpose.as_bytes()], &token)
}

/// What the browser says about where the form was. `Sec-Fetch-Site` compares with the address it
/// sent the form to, which may be another name of ours; `Origin` must be our public one. Without
/// either, the token decides alone.
fn came_from(headers: &HeaderMap, public_url: &str) -> bool {
    match (headers.get("sec-fetch-site"), headers.get(header::ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => origin == public_url,
        (None, None) => true,
    }
}

/// A pending sign-in in the browser that brought it.
pub(crate) struct Pending {
    pub(crate) transaction: Transaction,
    /// The token for the forms of its pages.
    pub(crate) csrf: String,
}

impl Pending {
    /// The sign-in that the query names.
    pub(crate) fn find(
        provider: &Provider,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<Self, Rejection> {
        let parameters =
            Parameters::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
        let visit = cookies::get(headers, cookies::VISIT).unwrap_or_default();
        parameters
            .get("transaction")
            .and_then(|id| provider.transactions.find(id, visit, provider.clock.now()))
            .map(|transaction| Self {
                csrf: token(provider, visit, &transaction.id),
                transaction,
            })
            .ok_or(Rejection::Over)
    }

    /// The sign-in and the form that was sent for it.
    pub(crate) fn submitted(
        provider: &Provider,
        headers: &HeaderMap,
        query: Option<&str>,
        body: &[u8],
    ) -> Result<(Self, Parameters), Rejection> {
        let pending = Self::find(provider, headers, query)?;
        let form = Parameters::parse(body).map_err(|_| Rejection::Forged)?;
        if !is_ours(provider, headers, &pending.transaction.id, &form) {
            return Err(Rejection::Forged);
        }
        Ok((pending, form))
    }
}

/// Why a page is not shown or a form not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// There is no such sign-in, or it is not this browser's.
    Over,
    /// The form did not come from our pages.
    Forged,
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        match self {
            Self::Over => {
                let explanation = "This sign-in has expired, or it began in another browser, or your browser keeps \
                                   no cookies. Go back to the application and sign in again.";
                pages::problem(StatusCode::BAD_REQUEST, "This sign-in is over", explanation)
            }
            Self::Forged => {
                let explanation = "This form did not come from our page. Go back to the application and try again.";
                pages::problem(
                    StatusCode::FORBIDDEN,
                    "This form cannot be accepted",
                    explanation,
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_browser_is_believed_when_it_names_another_site() {
        let cases: [(Option<&str>, Option<&str>, bool); 8] = [
            (Some("same-origin"), Some("http://127.0.0.1:8090"), true),
            (Some("same-site"), Some("http://localhost:8090"), false),
            (Some("cross-site"), None, false),
            (Some("none"), None, false),
            (None, Some("http://localhost:8090"), true),
            (None, Some("http://localhost:3000"), false),
            (None, Some("null"), false),
            (None, None, true),
        ];
        for (site, origin, accepted) in cases {
            let mut headers = HeaderMap::new();
            if let Some(site) = site {
                headers.insert("sec-fetch-site", HeaderValue::from_str(site).unwrap());
            }
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
            }
            assert_eq!(
                came_from(&headers, "http://localhost:8090"),
                accepted,
                "{site:?} {origin:?}"
            );
        }
    }
}
