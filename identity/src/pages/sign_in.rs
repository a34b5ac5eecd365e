//! The page to sign in with an e-mail address and a password.

use axum::response::Response;
use http::StatusCode;
use maud::html;

use super::Page;
use super::field::{Field, render_all};
use crate::clients;
use crate::transactions::Transaction;

/// What the page shows besides its form.
#[derive(Default)]
pub(crate) struct SignInPage<'a> {
    pub(crate) email: &'a str,
    pub(crate) email_error: Option<&'a str>,
    pub(crate) password_error: Option<&'a str>,
    /// What is wrong with both together.
    pub(crate) alert: Option<&'a str>,
}

impl SignInPage<'_> {
    pub(crate) fn send(
        &self,
        status: StatusCode,
        transaction: &Transaction,
        csrf: &str,
    ) -> Response {
        let id = &transaction.id;
        // A wrong pair is about both fields: whoever hears the page learns it with the one that
        // typing begins in.
        let described_by = self.alert.map(|_| "alert");
        let fields = [
            Field {
                name: "email",
                label: "Email Address",
                kind: "email",
                autocomplete: "username",
                value: self.email,
                hint: None,
                error: self.email_error,
                described_by,
            },
            Field {
                name: "password",
                label: "Password",
                kind: "password",
                autocomplete: "current-password",
                value: "",
                hint: None,
                error: self.password_error,
                described_by,
            },
        ];
        let content = html! {
            p.application { (transaction.request.client_name) }
            h1 { "Sign in with your existing account" }
            @if let Some(alert) = self.alert { p.alert id="alert" role="alert" { (alert) } }
            form method="post" action={ "/sign-in?transaction=" (id) } novalidate {
                input type="hidden" name="csrf" value=(csrf);
                (render_all(&fields))
                div.tick {
                    input id="keep" name="keep" type="checkbox" value="yes";
                    label for="keep" { "Keep me signed in" }
                }
                button type="submit" { "Sign in" }
            }
            p.below { "Don't have an account? " a href={ "/sign-up?transaction=" (id) } { "Sign up now" } }
        };
        let refused =
            self.alert.is_some() || self.email_error.is_some() || self.password_error.is_some();
        let leads_to = clients::origin_of(&transaction.request.redirect_uri);
        Page {
            title: "Sign in",
            refused,
            leads_to,
            content,
        }
        .send(status)
    }
}

/// The page for somebody who came back to a sign-in that is over.
pub(crate) fn already_answered(transaction: &Transaction) -> Response {
    let origin = clients::origin_of(&transaction.request.redirect_uri);
    let content = html! {
        h1 { "This sign-in is done" }
        p { "Go on in the application, or begin again there." }
        @if let Some(origin) = &origin { a.button href=(origin) { "Go to " (transaction.request.client_name) } }
    };
    Page {
        title: "Done",
        refused: false,
        leads_to: None,
        content,
    }
    .send(StatusCode::OK)
}
