//! `string.Format`: text with `{0}` in it.

use super::Answer;
use crate::expression::fault::Fault;
use crate::expression::operand::{Operand, append, text};

/// A part of a format.
enum Part<'f> {
    Text(&'f str),
    Argument(usize),
}

/// `string.Format(format, …)`
pub(super) fn format<'c>(arguments: &[Operand<'c>]) -> Answer<'c> {
    let mut out = String::new();
    for part in parts(text(arguments, 0)?) {
        match part? {
            Part::Text(run) => append(&mut out, &Operand::borrowed(run))?,
            Part::Argument(index) => append(&mut out, arguments.get(index + 1).ok_or(INVALID)?)?,
        }
    }
    Operand::made(out)
}

const INVALID: Fault = Fault::Format(
    "a format: {0} is the first argument, {{ and }} are braces, nothing else is known",
);

/// What is wrong with a format that takes `count` arguments, if anything.
pub(in crate::expression) fn check(format: &str, count: usize) -> Option<&'static str> {
    for part in parts(format) {
        match part {
            Err(_) => {
                return Some(
                    "bad format: `{0}` is the first argument, braces are written twice, alignment and formats are not supported",
                );
            }
            Ok(Part::Argument(index)) if index >= count => {
                return Some("the format names an argument that is not given");
            }
            Ok(_) => {}
        }
    }
    None
}

fn parts(format: &str) -> impl Iterator<Item = Result<Part<'_>, Fault>> {
    let mut rest = format;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (part, left) = match next(rest) {
            Ok(found) => found,
            Err(fault) => {
                rest = "";
                return Some(Err(fault));
            }
        };
        rest = left;
        Some(Ok(part))
    })
}

fn next(rest: &str) -> Result<(Part<'_>, &str), Fault> {
    if rest.starts_with("{{") || rest.starts_with("}}") {
        return Ok((Part::Text(&rest[..1]), &rest[2..]));
    }
    if let Some(hole) = rest.strip_prefix('{') {
        let (index, left) = hole.split_once('}').ok_or(INVALID)?;
        let is_number = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
        let index = index.parse().ok().filter(|_| is_number).ok_or(INVALID)?;
        return Ok((Part::Argument(index), left));
    }
    match rest.find(['{', '}']) {
        Some(0) => Err(INVALID),
        Some(end) => Ok((Part::Text(&rest[..end]), &rest[end..])),
        None => Ok((Part::Text(rest), "")),
    }
}
