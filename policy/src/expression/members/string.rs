//! `string`: its members. Comparisons without a `StringComparison` are by character, whatever the
//! culture.

mod search;

use std::sync::Arc;

use self::search::{ends_with, equals, find, fold, lower, starts_with};
use super::string_index as index;
use super::token::{as_basic, as_jwt};
use super::{Answer, Indexer, Method, Property, extension, method, property};
use crate::expression::fault::Fault;
use crate::expression::operand::{Comparison, MAX_LIST, MAX_TEXT, Operand, int, text};
use crate::expression::types::Type;

const S: Type = Type::String;

pub(super) use search::equals as equal_texts;

pub(super) static PROPERTIES: &[Property] = &[property("Length", Type::Int, |a| {
    Ok(Operand::Int(index::length(text(a, 0)?)))
})];

pub(super) static INDEXER: Indexer = Indexer {
    parameter: Type::Int,
    ty: Type::Char,
    get: |a| index::character(text(a, 0)?, int(a, 1)?).map(Operand::Char),
};

pub(super) static METHODS: &[Method] = &[
    method("ToUpper", &[], S, |a| {
        Operand::made(text(a, 0)?.chars().map(fold).collect::<String>())
    }),
    method("ToUpperInvariant", &[], S, |a| {
        Operand::made(text(a, 0)?.chars().map(fold).collect::<String>())
    }),
    method("ToLower", &[], S, |a| {
        Operand::made(text(a, 0)?.chars().map(lower).collect::<String>())
    }),
    method("ToLowerInvariant", &[], S, |a| {
        Operand::made(text(a, 0)?.chars().map(lower).collect::<String>())
    }),
    Method {
        rest: Some(Type::Char),
        ..method("Trim", &[], S, |a| trim(a, true, true))
    },
    Method {
        rest: Some(Type::Char),
        ..method("TrimStart", &[], S, |a| trim(a, true, false))
    },
    Method {
        rest: Some(Type::Char),
        ..method("TrimEnd", &[], S, |a| trim(a, false, true))
    },
    method("Substring", &[Type::Int], S, |a| {
        Operand::made(index::substring(text(a, 0)?, int(a, 1)?, None)?)
    }),
    method("Substring", &[Type::Int, Type::Int], S, |a| {
        Operand::made(index::substring(text(a, 0)?, int(a, 1)?, Some(int(a, 2)?))?)
    }),
    method("Contains", &[S], Type::Bool, |a| {
        truth(find(text(a, 0)?, text(a, 1)?, Comparison::Exact).is_some())
    }),
    method("Contains", &[Type::Char], Type::Bool, |a| {
        truth(text(a, 0)?.contains(character(&a[1])))
    }),
    method("Contains", &[S, Type::Comparison], Type::Bool, |a| {
        truth(find(text(a, 0)?, text(a, 1)?, comparison(&a[2])).is_some())
    }),
    method("StartsWith", &[S], Type::Bool, |a| {
        truth(text(a, 0)?.starts_with(text(a, 1)?))
    }),
    method("StartsWith", &[S, Type::Comparison], Type::Bool, |a| {
        truth(starts_with(text(a, 0)?, text(a, 1)?, comparison(&a[2])))
    }),
    method("EndsWith", &[S], Type::Bool, |a| {
        truth(text(a, 0)?.ends_with(text(a, 1)?))
    }),
    method("EndsWith", &[S, Type::Comparison], Type::Bool, |a| {
        truth(ends_with(text(a, 0)?, text(a, 1)?, comparison(&a[2])))
    }),
    method("Equals", &[S], Type::Bool, |a| {
        truth(text(a, 1).is_ok_and(|other| text(a, 0) == Ok(other)))
    }),
    method("Equals", &[S, Type::Comparison], Type::Bool, |a| {
        let own = text(a, 0)?;
        truth(text(a, 1).is_ok_and(|other| equals(own, other, comparison(&a[2]))))
    }),
    method("IndexOf", &[S], Type::Int, |a| {
        let own = text(a, 0)?;
        position(own, find(own, text(a, 1)?, Comparison::Exact))
    }),
    method("IndexOf", &[S, Type::Comparison], Type::Int, |a| {
        let own = text(a, 0)?;
        position(own, find(own, text(a, 1)?, comparison(&a[2])))
    }),
    method("IndexOf", &[S, Type::Int], Type::Int, |a| {
        let own = text(a, 0)?;
        let from = index::byte_offset(own, int(a, 2)?)?;
        position(own, own[from..].find(text(a, 1)?).map(|at| from + at))
    }),
    method("IndexOf", &[Type::Char], Type::Int, |a| {
        position(text(a, 0)?, text(a, 0)?.find(character(&a[1])))
    }),
    method("LastIndexOf", &[S], Type::Int, |a| {
        position(text(a, 0)?, text(a, 0)?.rfind(text(a, 1)?))
    }),
    method("LastIndexOf", &[Type::Char], Type::Int, |a| {
        position(text(a, 0)?, text(a, 0)?.rfind(character(&a[1])))
    }),
    method("Replace", &[S, S], S, |a| {
        replace(text(a, 0)?, text(a, 1)?, text(a, 2).unwrap_or(""))
    }),
    method("Replace", &[Type::Char, Type::Char], S, |a| {
        replace(
            text(a, 0)?,
            &character(&a[1]).to_string(),
            &character(&a[2]).to_string(),
        )
    }),
    method("Remove", &[Type::Int], S, |a| {
        Operand::made(&text(a, 0)?[..index::byte_offset(text(a, 0)?, int(a, 1)?)?])
    }),
    method("Remove", &[Type::Int, Type::Int], S, |a| {
        let own = text(a, 0)?;
        let from = index::byte_offset(own, int(a, 1)?)?;
        let length = index::substring(&own[from..], 0, Some(int(a, 2)?))?.len();
        Operand::made(own[..from].to_owned() + &own[from + length..])
    }),
    method("Insert", &[Type::Int, S], S, |a| {
        let own = text(a, 0)?;
        let at = index::byte_offset(own, int(a, 1)?)?;
        Operand::made(own[..at].to_owned() + text(a, 2)? + &own[at..])
    }),
    method("Split", &[S], Type::Strings, |a| {
        split(text(a, 0)?, text(a, 1).unwrap_or(""))
    }),
    Method {
        rest: Some(Type::Char),
        ..method("Split", &[], Type::Strings, split_at_characters)
    },
    method("PadLeft", &[Type::Int], S, |a| pad(a, true)),
    method("PadLeft", &[Type::Int, Type::Char], S, |a| pad(a, true)),
    method("PadRight", &[Type::Int], S, |a| pad(a, false)),
    method("PadRight", &[Type::Int, Type::Char], S, |a| pad(a, false)),
    Method {
        takes_context: true,
        ..extension("AsJwt", Type::Jwt, as_jwt)
    },
    extension("AsBasic", Type::Basic, as_basic),
];

