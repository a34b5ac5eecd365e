//! What is called on a type: `string.IsNullOrEmpty`, `int.Parse`, `Guid.NewGuid`.

mod convert;

use std::sync::Arc;

use uuid::Uuid;

use super::string::equal_texts;
use super::text_format::format;
use super::{Answer, Method, Property, method, property};
use crate::expression::fault::Fault;
use crate::expression::operand::{Comparison, Operand, append, text, wrong};
use crate::expression::types::Type;

const S: Type = Type::String;
const O: Type = Type::Object;

/// A type with members of its own.
pub(in crate::expression) struct Static {
    names: &'static [&'static str],
    pub(in crate::expression) properties: &'static [Property],
    pub(in crate::expression) methods: &'static [Method],
}

/// The type called `name`.
pub(in crate::expression) fn named(name: &str) -> Option<&'static Static> {
    TYPES.iter().find(|ty| ty.names.contains(&name))
}

/// The first name of each type.
pub(in crate::expression) fn names() -> Vec<&'static str> {
    TYPES.iter().map(|ty| ty.names[0]).collect()
}

static TYPES: &[Static] = &[
    Static {
        names: &["string", "String"],
        properties: STRING_CONSTANTS,
        methods: STRING,
    },
    Static {
        names: &["int", "Int32"],
        properties: INT_CONSTANTS,
        methods: INT,
    },
    Static {
        names: &["long", "Int64"],
        properties: LONG_CONSTANTS,
        methods: LONG,
    },
    Static {
        names: &["double", "Double"],
        properties: &[],
        methods: DOUBLE,
    },
    Static {
        names: &["bool", "Boolean"],
        properties: &[],
        methods: BOOL,
    },
    Static {
        names: &["Convert"],
        properties: &[],
        methods: convert::CONVERT,
    },
    Static {
        names: &["Math"],
        properties: &[],
        methods: MATH,
    },
    Static {
        names: &["Guid"],
        properties: GUID_CONSTANTS,
        methods: GUID,
    },
    Static {
        names: &["Uri"],
        properties: &[],
        methods: URI,
    },
    Static {
        names: &["StringComparison"],
        properties: COMPARISONS,
        methods: &[],
    },
];

static STRING_CONSTANTS: &[Property] = &[property("Empty", S, |_| Ok(Operand::borrowed("")))];

static STRING: &[Method] = &[
    method("IsNullOrEmpty", &[S], Type::Bool, |a| {
        Ok(Operand::Bool(text(a, 0).map_or(true, str::is_empty)))
    }),
    method("IsNullOrWhiteSpace", &[S], Type::Bool, |a| {
        Ok(Operand::Bool(
            text(a, 0).map_or(true, |text| text.trim().is_empty()),
        ))
    }),
    Method {
        rest: Some(O),
        ..method("Format", &[S], S, format)
    },
    Method {
        rest: Some(O),
        ..method("Concat", &[O], S, |a| join("", a))
    },
    method("Join", &[S, Type::Strings], S, |a| match &a[1] {
        Operand::Strings(texts) => {
            let total: usize = texts
                .iter()
                .map(|text| text.len() + text_or_empty(a, 0).len())
                .sum();
            if total > 2 * crate::expression::operand::MAX_TEXT {
                return Err(Fault::TooLong);
            }
            Operand::made(texts.join(text_or_empty(a, 0)))
        }
        other => Err(wrong("string[]", Some(other))),
    }),
    Method {
        rest: Some(O),
        ..method("Join", &[S, O], S, |a| join(text_or_empty(a, 0), &a[1..]))
    },
    method("Equals", &[S, S], Type::Bool, |a| {
        Ok(Operand::Bool(equal(a, Comparison::Exact)))
    }),
    method("Equals", &[S, S, Type::Comparison], Type::Bool, |a| {
        let comparison = match &a[2] {
            Operand::Comparison(comparison) => *comparison,
            _ => Comparison::Exact,
        };
        Ok(Operand::Bool(equal(a, comparison)))
    }),
];

fn text_or_empty<'a>(arguments: &'a [Operand<'_>], index: usize) -> &'a str {
    text(arguments, index).unwrap_or("")
}

/// Null equals null.
fn equal(arguments: &[Operand<'_>], comparison: Comparison) -> bool {
    match (text(arguments, 0), text(arguments, 1)) {
        (Ok(a), Ok(b)) => equal_texts(a, b, comparison),
        (Err(_), Err(_)) => true,
        _ => false,
    }
}

fn join<'c>(separator: &str, parts: &[Operand<'c>]) -> Answer<'c> {
    let mut out = String::new();
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            append(&mut out, &Operand::borrowed(separator))?;
        }
        append(&mut out, part)?;
    }
    Operand::made(out)
}

