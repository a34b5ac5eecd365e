//! The pages people see: plain HTML and one stylesheet, no script, so that they work everywhere and
//! leave nothing to inject into.

pub(crate) mod assets;
pub(crate) mod consent;
pub(crate) mod field;
pub(crate) mod form_post;
pub(crate) mod home;
pub(crate) mod password_rules;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod sign_up;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, html};

use crate::provider::uncached;

/// One page.
pub(crate) struct Page<'a> {
    pub(crate) title: &'a str,
    /// Set when what somebody typed was refused: the title says so first, for those who hear it.
    pub(crate) refused: bool,
    /// The origin that a form on this page leads to in the end. Browsers apply `form-action` to the
    /// redirect that answers a form as well, so the application's origin must be in it.
    pub(crate) leads_to: Option<String>,
    pub(crate) content: Markup,
}

impl Page<'_> {
    pub(crate) fn send(self, status: StatusCode) -> Response {
        self.send_with_script(status, None)
    }

    /// Like [`Page::send`], and lets the browser run the script with this hash (base64 of SHA-256).
    fn send_with_script(self, status: StatusCode, script: Option<&str>) -> Response {
        let leads_to = self
            .leads_to
            .as_ref()
            .map(|origin| format!(" {origin}"))
            .unwrap_or_default();
        let script = script
            .map(|hash| format!("; script-src 'sha256-{hash}'"))
            .unwrap_or_default();
        let policy = format!(
            "default-src 'none'; style-src 'self'; img-src 'self'{script}; form-action 'self'{leads_to}; frame-ancestors 'none'; base-uri 'none'"
        );
        let policy = HeaderValue::from_str(&policy).expect("origins and hashes are ASCII");
        // No Cross-Origin-Opener-Policy: it would cut the window that opened a sign-in pop-up off
        // from it.
        let headers = [
            (header::CONTENT_SECURITY_POLICY, policy),
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ),
            // With `no-referrer` browsers send `Origin: null` with our own forms, and the check of
            // where a form comes from would have nothing to go by. Other sites learn as little from
            // `same-origin`.
            (
                header::REFERRER_POLICY,
                HeaderValue::from_static("same-origin"),
            ),
        ];
        uncached((status, headers, self.document()).into_response())
    }

    fn document(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    title { @if self.refused { "Error: " } (self.title) " - weir identity" }
                    link rel="stylesheet" href=(assets::STYLE.path);
                    link rel="icon" type="image/svg+xml" href=(assets::ICON.path);
                }
                body {
                    header.notice {
                        p { strong { "For development." } " Do not use a password here that you use elsewhere." }
                    }
                    main { (self.content) }
                }
            }
        }
    }
}

/// A page that says what is wrong.
pub(crate) fn problem(status: StatusCode, title: &str, explanation: &str) -> Response {
    let content = html! {
        h1 { (title) }
        p { (explanation) }
    };
    Page {
        title,
        refused: false,
        leads_to: None,
        content,
    }
    .send(status)
}

/// What to say when the provider itself failed.
pub(crate) fn unavailable(error: &dyn std::fmt::Display) -> Response {
    tracing::error!(%error, "a page could not be answered");
    let explanation = "Something went wrong on our side. Please try again in a moment.";
    problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "Please try again",
        explanation,
    )
}