fn truth<'c>(value: bool) -> Answer<'c> {
    Ok(Operand::Bool(value))
}

fn character(operand: &Operand<'_>) -> char {
    match operand {
        Operand::Char(character) => *character,
        _ => '\0', // a char is never null
    }
}

fn comparison(operand: &Operand<'_>) -> Comparison {
    match operand {
        Operand::Comparison(comparison) => *comparison,
        _ => Comparison::Exact,
    }
}

/// The index of what was found, -1 for nothing.
fn position<'c>(text: &str, found: Option<usize>) -> Answer<'c> {
    Ok(Operand::Int(
        found.map_or(-1, |offset| index::index_of(text, offset)),
    ))
}

fn trim<'c>(arguments: &[Operand<'c>], start: bool, end: bool) -> Answer<'c> {
    let set: Vec<char> = arguments[1..].iter().map(character).collect();
    let fits = |c: char| {
        if set.is_empty() {
            c.is_whitespace()
        } else {
            set.contains(&c)
        }
    };
    let mut rest = text(arguments, 0)?;
    if start {
        rest = rest.trim_start_matches(fits);
    }
    if end {
        rest = rest.trim_end_matches(fits);
    }
    Operand::made(rest)
}

fn replace<'c>(text: &str, old: &str, new: &str) -> Answer<'c> {
    if old.is_empty() {
        return Err(Fault::Format("a text to replace, which cannot be empty"));
    }
    // Looked at before it is built: each replacement may be as long as the text.
    let hits = text.matches(old).count();
    if text.len().saturating_add(hits.saturating_mul(new.len())) > 2 * MAX_TEXT {
        return Err(Fault::TooLong);
    }
    Operand::made(text.replace(old, new))
}

fn split<'c>(text: &str, separator: &str) -> Answer<'c> {
    if separator.is_empty() {
        return Operand::strings(vec![text.into()]);
    }
    Operand::strings(
        text.split(separator)
            .take(MAX_LIST + 1)
            .map(Arc::from)
            .collect(),
    )
}

/// Without characters: at blanks.
fn split_at_characters<'c>(arguments: &[Operand<'c>]) -> Answer<'c> {
    let set: Vec<char> = arguments[1..].iter().map(character).collect();
    let separates = |c: char| {
        if set.is_empty() {
            c.is_whitespace()
        } else {
            set.contains(&c)
        }
    };
    Operand::strings(
        text(arguments, 0)?
            .split(separates)
            .take(MAX_LIST + 1)
            .map(Arc::from)
            .collect(),
    )
}

fn pad<'c>(arguments: &[Operand<'c>], is_left: bool) -> Answer<'c> {
    let own = text(arguments, 0)?;
    let missing = int(arguments, 1)?.saturating_sub(index::length(own));
    let filler = arguments.get(2).map_or(' ', character);
    let missing = usize::try_from(missing).unwrap_or(0);
    if missing > MAX_TEXT {
        return Err(Fault::TooLong);
    }
    let padding: String = std::iter::repeat_n(filler, missing).collect();
    Operand::made(if is_left {
        padding + own
    } else {
        own.to_owned() + &padding
    })
}
