//! Tokens, credentials and times.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Answer, Method, Property, method, property};
use crate::expression::fault::Fault;
use crate::expression::operand::{Operand, wrong};
use crate::expression::types::Type;
use crate::value::{BasicCredentials, Jwt};

/// `AsJwt()`
pub(super) fn as_jwt<'c>(arguments: &[Operand<'c>]) -> Answer<'c> {
    Ok(match &arguments[0] {
        Operand::Text(text) => Jwt::parse_unverified(text).map_or(Operand::Null, |jwt| Operand::Jwt(Arc::new(jwt))),
        _ => Operand::Null,
    })
}

/// `AsBasic()`
pub(super) fn as_basic<'c>(arguments: &[Operand<'c>]) -> Answer<'c> {
    Ok(match &arguments[0] {
        Operand::Text(text) => {
            BasicCredentials::parse(text).map_or(Operand::Null, |found| Operand::Basic(Arc::new(found)))
        }
        _ => Operand::Null,
    })
}

fn jwt<'c>(arguments: &[Operand<'c>], get: fn(&Arc<Jwt>) -> Operand<'c>) -> Answer<'c> {
    match &arguments[0] {
        Operand::Jwt(jwt) => Ok(get(jwt)),
        other => Err(wrong("Jwt", Some(other))),
    }
}

fn time_of<'c>(jwt: &Jwt, claim: &str) -> Operand<'c> {
    jwt.claim_time(claim).map_or(Operand::Null, Operand::Time)
}

pub(super) static JWT: &[Property] = &[
    property("Subject", Type::String, |a| jwt(a, |j| Operand::shared(j.claim_text("sub")))),
    property("Issuer", Type::String, |a| jwt(a, |j| Operand::shared(j.claim_text("iss")))),
    property("Id", Type::String, |a| jwt(a, |j| Operand::shared(j.claim_text("jti")))),
    property("Audiences", Type::Strings, |a| {
        jwt(a, |j| Operand::Strings(j.claim_values("aud").unwrap_or_default().into()))
    }),
    property("Claims", Type::Multimap, |a| jwt(a, |j| Operand::Claims(Arc::clone(j)))),
    property("Algorithm", Type::String, |a| jwt(a, |j| Operand::shared(j.algorithm()))),
    property("Type", Type::String, |a| jwt(a, |j| Operand::shared(j.token_type()))),
    property("ExpirationTime", Type::Time, |a| jwt(a, |j| time_of(j, "exp"))),
    property("NotBefore", Type::Time, |a| jwt(a, |j| time_of(j, "nbf"))),
    property("IssuedAt", Type::Time, |a| jwt(a, |j| time_of(j, "iat"))),
];

fn basic<'c>(arguments: &[Operand<'c>], get: fn(&BasicCredentials) -> &Arc<str>) -> Answer<'c> {
    match &arguments[0] {
        Operand::Basic(basic) => Ok(Operand::shared(Some(Arc::clone(get(basic))))),
        other => Err(wrong("BasicAuthCredentials", Some(other))),
    }
}

pub(super) static BASIC: &[Property] = &[
    property("UserId", Type::String, |a| basic(a, |b| &b.user_id)),
    property("Password", Type::String, |a| basic(a, |b| &b.password)),
];

fn time(arguments: &[Operand<'_>]) -> Result<SystemTime, Fault> {
    match &arguments[0] {
        Operand::Time(time) => Ok(*time),
        other => Err(wrong("DateTime", Some(other))),
    }
}

pub(super) static TIME: &[Property] = &[
    // A time that may be null is not a type of its own here.
    property("Value", Type::Time, |a| time(a).map(Operand::Time)),
];

pub(super) static TIME_METHODS: &[Method] = &[
    method("AddSeconds", &[Type::Float], Type::Time, |a| add(a, 1.0)),
    method("AddMinutes", &[Type::Float], Type::Time, |a| add(a, 60.0)),
    method("AddHours", &[Type::Float], Type::Time, |a| add(a, 3600.0)),
    method("AddDays", &[Type::Float], Type::Time, |a| add(a, 86_400.0)),
    method("ToUnixTimeSeconds", &[], Type::Int, |a| {
        let seconds = match time(a)?.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_secs()).ok(),
            Err(before) => i64::try_from(before.duration().as_secs()).ok().map(|seconds| -seconds),
        };
        seconds.map(Operand::Int).ok_or(Fault::Overflow)
    }),
];

fn add<'c>(arguments: &[Operand<'c>], unit: f64) -> Answer<'c> {
    let Operand::Float(amount) = arguments[1] else { return Err(wrong("double", arguments.get(1))) };
    let by = Duration::try_from_secs_f64((amount * unit).abs()).map_err(|_| Fault::OutOfRange)?;
    let start = time(arguments)?;
    let moved = if amount < 0.0 { start.checked_sub(by) } else { start.checked_add(by) };
    moved.map(Operand::Time).ok_or(Fault::OutOfRange)
}
