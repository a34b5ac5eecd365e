//! The page to make an account.

use axum::response::Response;
use http::StatusCode;
use maud::html;

use super::Page;
use super::field::{Field, render_all};
use super::password_rules;
use crate::clients;
use crate::strength::Strength;
use crate::transactions::Transaction;

/// What was typed, and what is wrong with it.
#[derive(Default)]
pub(crate) struct SignUpPage<'a> {
    pub(crate) email: &'a str,
    pub(crate) display_name: &'a str,
    pub(crate) email_error: Option<&'a str>,
    pub(crate) display_name_error: Option<&'a str>,
    pub(crate) password_error: Option<&'a str>,
    pub(crate) confirmation_error: Option<&'a str>,
    /// Of the password, if it is not strong enough.
    pub(crate) strength: Option<Strength>,
    /// What is wrong with none of them in particular.
    pub(crate) alert: Option<&'a str>,
}

impl SignUpPage<'_> {
    /// Whether anything is wrong.
    pub(crate) fn is_refused(&self) -> bool {
        [
            self.email_error,
            self.display_name_error,
            self.password_error,
            self.confirmation_error,
            self.alert,
        ]
        .iter()
        .any(Option::is_some)
    }

    pub(crate) fn send(
        &self,
        status: StatusCode,
        transaction: &Transaction,
        csrf: &str,
    ) -> Response {
        let id = &transaction.id;
        let content = html! {
            p.application { (transaction.request.client_name) }
            h1 { "Sign up" }
            @if let Some(alert) = self.alert { p.alert id="alert" role="alert" { (alert) } }
            form method="post" action={ "/sign-up?transaction=" (id) } novalidate {
                input type="hidden" name="csrf" value=(csrf);
                (render_all(&self.fields()))
                button type="submit" { "Create" }
                button.quiet type="submit" name="action" value="cancel" { "Cancel" }
            }
            p.below { "Already have an account? " a href={ "/sign-in?transaction=" (id) } { "Sign in" } }
        };
        let leads_to = clients::origin_of(&transaction.request.redirect_uri);
        Page {
            title: "Sign up",
            refused: self.is_refused(),
            leads_to,
            content,
        }
        .send(status)
    }

    fn fields(&self) -> [Field<'_>; 4] {
        let described_by = self.alert.map(|_| "alert");
        [
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
                name: "new_password",
                label: "New Password",
                kind: "password",
                autocomplete: "new-password",
                value: "",
                hint: Some(password_rules::list(self.strength)),
                error: self.password_error,
                described_by,
            },
            Field {
                name: "confirm_password",
                label: "Confirm New Password",
                kind: "password",
                autocomplete: "new-password",
                value: "",
                hint: None,
                error: self.confirmation_error,
                described_by,
            },
            Field {
                name: "display_name",
                label: "Display Name",
                kind: "text",
                autocomplete: "name",
                value: self.display_name,
                hint: None,
                error: self.display_name_error,
                described_by,
            },
        ]
    }
}
