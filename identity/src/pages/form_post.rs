//! The answer of `response_mode=form_post`: a form that submits itself, with a button for browsers
//! without script.

use std::sync::LazyLock;

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use maud::{PreEscaped, html};

use super::Page;
use crate::{clients, crypto};

/// The only script of all pages. The browser runs it because its hash is in the policy of the page.
const SCRIPT: &str = "document.forms[0].submit()";

static HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(crypto::sha256(SCRIPT)));

pub(crate) fn page(redirect_uri: &str, fields: &[(&str, String)]) -> Response {
    let content = html! {
        h1 { "Back to the application" }
        form method="post" action=(redirect_uri) {
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button type="submit" { "Continue" }
        }
        script { (PreEscaped(SCRIPT)) }
    };
    let page = Page {
        title: "Continue",
        refused: false,
        leads_to: clients::origin_of(redirect_uri),
        content,
    };
    page.send_with_script(StatusCode::OK, Some(&HASH))
}
