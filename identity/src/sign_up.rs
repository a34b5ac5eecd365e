//! Making an account and signing in with it.

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use uuid::Uuid;
use weir_serve::Peer;

use crate::accounts::{Account, Created, normalise_email};
use crate::consent;
use crate::forms::Pending;
use crate::metrics::SignUp;
use crate::pages;
use crate::pages::sign_in::already_answered;
use crate::pages::sign_up::SignUpPage;
use crate::parameters::Parameters;
use crate::provider::{Provider, Shared};
use crate::sign_in::wait;
use crate::strength::Strength;

const MAX_DISPLAY_NAME: usize = 256;

/// Shows the page.
pub(crate) async fn show(
    State(provider): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    match Pending::find(&provider, &headers, query.as_deref()) {
        Ok(pending) if pending.transaction.answered => already_answered(&pending.transaction),
        Ok(pending) => {
            SignUpPage::default().send(StatusCode::OK, &pending.transaction, &pending.csrf)
        }
        Err(rejection) => rejection.into_response(),
    }
}

/// Makes the account, or goes back to the application without one.
pub(crate) async fn submit(
    State(provider): State<Shared>,
    Extension(peer): Extension<Peer>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (pending, form) = match Pending::submitted(&provider, &headers, query.as_deref(), &body) {
        Ok(submitted) => submitted,
        Err(rejection) => return rejection.into_response(),
    };
    if form.get("action") == Some("cancel") {
        return consent::cancel(&provider, &pending.transaction);
    }
    let mut page = check(&form);
    if page.is_refused() {
        return page.send(
            StatusCode::UNPROCESSABLE_ENTITY,
            &pending.transaction,
            &pending.csrf,
        );
    }
    if let Err(locked) = provider
        .attempts
        .begin_sign_up(peer.ip(), provider.clock.now())
    {
        provider.metrics.sign_up(SignUp::Locked);
        let text = locked.to_string();
        page.alert = Some(&text);
        let response = page.send(
            StatusCode::TOO_MANY_REQUESTS,
            &pending.transaction,
            &pending.csrf,
        );
        return wait(response, locked.retry_after);
    }
    match create(&provider, &form).await {
        Ok((account, Created::Yes)) => {
            provider.attempts.give_back(peer.ip(), provider.clock.now());
            provider.metrics.sign_up(SignUp::Created);
            tracing::info!(account = %account.id, "signed up");
            provider
                .sign_in(&account, &pending.transaction, false, &headers)
                .await
        }
        Ok((_, Created::Taken)) => {
            provider.metrics.sign_up(SignUp::Taken);
            page.email_error = Some(
                "This e-mail address already has an account. Sign in, or use another address.",
            );
            page.send(
                StatusCode::UNPROCESSABLE_ENTITY,
                &pending.transaction,
                &pending.csrf,
            )
        }
        Err(error) => pages::unavailable(&error),
    }
}

/// The page with everything that is wrong with what was typed.
fn check(form: &Parameters) -> SignUpPage<'_> {
    let text = |name| form.get(name).unwrap_or_default();
    let (password, confirmation) = (text("new_password"), text("confirm_password"));
    let mut page = SignUpPage {
        email: text("email"),
        display_name: text("display_name"),
        ..SignUpPage::default()
    };
    if normalise_email(page.email).is_none() {
        page.email_error = Some("Please enter an e-mail address, such as name@example.com.");
    }
    let strength = Strength::of(password);
    if !strength.is_enough() {
        page.strength = Some(strength);
        page.password_error = Some("This password does not keep all of the rules above.");
    } else if password != confirmation {
        page.confirmation_error = Some("The two passwords are not the same.");
    }
    let name = page.display_name.trim();
    if name.is_empty() {
        page.display_name_error = Some("Please enter the name you want to be called by.");
    } else if name.chars().count() > MAX_DISPLAY_NAME
        || name.contains(|c: char| c.is_control() || "<>".contains(c))
    {
        page.display_name_error = Some("A name has at most 256 characters, and no < or >.");
    }
    page
}

async fn create(provider: &Provider, form: &Parameters) -> Result<(Account, Created), String> {
    let text = |name| form.get(name).unwrap_or_default();
    let password = provider
        .hasher
        .hash(text("new_password").to_owned())
        .await
        .map_err(|error| error.to_string())?;
    let account = Account {
        id: Uuid::new_v4(),
        email: normalise_email(text("email")).unwrap_or_default(),
        display_name: text("display_name").trim().to_owned(),
        password,
    };
    let created = provider
        .directory
        .create(account.clone())
        .await
        .map_err(|error| error.to_string())?;
    Ok((account, created))
}