static INT_CONSTANTS: &[Property] = &[
    property("MaxValue", Type::Int, |_| Ok(Operand::Int(i32::MAX.into()))),
    property("MinValue", Type::Int, |_| Ok(Operand::Int(i32::MIN.into()))),
];

static INT: &[Method] = &[method("Parse", &[S], Type::Int, |a| {
    convert::int32(text(a, 0)?)
})];

static LONG_CONSTANTS: &[Property] = &[
    property("MaxValue", Type::Int, |_| Ok(Operand::Int(i64::MAX))),
    property("MinValue", Type::Int, |_| Ok(Operand::Int(i64::MIN))),
];

static LONG: &[Method] = &[method("Parse", &[S], Type::Int, |a| {
    convert::int64(text(a, 0)?)
})];

static DOUBLE: &[Method] = &[method("Parse", &[S], Type::Float, |a| {
    convert::double(text(a, 0)?)
})];

static BOOL: &[Method] = &[method("Parse", &[S], Type::Bool, |a| {
    convert::boolean(text(a, 0)?)
})];

static MATH: &[Method] = &[
    method("Max", &[Type::Int, Type::Int], Type::Int, |a| {
        ints(a, |x, y| Some(x.max(y)))
    }),
    method("Min", &[Type::Int, Type::Int], Type::Int, |a| {
        ints(a, |x, y| Some(x.min(y)))
    }),
    method("Abs", &[Type::Int], Type::Int, |a| {
        ints(&[a[0].clone(), Operand::Int(0)], |x, _| x.checked_abs())
    }),
    method("Max", &[Type::Float, Type::Float], Type::Float, |a| {
        floats(a, f64::max)
    }),
    method("Min", &[Type::Float, Type::Float], Type::Float, |a| {
        floats(a, f64::min)
    }),
    method("Abs", &[Type::Float], Type::Float, |a| {
        floats(&[a[0].clone(), Operand::Float(0.0)], |x, _| x.abs())
    }),
];

fn ints<'c>(arguments: &[Operand<'c>], of: fn(i64, i64) -> Option<i64>) -> Answer<'c> {
    match arguments {
        [Operand::Int(a), Operand::Int(b)] => of(*a, *b).map(Operand::Int).ok_or(Fault::Overflow),
        _ => Err(Fault::UnexpectedNull("a number")),
    }
}

fn floats<'c>(arguments: &[Operand<'c>], of: fn(f64, f64) -> f64) -> Answer<'c> {
    match arguments {
        [Operand::Float(a), Operand::Float(b)] => Ok(Operand::Float(of(*a, *b))),
        _ => Err(Fault::UnexpectedNull("a number")),
    }
}

static GUID_CONSTANTS: &[Property] = &[property("Empty", Type::Guid, |_| {
    Ok(Operand::Guid(Uuid::nil()))
})];

static GUID: &[Method] = &[
    Method {
        is_pure: false,
        ..method("NewGuid", &[], Type::Guid, |_| {
            Ok(Operand::Guid(Uuid::new_v4()))
        })
    },
    method("Parse", &[S], Type::Guid, |a| {
        Uuid::try_parse(text(a, 0)?.trim())
            .map(Operand::Guid)
            .map_err(|_| Fault::Format("a Guid"))
    }),
];

static URI: &[Method] = &[
    method("EscapeDataString", &[S], S, |a| {
        Operand::made(percent_encoding::utf8_percent_encode(text(a, 0)?, RESERVED).to_string())
    }),
    method("UnescapeDataString", &[S], S, |a| {
        let decoded = percent_encoding::percent_decode_str(text(a, 0)?).decode_utf8_lossy();
        Operand::made(Arc::<str>::from(decoded))
    }),
];

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

static COMPARISONS: &[Property] = &[
    property("Ordinal", Type::Comparison, |_| {
        Ok(Operand::Comparison(Comparison::Exact))
    }),
    property("OrdinalIgnoreCase", Type::Comparison, |_| {
        Ok(Operand::Comparison(Comparison::IgnoreCase))
    }),
    property("InvariantCulture", Type::Comparison, |_| {
        Ok(Operand::Comparison(Comparison::Exact))
    }),
    property("InvariantCultureIgnoreCase", Type::Comparison, |_| {
        Ok(Operand::Comparison(Comparison::IgnoreCase))
    }),
    property("CurrentCulture", Type::Comparison, |_| {
        Ok(Operand::Comparison(Comparison::Exact))
    }),
    property("CurrentCultureIgnoreCase", Type::Comparison, |_| {
        Ok(Operand::Comparison(Comparison::IgnoreCase))
    }),
];
