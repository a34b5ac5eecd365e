//! The pages of signing out.

use axum::response::Response;
use http::StatusCode;
use maud::html;

use super::Page;
use crate::clients;

/// Asks whether to sign out, when nothing proves that the application in front of the person asks
/// for it.
pub(crate) fn confirm(csrf: &str, fields: &[(&str, &str)], redirect_uri: Option<&str>) -> Response {
    let content = html! {
        h1 { "Do you want to sign out?" }
        form method="post" action="/sign-out" {
            input type="hidden" name="csrf" value=(csrf);
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button type="submit" { "Sign out" }
        }
    };
    let leads_to = redirect_uri.and_then(clients::origin_of);
    Page {
        title: "Sign out",
        refused: false,
        leads_to,
        content,
    }
    .send(StatusCode::OK)
}

/// Says that it is done.
pub(crate) fn done() -> Response {
    let content = html! {
        h1 { "You have signed out" }
        p { "You can close this window." }
    };
    Page {
        title: "Signed out",
        refused: false,
        leads_to: None,
        content,
    }
    .send(StatusCode::OK)
}
