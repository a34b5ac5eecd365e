//! Dictionaries: headers, query parameters, claims, matched parameters, variables.

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderMap;

use super::{Answer, Indexer, Method, method};
use crate::expression::fault::Fault;
use crate::expression::operand::{Operand, text, wrong};
use crate::expression::types::Type;

const KEY: &[Type] = &[Type::String];

/// Several values under a name are joined with this.
const SEPARATOR: &str = ",";

pub(super) static MULTIMAP: &[Method] = &[
    method("GetValueOrDefault", KEY, Type::String, |a| {
        Ok(joined(&a[0], text(a, 1)?)?.unwrap_or(Operand::Null))
    }),
    method(
        "GetValueOrDefault",
        &[Type::String, Type::String],
        Type::String,
        |a| Ok(joined(&a[0], text(a, 1)?)?.unwrap_or_else(|| a[2].clone())),
    ),
    method("ContainsKey", KEY, Type::Bool, |a| {
        Ok(Operand::Bool(contains(&a[0], text(a, 1)?)))
    }),
];

pub(super) static MULTIMAP_INDEXER: Indexer = Indexer {
    parameter: Type::String,
    ty: Type::Strings,
    get: |a| Operand::strings(values(&a[0], text(a, 1)?).ok_or(Fault::KeyNotFound)?),
};

fn contains(map: &Operand<'_>, name: &str) -> bool {
    match map {
        Operand::Headers(headers) => headers.contains_key(name),
        other => values(other, name).is_some(),
    }
}

/// The values under a name as one text; `None` if the name is absent.
fn joined<'c>(map: &Operand<'c>, name: &str) -> Result<Option<Operand<'c>>, Fault> {
    if let Operand::Headers(headers) = map {
        return header(headers, name);
    }
    let Some(values) = values(map, name) else {
        return Ok(None);
    };
    match values.as_slice() {
        [only] => Operand::made(Arc::clone(only)).map(Some),
        several => Operand::made(several.join(SEPARATOR)).map(Some),
    }
}

/// A header is nearly always one value of plain characters: then it is borrowed.
fn header<'c>(headers: &'c HeaderMap, name: &str) -> Result<Option<Operand<'c>>, Fault> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    let first = decode(first.as_bytes());
    let mut rest = values.peekable();
    if rest.peek().is_none() {
        return match first {
            Cow::Borrowed(text) => Ok(Some(Operand::borrowed(text))),
            Cow::Owned(text) => Operand::made(text).map(Some),
        };
    }
    let mut all = first.into_owned();
    for value in rest {
        all.push_str(SEPARATOR);
        all.push_str(&decode(value.as_bytes()));
    }
    Operand::made(all).map(Some)
}

/// A header's bytes as text: UTF-8, else one character per byte, so that different bytes stay
/// different texts.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

fn values(map: &Operand<'_>, name: &str) -> Option<Vec<Arc<str>>> {
    match map {
        Operand::Claims(jwt) => Some(jwt.claim_values(name)?.into_iter().map(Arc::from).collect()),
        Operand::Headers(headers) => {
            let values: Vec<_> = headers
                .get_all(name)
                .iter()
                .map(|value| decode(value.as_bytes()).into())
                .collect();
            (!values.is_empty()).then_some(values)
        }
        Operand::Query(url) => {
            let pairs = url::form_urlencoded::parse(url.query().unwrap_or("").as_bytes());
            let fits = |key: &str| key.eq_ignore_ascii_case(name);
            let values: Vec<_> = pairs
                .filter(|(key, _)| fits(key))
                .map(|(_, value)| value.into())
                .collect();
            (!values.is_empty()).then_some(values)
        }
        _ => None,
    }
}

pub(super) static PARAMETERS: &[Method] = &[
    method("GetValueOrDefault", KEY, Type::String, |a| {
        Ok(parameter(a)?.unwrap_or(Operand::Null))
    }),
    method(
        "GetValueOrDefault",
        &[Type::String, Type::String],
        Type::String,
        |a| Ok(parameter(a)?.unwrap_or_else(|| a[2].clone())),
    ),
    method("ContainsKey", KEY, Type::Bool, |a| {
        Ok(Operand::Bool(parameter(a)?.is_some()))
    }),
];

pub(super) static PARAMETERS_INDEXER: Indexer = Indexer {
    parameter: Type::String,
    ty: Type::String,
    get: |a| parameter(a)?.ok_or(Fault::KeyNotFound),
};

fn parameter<'c>(arguments: &[Operand<'c>]) -> Result<Option<Operand<'c>>, Fault> {
    let name = text(arguments, 1)?;
    match &arguments[0] {
        Operand::Parameters(parameters) => {
            let found = parameters
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name));
            Ok(found.map(|(_, value)| Operand::borrowed(value)))
        }
        other => Err(wrong("object", Some(other))),
    }
}

/// `GetValueOrDefault` is not here: its type is given by the caller, see [`variable`].
pub(super) static VARIABLES: &[Method] = &[method("ContainsKey", KEY, Type::Bool, |a| {
    Ok(Operand::Bool(look_up(a)?.is_some()))
})];

pub(super) static VARIABLES_INDEXER: Indexer = Indexer {
    parameter: Type::String,
    ty: Type::Object,
    get: |a| look_up(a)?.ok_or(Fault::KeyNotFound),
};

/// `Variables.GetValueOrDefault(name, default)`, before its type is checked.
pub(in crate::expression) fn variable<'c>(arguments: &[Operand<'c>]) -> Answer<'c> {
    Ok(look_up(arguments)?.unwrap_or_else(|| arguments[2].clone()))
}

fn look_up<'c>(arguments: &[Operand<'c>]) -> Result<Option<Operand<'c>>, Fault> {
    let name = text(arguments, 1)?;
    match &arguments[0] {
        Operand::Variables(variables) => Ok(variables.get(name).map(Operand::from_value)),
        other => Err(wrong("object", Some(other))),
    }
}
