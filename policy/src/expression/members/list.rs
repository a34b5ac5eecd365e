//! `string[]` and sequences of strings.

use std::sync::Arc;

use super::{Indexer, Method, Property, method, property};
use crate::expression::fault::Fault;
use crate::expression::operand::{Operand, int, text, wrong};
use crate::expression::types::Type;

fn list<'a>(arguments: &'a [Operand<'_>]) -> Result<&'a [Arc<str>], Fault> {
    match &arguments[0] {
        Operand::Strings(texts) => Ok(texts),
        other => Err(wrong("string[]", Some(other))),
    }
}

fn one<'c>(text: Option<&Arc<str>>) -> Result<Operand<'c>, Fault> {
    text.map(|text| Operand::shared(Some(Arc::clone(text))))
        .ok_or(Fault::Empty)
}

fn count<'c>(arguments: &[Operand<'c>]) -> Result<Operand<'c>, Fault> {
    Ok(Operand::Int(
        i64::try_from(list(arguments)?.len()).map_err(|_| Fault::Overflow)?,
    ))
}

pub(super) static PROPERTIES: &[Property] = &[property("Length", Type::Int, count)];

pub(super) static METHODS: &[Method] = &[
    method("Count", &[], Type::Int, count),
    method("Any", &[], Type::Bool, |a| {
        Ok(Operand::Bool(!list(a)?.is_empty()))
    }),
    method("Contains", &[Type::String], Type::Bool, |a| {
        let wanted = text(a, 1).ok();
        Ok(Operand::Bool(
            list(a)?.iter().any(|text| Some(&**text) == wanted),
        ))
    }),
    method("First", &[], Type::String, |a| one(list(a)?.first())),
    method("Last", &[], Type::String, |a| one(list(a)?.last())),
    method("FirstOrDefault", &[], Type::String, |a| {
        Ok(Operand::shared(list(a)?.first().cloned()))
    }),
    method("LastOrDefault", &[], Type::String, |a| {
        Ok(Operand::shared(list(a)?.last().cloned()))
    }),
];

pub(super) static INDEXER: Indexer = Indexer {
    parameter: Type::Int,
    ty: Type::String,
    get: |a| {
        let index = usize::try_from(int(a, 1)?).map_err(|_| Fault::OutOfRange)?;
        one(list(a)?.get(index)).map_err(|_| Fault::OutOfRange)
    },
};
