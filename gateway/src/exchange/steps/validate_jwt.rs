//! `validate-jwt`: finds the token, has it checked, answers when it does not hold.
//!
//! Exactly one token is looked for. A second `Authorization` line, or a scheme other than `Bearer`
//! where the policy names none, is no token: an expression such as
//! `…GetValueOrDefault("Authorization","").AsJwt()` would read such a request differently than the
//! check does, and a limit keyed by the subject would count for somebody else.

use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use weir_policy::Value;
use weir_policy::context::VerifiedToken;
use weir_policy::plan::{TokenSource, ValidateJwt};
use weir_token::{Jwt, Requirements, Scheme, TokenError, from_authorization};

use super::check_header::status_of;
use crate::exchange::arrival::only;
use crate::exchange::{Exchange, Stop};
use crate::failure::Failure;

/// A token that was found, and in which header.
struct Found {
    text: String,
    header: Option<HeaderName>,
}

impl Exchange<'_> {
    pub(in crate::exchange) async fn validate_jwt(
        &mut self,
        policy: &ValidateJwt,
    ) -> Result<(), Stop> {
        let Some(found) = self.token(policy)? else {
            if let Some(check) = self
                .gateway
                .jwt_checks
                .get(policy.index)
                .and_then(Option::as_ref)
            {
                check.metrics.not_present();
            }
            return Err(self.denied(policy, &TokenError::NotPresent)?.into());
        };
        match self.check_token(policy, &found.text).await? {
            Ok(jwt) => {
                self.leave_token(policy, found, jwt);
                Ok(())
            }
            Err(error) => Err(self.denied(policy, &error)?.into()),
        }
    }

    /// Leaves a token that holds to the policies that follow.
    fn leave_token(&mut self, policy: &ValidateJwt, found: Found, jwt: Arc<Jwt>) {
        let context = &mut self.context;
        if let Some(name) = &found.header {
            tidy(&mut context.request.headers, name, &found.text);
        }
        if let Some(variable) = &policy.output_variable {
            context
                .variables
                .set(variable, Value::Jwt(Arc::clone(&jwt)));
        }
        context.verified_token = Some(VerifiedToken {
            text: found.text.into(),
            jwt,
        });
    }

    async fn check_token(
        &self,
        policy: &ValidateJwt,
        token: &str,
    ) -> Result<Result<Arc<Jwt>, TokenError>, Stop> {
        let context = &self.context;
        let check = self
            .gateway
            .jwt_checks
            .get(policy.index)
            .and_then(Option::as_ref);
        let check = check.ok_or_else(|| {
            Failure::internal("JwtInvalid", "no key sources for this validate-jwt")
        })?;
        let audiences = check.audiences(policy, context)?;
        let issuers = check.issuers(policy, context)?;
        let claims = check.claims(policy, context)?;
        let requirements = Requirements {
            audiences: &audiences,
            issuers: &issuers,
            required_claims: &claims,
            require_expiration: *policy.require_expiration.get(context)?,
            require_signed: *policy.require_signed.get(context)?,
            clock_skew: Duration::from_secs(*policy.clock_skew.get(context)?),
            now: context.timestamp,
        };
        Ok(check.validator.validate(token, &requirements).await)
    }

    /// The token; `None` if there is none, or more than one.
    fn token(&self, policy: &ValidateJwt) -> Result<Option<Found>, Stop> {
        let context = &self.context;
        Ok(match &policy.source {
            TokenSource::Header(name) => {
                let name = name.get(context)?;
                let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
                    return Ok(None);
                };
                let required = match &policy.require_scheme {
                    Some(scheme) => Some(scheme.get(context)?),
                    None => None,
                };
                let scheme = scheme(&name, required.as_ref().map(|required| required.as_str()));
                let token = in_header(&context.request.headers, &name, scheme).map(str::to_owned);
                token.map(|text| Found {
                    text,
                    header: Some(name),
                })
            }
            TokenSource::QueryParameter(name) => {
                in_query(&context.request.original_url, &name.get(context)?)
            }
            TokenSource::Value(value) => without_header(&value.get(context)?),
        })
    }

    /// The answer to a token that does not hold, or to none.
    fn denied(&self, policy: &ValidateJwt, error: &TokenError) -> Result<Box<Failure>, Stop> {
        if let TokenError::KeysUnavailable(provider) = error {
            return Ok(Failure::keys_unavailable(format!(
                "no signing keys from {provider} yet"
            )));
        }
        let context = &self.context;
        let status: StatusCode = status_of(*policy.failed_status.get(context)?)?;
        let failure = Failure::new(status, error.reason(), error.to_string());
        let failure = match &policy.failed_message {
            Some(message) => failure.telling(message.get(context)?.into_owned()),
            None => failure,
        };
        Ok(failure.challenging(*error != TokenError::NotPresent))
    }
}

/// What may stand before the token. `require-scheme` speaks of `Authorization`; in other headers,
/// which hold the token alone, `Bearer` may stand all the same.
fn scheme<'s>(name: &HeaderName, required: Option<&'s str>) -> Scheme<'s> {
    match required.filter(|required| name == AUTHORIZATION && !required.trim().is_empty()) {
        Some(required) => Scheme::Required(required),
        None => Scheme::BearerOrNone,
    }
}

/// The token of a header that stands in the request once.
fn in_header<'h>(headers: &'h HeaderMap, name: &HeaderName, scheme: Scheme<'_>) -> Option<&'h str> {
    from_authorization(only(headers, name)?.to_str().ok()?, scheme)
}

/// The token of a query parameter that stands in the URL once. Its name may be written in any case,
/// as in expressions: `Token` beside `token` is a second one.
fn in_query(url: &Uri, name: &str) -> Option<Found> {
    let query = url.query().unwrap_or_default();
    let mut values = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value);
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    without_header(&value)
}

fn without_header(value: &str) -> Option<Found> {
    let token = from_authorization(value, Scheme::BearerOrNone)?;
    Some(Found {
        text: token.to_owned(),
        header: None,
    })
}

/// Leaves one blank between scheme and token, of any number that may stand there, and none around
/// them: then whatever looks for the token later, `….Split(' ')[1].AsJwt()` for example, finds the
/// one that was checked.
fn tidy(headers: &mut HeaderMap, name: &HeaderName, token: &str) {
    let Some(header) = only(headers, name) else {
        return;
    };
    // As bytes: nearly every request is tidy, and reading a long header as text takes a while.
    let scheme = header.as_bytes().strip_suffix(token.as_bytes());
    let is_tidy =
        |scheme: &[u8]| scheme.trim_ascii() == scheme.strip_suffix(b" ").unwrap_or(scheme);
    if scheme.is_some_and(is_tidy) {
        return;
    }
    let Ok(value) = header.to_str() else {
        return;
    };
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    if let Ok(tidied) = HeaderValue::from_str(&words.join(" ")) {
        headers.insert(name, tidied);
    }
}

#[cfg(test)]
mod tests;
