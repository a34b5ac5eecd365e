//! Signing in with an account that exists.

use std::net::IpAddr;
use std::time::Duration;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use weir_serve::Peer;

use crate::accounts::{Account, normalise_email};
use crate::attempts::{Locked, Whom};
use crate::consent;
use crate::forms::Pending;
use crate::metrics::SignIn;
use crate::pages;
use crate::pages::sign_in::{SignInPage, already_answered};
use crate::passwords::Verified;
use crate::provider::{Provider, Shared};

/// One text for an unknown account and for a wrong password.
const WRONG: &str = "The e-mail address or the password is not right.";

/// Shows the page, or skips it for somebody who is signed in.
pub(crate) async fn show(
    State(provider): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let pending = match Pending::find(&provider, &headers, query.as_deref()) {
        Ok(pending) => pending,
        Err(rejection) => return rejection.into_response(),
    };
    let transaction = &pending.transaction;
    if transaction.answered {
        return already_answered(transaction);
    }
    if !transaction.force_sign_in
        && let Some(session) = provider.session(&headers)
        && transaction.request.accepts(&session, provider.clock.now())
    {
        return consent::proceed(&provider, transaction, &session).await;
    }
    let email = transaction
        .request
        .login_hint
        .as_deref()
        .unwrap_or_default();
    SignInPage {
        email,
        ..SignInPage::default()
    }
    .send(StatusCode::OK, transaction, &pending.csrf)
}

/// Checks e-mail address and password.
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
    let (email, password) = (
        form.get("email").unwrap_or_default(),
        form.get("password").unwrap_or_default(),
    );
    let mut page = SignInPage {
        email,
        ..SignInPage::default()
    };
    if email.is_empty() {
        page.email_error = Some("Please enter your e-mail address.");
    }
    if password.is_empty() {
        page.password_error = Some("Please enter your password.");
    }
    if page.email_error.is_some() || page.password_error.is_some() {
        return page.send(
            StatusCode::UNPROCESSABLE_ENTITY,
            &pending.transaction,
            &pending.csrf,
        );
    }
    match authenticate(&provider, email, password, peer.ip()).await {
        Ok(account) => {
            provider.metrics.sign_in(SignIn::Right);
            tracing::info!(account = %account.id, "signed in");
            provider
                .sign_in(
                    &account,
                    &pending.transaction,
                    form.get("keep").is_some(),
                    &headers,
                )
                .await
        }
        Err(Refused::Wrong) => {
            provider.metrics.sign_in(SignIn::Wrong);
            page.alert = Some(WRONG);
            page.send(
                StatusCode::UNPROCESSABLE_ENTITY,
                &pending.transaction,
                &pending.csrf,
            )
        }
        Err(Refused::Locked(locked)) => {
            provider.metrics.sign_in(SignIn::Locked);
            let text = locked.to_string();
            page.alert = Some(&text);
            wait(
                page.send(
                    StatusCode::TOO_MANY_REQUESTS,
                    &pending.transaction,
                    &pending.csrf,
                ),
                locked.retry_after,
            )
        }
        Err(Refused::Failed(error)) => pages::unavailable(&error),
    }
}

enum Refused {
    Wrong,
    Locked(Locked),
    Failed(String),
}

/// Finds the account of an e-mail address and password. What is no address goes the same way as an
/// address without an account, up to the hash.
async fn authenticate(
    provider: &Provider,
    email: &str,
    password: &str,
    from: IpAddr,
) -> Result<Account, Refused> {
    let key = normalise_email(email).unwrap_or_else(|| email.chars().take(254).collect());
    let now = provider.clock.now();
    provider
        .attempts
        .begin_sign_in(&key, from, now)
        .map_err(Refused::Locked)?;
    let found = provider
        .directory
        .find_by_email(&key)
        .await
        .map_err(|error| Refused::Failed(error.to_string()))?;
    let phc = found.as_ref().map(|account| account.password.as_str());
    let verified = provider
        .hasher
        .verify(password.to_owned(), phc)
        .await
        .map_err(|error| Refused::Failed(error.to_string()))?;
    let (Some(account), Verified::Right | Verified::RightButOld(_)) = (found, &verified) else {
        return Err(Refused::Wrong);
    };
    if let Verified::RightButOld(renewed) = verified {
        // The old hash still works, so a failure here is no reason to refuse.
        if let Err(error) = provider.directory.set_password(account.id, renewed).await {
            tracing::warn!(%error, account = %account.id, "a password hash could not be renewed");
        }
    }
    provider.attempts.signed_in(&key, from, now);
    Ok(account)
}

impl std::fmt::Display for Locked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let wait = in_words(self.retry_after);
        match self.whom {
            Whom::Account => write!(
                f,
                "Too many wrong passwords for this e-mail address. Try again in {wait}."
            ),
            Whom::Address => write!(
                f,
                "Too many attempts from your network. Try again in {wait}."
            ),
        }
    }
}

/// Adds when it is worth trying again.
pub(crate) fn wait(mut response: Response, retry_after: Duration) -> Response {
    let seconds = retry_after.as_millis().div_ceil(1000).max(1);
    let value = HeaderValue::from_str(&seconds.to_string()).expect("digits are a header value");
    response.headers_mut().insert(header::RETRY_AFTER, value);
    response
}

/// A duration as people say it, rounded up.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_millis().div_ceil(1000).max(1);
    let (number, unit) = match seconds {
        0..=59 => (seconds, "second"),
        60..=3599 => (seconds.div_ceil(60), "minute"),
        _ => (seconds.div_ceil(3600), "hour"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::metrics::Metrics;
    use uuid::Uuid;

    /// The time of a refusal is the time of its hashes: everything else takes microseconds.
    #[tokio::test]
    async fn an_unknown_account_costs_as_many_hashes_as_a_wrong_password() {
        let metrics = Metrics::default();
        let provider = Provider::new(&Config::default(), metrics.clone(), Clock::manual())
            .await
            .unwrap();
        let alice = Account {
            id: Uuid::new_v4(),
            email: "alice@example.com".to_owned(),
            display_name: "Alice".to_owned(),
            password: provider.hasher.hash("Passw0rd!".to_owned()).await.unwrap(),
        };
        provider.directory.create(alice).await.unwrap();
        let from = IpAddr::from([127, 0, 0, 1]);
        let long = "x".repeat(10_000);
        for (email, password) in [
            ("alice@example.com", "Wrong-passw0rd"),
            ("alice@example.com", long.as_str()),
            ("nobody@example.com", "Passw0rd!"),
            ("nobody@example.com", long.as_str()),
            ("no address", "Passw0rd!"),
        ] {
            let before = metrics.password_hashes.get();
            let refused = authenticate(&provider, email, password, from).await;
            assert!(matches!(refused, Err(Refused::Wrong)), "{email}");
            assert_eq!(metrics.password_hashes.get() - before, 1, "{email}");
        }
    }

    #[test]
    fn a_wait_is_told_in_words() {
        for (seconds, words) in [
            (0, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (61, "2 minutes"),
            (3600, "1 hour"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
