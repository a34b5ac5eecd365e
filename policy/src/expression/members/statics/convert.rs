//! `Convert` and the `Parse` methods.

use crate::expression::fault::Fault;
use crate::expression::members::{Answer, Method, method};
use crate::expression::operand::{Operand, wrong};
use crate::expression::types::Type;
use crate::value::read_bool;

pub(super) static CONVERT: &[Method] = &[
    method("ToString", &[Type::Object], Type::String, |a| {
        Operand::made(a[0].text().into_owned())
    }),
    method("ToInt32", &[Type::Object], Type::Int, |a| {
        to_int(&a[0]).and_then(within_int32)
    }),
    method("ToInt64", &[Type::Object], Type::Int, |a| {
        to_int(&a[0]).map(Operand::Int)
    }),
    method("ToDouble", &[Type::Object], Type::Float, |a| match &a[0] {
        Operand::Null => Ok(Operand::Float(0.0)),
        Operand::Text(text) => double(text),
        Operand::Float(value) => Ok(Operand::Float(*value)),
        other => Ok(Operand::Float(to_int(other)? as f64)),
    }),
    method("ToBoolean", &[Type::Object], Type::Bool, |a| match &a[0] {
        Operand::Null => Ok(Operand::Bool(false)),
        Operand::Bool(value) => Ok(Operand::Bool(*value)),
        Operand::Int(value) => Ok(Operand::Bool(*value != 0)),
        Operand::Float(value) => Ok(Operand::Bool(*value != 0.0)),
        Operand::Text(text) => boolean(text),
        other => Err(wrong("bool", Some(other))),
    }),
];

/// What `Convert` makes of a value: null is 0, a fraction goes to the nearest number and a half to
/// the even one.
fn to_int(value: &Operand<'_>) -> Result<i64, Fault> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    match value {
        Operand::Null => Ok(0),
        Operand::Bool(value) => Ok(i64::from(*value)),
        Operand::Int(value) => Ok(*value),
        Operand::Char(value) => Ok(i64::from(u32::from(*value))),
        Operand::Float(value) => {
            let rounded = value.round_ties_even();
            if (-LIMIT..LIMIT).contains(&rounded) {
                Ok(rounded as i64)
            } else {
                Err(Fault::Overflow)
            }
        }
        Operand::Text(text) => number(text),
        other => Err(wrong("int", Some(other))),
    }
}

fn within_int32<'c>(value: i64) -> Answer<'c> {
    i32::try_from(value)
        .map(|_| Operand::Int(value))
        .map_err(|_| Fault::Overflow)
}

/// `int.Parse`
pub(super) fn int32<'c>(text: &str) -> Answer<'c> {
    number(text).and_then(within_int32)
}

/// `long.Parse`
pub(super) fn int64<'c>(text: &str) -> Answer<'c> {
    number(text).map(Operand::Int)
}

fn number(text: &str) -> Result<i64, Fault> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    text.trim()
        .parse::<i64>()
        .map_err(|error| match error.kind() {
            PosOverflow | NegOverflow => Fault::Overflow,
            _ => Fault::Format("a whole number"),
        })
}

/// `double.Parse`
pub(super) fn double<'c>(text: &str) -> Answer<'c> {
    let text = text.trim();
    // Rust reads "inf" and "nan", which C# writes differently.
    let is_number = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    let value = text.parse::<f64>().ok().filter(|_| is_number);
    value.map(Operand::Float).ok_or(Fault::Format("a number"))
}

/// `bool.Parse`
pub(super) fn boolean<'c>(text: &str) -> Answer<'c> {
    read_bool(text)
        .map(Operand::Bool)
        .ok_or(Fault::Format("true or false"))
}
