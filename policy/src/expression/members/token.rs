//! Tokens, credentials and times.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use weir_jwt::{Scheme, from_authorization};

use super::{Answer, Method, Property, method, property};
use crate::expression::fault::Fault;
use crate::expression::operand::{Operand, wrong};
use crate::expression::types::Type;
use crate::value::{BasicCredentials, Jwt};

/// `AsJwt()`: of a token, alone or with any scheme before it. The second argument is the context.
pub(super) fn as_jwt<'c>(arguments: &[Operand<'c>]) -> Answer<'c> {
    let Operand::Text(text) = &arguments[0] else {
        return Ok(Operand::Null);
    };
    let Some(token) = from_authorization(text, Scheme::Any) else {
        return Ok(Operand::Null);
    };
    if let Some(Operand::Context(context)) = arguments.get(1)
        && let Some(verified) = context
            .verified_token
            .as_ref()
            .filter(|verified| *verified.text == *token)
    {
        return Ok(Operand::Jwt(Arc::clone(&verified.jwt)));
    }
    Ok(Jwt::read(token).map_or(Operand::Null, |jwt| Operand::Jwt(Arc::new(jwt))))
}

/// `AsBasic()`
pub(super) fn as_basic<'c>(arguments: &[Operand<'c>]) -> Answer<'c> {
    Ok(match &arguments[0] {
        Operand::Text(text) => BasicCredentials::parse(text)
            .map_or(Operand::Null, |found| Operand::Basic(Arc::new(found))),
        _ => Operand::Null,
    })
}

fn jwt<'c>(arguments: &[Operand<'c>], get: fn(&Arc<Jwt>) -> Operand<'c>) -> Answer<'c> {
    match &arguments[0] {
        Operand::Jwt(jwt) => Ok(get(jwt)),
        other => Err(wrong("Jwt", Some(other))),
    }
}

fn text_or_null<'c>(text: Option<&str>) -> Operand<'c> {
    Operand::shared(text.map(Arc::from))
}

fn time_or_null<'c>(time: Option<SystemTime>) -> Operand<'c> {
    time.map_or(Operand::Null, Operand::Time)
}

pub(super) static JWT: &[Property] = &[
    property("Subject", Type::String, |a| {
        jwt(a, |j| text_or_null(j.subject()))
    }),
    property("Issuer", Type::String, |a| {
        jwt(a, |j| text_or_null(j.issuer()))
    }),
    property("Id", Type::String, |a| jwt(a, |j| text_or_null(j.id()))),
    property("Audiences", Type::Strings, |a| {
        jwt(a, |j| {
            Operand::Strings(j.audiences().map(Arc::from).collect())
        })
    }),
    property("Claims", Type::Multimap, |a| {
        jwt(a, |j| Operand::Claims(Arc::clone(j)))
    }),
    property("Algorithm", Type::String, |a| {
        jwt(a, |j| text_or_null(j.algorithm()))
    }),
    property("Type", Type::String, |a| {
        jwt(a, |j| text_or_null(j.token_type()))
    }),
    property("ExpirationTime", Type::Time, |a| {
        jwt(a, |j| time_or_null(j.expires()))
    }),
    property("NotBefore", Type::Time, |a| {
        jwt(a, |j| time_or_null(j.not_before()))
    }),
    property("IssuedAt", Type::Time, |a| {
        jwt(a, |j| time_or_null(j.issued_at()))
    }),
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
            Err(before) => i64::try_from(before.duration().as_secs())
                .ok()
                .map(|seconds| -seconds),
        };
        seconds.map(Operand::Int).ok_or(Fault::Overflow)
    }),
];

fn add<'c>(arguments: &[Operand<'c>], unit: f64) -> Answer<'c> {
    let Operand::Float(amount) = arguments[1] else {
        return Err(wrong("double", arguments.get(1)));
    };
    let by = Duration::try_from_secs_f64((amount * unit).abs()).map_err(|_| Fault::OutOfRange)?;
    let start = time(arguments)?;
    let moved = if amount < 0.0 {
        start.checked_sub(by)
    } else {
        start.checked_add(by)
    };
    moved.map(Operand::Time).ok_or(Fault::OutOfRange)
}
