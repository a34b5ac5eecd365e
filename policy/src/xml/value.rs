//! The text of one value: literals with their entities decoded, expressions in their raw and their
//! escaped form.
//!
//! A document may mix both forms, so each value is decided alone. Raw: the C# as it is, up to its
//! closing bracket, whatever quotes and brackets lie inside. Escaped: everything up to the quote or
//! the end tag, entities decoded.

use super::cursor::after;
use super::entity;
use super::lexical::{self, LexicalError};
use super::raw_value::RawValue;
use crate::diagnostic::Position;

/// An error of a value: its place, what is wrong, what would work.
pub(super) struct Problem {
    pub(super) position: Position,
    pub(super) message: String,
    pub(super) help: Option<&'static str>,
}

/// An expression that was found in a document.
pub(super) struct Found {
    pub(super) value: RawValue,
    /// How much of the text it takes, in bytes, up to what must follow it.
    pub(super) length: usize,
}

/// How long a value is if it is in its escaped form.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    pub(super) length: usize,
    /// What follows looks like the end of the value in any form: then errors are told, and reading
    /// goes on, from there.
    pub(super) is_likely: bool,
}

/// Reads the expression at the start of `text`, which stands at `position`. `ends` says whether
/// what follows a raw form, blanks skipped, is what has to follow it: a quote, a tag.
pub(super) fn expression(
    text: &str,
    position: Position,
    stretch: Option<Stretch>,
    ends: &dyn Fn(&str) -> bool,
) -> Result<Found, Problem> {
    let Some(Stretch { length, is_likely }) = stretch else {
        return raw_form(text, position, ends);
    };
    let escaped = || escaped_form(&text[..length], position).map(|value| Found { value, length });
    if text[..length].contains("&quot;") {
        return escaped().or_else(|problem| raw_form(text, position, ends).map_err(|_| problem));
    }
    raw_form(text, position, ends)
        .or_else(|raw| escaped().map_err(|escaped| if is_likely { escaped } else { raw }))
}

fn raw_form(text: &str, position: Position, ends: &dyn Fn(&str) -> bool) -> Result<Found, Problem> {
    let end = lexical::closing(text, 1)
        .map_err(|error| problem(&error, after(position, &text[..error.at])))?;
    let blanks = text[end..].len() - text[end..].trim_start().len();
    if !ends(&text[end + blanks..]) {
        return Err(trailing_text(after(position, &text[..end + blanks])));
    }
    Ok(Found {
        value: decoded_raw(&text[..end], position),
        length: end + blanks,
    })
}

/// A raw expression may use the five entities all the same; they are decoded unless that breaks the
/// C#: a quote in a string stays as it is written.
fn decoded_raw(text: &str, position: Position) -> RawValue {
    let strings = lexical::plain_strings(text);
    let mut decoded = RawValue::empty(position);
    decode_into(&mut decoded, text, position, &|at| {
        entity::decode_named(&text[at..]).filter(|(character, _)| {
            let is_quote = matches!(character, '"' | '\'');
            !is_quote || !strings.iter().any(|string| string.contains(&at))
        })
    });
    let is_intact =
        lexical::closing(decoded.text(), 1).is_ok_and(|end| end == decoded.text().len());
    let value = if is_intact {
        decoded
    } else {
        verbatim(text, position)
    };
    value.into_expression()
}

fn escaped_form(stretch: &str, position: Position) -> Result<RawValue, Problem> {
    let mut decoded = RawValue::empty(position);
    decode_into(&mut decoded, stretch, position, &|at| {
        entity::decode(&stretch[at..])
    });
    complete(decoded)
}

/// A decoded text that starts like an expression: it must be one, to its end.
pub(super) fn complete(decoded: RawValue) -> Result<RawValue, Problem> {
    let value = decoded.into_expression();
    match lexical::closing(value.text(), 1) {
        Ok(end) if end == value.text().len() => Ok(value),
        Ok(end) => Err(trailing_text(value.position_at(end))),
        Err(error) => Err(problem(&error, value.position_at(error.at))),
    }
}

/// A literal, decoded. Whatever is wrong with it goes to `report`.
pub(super) fn literal(
    text: &str,
    position: Position,
    value: &mut RawValue,
    report: &mut dyn FnMut(Problem),
) {
    let unknown = decode_into(value, text, position, &|at| entity::decode(&text[at..]));
    for offset in unknown {
        report(Problem {
            position: after(position, &text[..offset]),
            message: "`&` starts no entity here".to_owned(),
            help: Some(
                "write `&amp;` for `&`; the entities are &lt; &gt; &amp; &quot; &apos; and numbers like &#10;",
            ),
        });
    }
}

fn verbatim(text: &str, position: Position) -> RawValue {
    let mut value = RawValue::empty(position);
    value.push_run(text, position);
    value
}

/// Appends `text` decoded. The offsets of every `&` that starts no entity come back; such text is
/// kept as it is.
fn decode_into(
    value: &mut RawValue,
    text: &str,
    position: Position,
    entity_at: &dyn Fn(usize) -> Option<(char, usize)>,
) -> Vec<usize> {
    let mut unknown = Vec::new();
    let (mut run, mut run_position, mut from) = (0, position, 0);
    while let Some(at) = text[from..].find('&').map(|n| from + n) {
        let Some((character, length)) = entity_at(at) else {
            unknown.push(at);
            from = at + 1;
            continue;
        };
        let here = after(run_position, &text[run..at]);
        if run < at {
            value.push_run(&text[run..at], run_position);
        }
        value.push_fixed(character.encode_utf8(&mut [0; 4]), here);
        from = at + length;
        run_position = after(here, &text[at..from]);
        run = from;
    }
    if run < text.len() {
        value.push_run(&text[run..], run_position);
    }
    unknown
}

fn problem(error: &LexicalError, position: Position) -> Problem {
    let help = match error.trouble {
        lexical::Trouble::LineBreakInString => Some("a string that spans lines is written @\"…\""),
        lexical::Trouble::TooLong => {
            Some("is its bracket closed? If it is, split it over several set-variable")
        }
        _ => Some("quotes, brackets and comments in an expression are read as C#"),
    };
    Problem {
        position,
        message: format!("the expression does not end: {error}"),
        help,
    }
}

fn trailing_text(position: Position) -> Problem {
    Problem {
        position,
        message: "text after the end of the expression".to_owned(),
        help: Some("an expression is the whole value: put the text inside, as in @(\"text\" + …)"),
    }
}
