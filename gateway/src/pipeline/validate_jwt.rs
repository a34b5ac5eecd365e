//! `validate-jwt`: finds the token, has it checked, answers when it does not hold.
//!
//! Exactly one token is looked for. A second `Authorization` line, or a scheme other than `Bearer` where the policy
//! names none, is no token: an expression such as `…GetValueOrDefault("Authorization","").AsJwt()` would read such a
//! request differently than the check does, and a limit keyed by the subject would count for somebody else.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderName, StatusCode};
use weir_policy::plan::{TokenSource, ValidateJwt};
use weir_policy::{Value, value};
use weir_token::{Jwt, Requirements, TokenError, from_authorization};

use super::check_header::status_of;
use super::{Exchange, Stop};
use crate::errors::Failure;
use crate::service::only;

impl Exchange<'_> {
    pub(super) async fn validate_jwt(&mut self, policy: &ValidateJwt) -> Result<(), Stop> {
        let result = match self.token(policy)? {
            Some(token) => self.check_token(policy, &token).await?,
            None => {
                if let Some(check) = self.gateway.jwt_checks.get(policy.index).and_then(Option::as_ref) {
                    check.metrics.not_present();
                }
                Err(TokenError::NotPresent)
            }
        };
        match result {
            Ok(jwt) => {
                if let Some(variable) = &policy.output_variable {
                    let jwt = value::Jwt::from_parts(jwt.header.clone(), jwt.claims.clone());
                    self.context.variables.set(variable, Value::Jwt(Arc::new(jwt)));
                }
                Ok(())
            }
            Err(error) => Err(self.denied(policy, &error)?.into()),
        }
    }

    async fn check_token(&self, policy: &ValidateJwt, token: &str) -> Result<Result<Arc<Jwt>, TokenError>, Stop> {
        let context = &self.context;
        let check = self.gateway.jwt_checks.get(policy.index).and_then(Option::as_ref);
        let check = check.ok_or_else(|| Failure::internal("JwtInvalid", "no key sources for this validate-jwt"))?;
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
    fn token(&self, policy: &ValidateJwt) -> Result<Option<Cow<'_, str>>, Stop> {
        let context = &self.context;
        Ok(match &policy.source {
            TokenSource::Header(name) => {
                let name = name.get(context)?;
                let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return Ok(None) };
                let value = only(&context.request.headers, &name).and_then(|value| value.to_str().ok());
                if name != AUTHORIZATION {
                    return Ok(value.map(str::trim).filter(|value| !value.is_empty()).map(Cow::Borrowed));
                }
                let scheme = match &policy.require_scheme {
                    Some(scheme) => Some(scheme.get(context)?),
                    None => None,
                };
                value.and_then(|value| bearer(value, scheme.as_ref().map(|s| s.as_str()))).map(Cow::Borrowed)
            }
            TokenSource::QueryParameter(name) => {
                let name = name.get(context)?;
                let query = context.request.original_url.query().unwrap_or_default();
                let mut found = url::form_urlencoded::parse(query.as_bytes()).filter(|(n, _)| **n == **name);
                let first = found.next().map(|(_, value)| Cow::Owned(value.into_owned()));
                first.filter(|value: &Cow<'_, str>| found.next().is_none() && !value.is_empty())
            }
            TokenSource::Value(value) => {
                Some(Cow::Owned(value.get(context)?.into_owned())).filter(|value: &Cow<'_, str>| !value.is_empty())
            }
        })
    }

    /// The answer to a token that does not hold, or to none.
    fn denied(&self, policy: &ValidateJwt, error: &TokenError) -> Result<Box<Failure>, Stop> {
        if let TokenError::KeysUnavailable(provider) = error {
            return Ok(Failure::keys_unavailable(format!("no signing keys from {provider} yet")));
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

/// The token in an `Authorization` value of the required scheme; without one, of scheme `Bearer` or none.
fn bearer<'v>(value: &'v str, scheme: Option<&str>) -> Option<&'v str> {
    let has_scheme = value.trim_matches([' ', '\t']).contains([' ', '\t']);
    let scheme = scheme.or(has_scheme.then_some("Bearer"));
    from_authorization(value, scheme).ok()
}

#[cfg(test)]
mod tests {
    use super::bearer;

    #[test]
    fn without_a_required_scheme_only_bearer_or_none_is_one() {
        assert_eq!(bearer("Bearer a.b.c", None), Some("a.b.c"));
        assert_eq!(bearer("bearer a.b.c", None), Some("a.b.c"));
        assert_eq!(bearer("a.b.c", None), Some("a.b.c"));
        assert_eq!(bearer("Custom a.b.c", None), None);
        assert_eq!(bearer("Custom a.b.c", Some("Custom")), Some("a.b.c"));
        assert_eq!(bearer("a.b.c", Some("Bearer")), None);
    }
}
