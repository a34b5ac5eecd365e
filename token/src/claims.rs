//! The checks of a genuine token's claims. Pure: the time is part of the requirements.

use std::borrow::Cow;
use std::time::SystemTime;

use serde_json::Value;

use crate::{Jwt, Match, RequiredClaim, Requirements, TokenError};

/// How much of a refused claim's value is shown: the text may reach a log or a client, and the
/// value may be long.
const MAX_SHOWN: usize = 200;

/// Checks times, audience and required claims. The issuer is the validator's affair: it depends on
/// the key.
pub(crate) fn check(jwt: &Jwt, requirements: &Requirements<'_>) -> Result<(), TokenError> {
    times(jwt, requirements)?;
    audience(jwt, requirements.audiences)?;
    required(jwt, requirements.required_claims)
}

/// `exp` and `nbf` in floating point: issuers write fractions, and any number compares without
/// overflow.
fn times(jwt: &Jwt, requirements: &Requirements<'_>) -> Result<(), TokenError> {
    let now = seconds_since_1970(requirements.now);
    let skew = requirements.clock_skew.as_secs_f64();
    match number(jwt, "exp", "exp is not a number")? {
        // RFC 7519: the token must not be accepted on or after this moment.
        Some(expires) if now >= expires + skew => return Err(TokenError::Expired),
        None if requirements.require_expiration => {
            return Err(TokenError::ClaimMissing(vec!["exp".into()]));
        }
        _ => {}
    }
    match number(jwt, "nbf", "nbf is not a number")? {
        Some(start) if now < start - skew => Err(TokenError::NotYetValid),
        _ => Ok(()),
    }
}

fn audience(jwt: &Jwt, accepted: &[String]) -> Result<(), TokenError> {
    if accepted.is_empty()
        || jwt
            .audiences()
            .any(|audience| accepted.iter().any(|one| one == audience))
    {
        Ok(())
    } else {
        Err(TokenError::AudienceNotAllowed)
    }
}

/// Missing claims are reported all at once, and before a wrong value of another claim.
fn required(jwt: &Jwt, claims: &[RequiredClaim]) -> Result<(), TokenError> {
    let missing: Vec<_> = claims
        .iter()
        .filter(|claim| !jwt.claims.contains_key(&claim.name))
        .map(|claim| claim.name.clone())
        .collect();
    if !missing.is_empty() {
        return Err(TokenError::ClaimMissing(missing));
    }
    match claims.iter().find(|claim| !holds(jwt, claim)) {
        None => Ok(()),
        Some(claim) => Err(TokenError::ClaimNotAllowed {
            name: claim.name.clone(),
            value: shown(jwt, &claim.name),
        }),
    }
}

fn holds(jwt: &Jwt, claim: &RequiredClaim) -> bool {
    if claim.values.is_empty() {
        return true;
    }
    let values = match (
        jwt.claims.get(&claim.name),
        claim.separator.as_deref().filter(|s| !s.is_empty()),
    ) {
        (Some(Value::String(text)), Some(separator)) => {
            text.split(separator).map(Cow::Borrowed).collect()
        }
        _ => jwt.claim_values(&claim.name).unwrap_or_default(),
    };
    let present = |wanted: &String| values.iter().any(|value| value == wanted);
    match claim.mode {
        Match::All => claim.values.iter().all(present),
        Match::Any => claim.values.iter().any(present),
    }
}

fn shown(jwt: &Jwt, name: &str) -> String {
    let mut text = jwt.claim_values(name).unwrap_or_default().join(", ");
    if let Some((end, _)) = text.char_indices().nth(MAX_SHOWN) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn number(jwt: &Jwt, name: &str, complaint: &'static str) -> Result<Option<f64>, TokenError> {
    match jwt.claims.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_f64()
            .map(Some)
            .ok_or(TokenError::Malformed(complaint)),
    }
}

fn seconds_since_1970(time: SystemTime) -> f64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

#[cfg(test)]
mod tests;
