//! The page at `/`: what this is, for whoever opens it.

use axum::response::Response;
use http::StatusCode;
use maud::html;

use super::Page;
use crate::provider::Provider;
use crate::tenant::Endpoint;

pub(crate) fn page(provider: &Provider) -> Response {
    let place = provider.tenant.first_place();
    let discovery = provider.tenant.url(Endpoint::Discovery, &place);
    let content = html! {
        h1 { "weir identity" }
        p {
            "An OpenID provider that stands in for Azure AD B2C in development and tests. Sign-in begins at the \
             application, which sends you here."
        }
        dl {
            dt { "Discovery" }
            dd { a href=(discovery) { (discovery) } }
            dt { "Issuer" }
            dd { (provider.tenant.issuer(&place.policy)) }
        }
    };
    Page {
        title: "About",
        refused: false,
        leads_to: None,
        content,
    }
    .send(StatusCode::OK)
}
