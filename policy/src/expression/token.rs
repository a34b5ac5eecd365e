//! Cuts an expression into tokens.

use super::literal;
use super::refusal::{Refusal, Span};
use crate::xml::lexical;

/// Interpolated strings within holes of interpolated strings; the reader of documents has the same
/// bound.
const MAX_INTERPOLATION: usize = 16;

/// A token and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// What a token is. Keywords are names.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Name,
    Int(i64),
    Float(f64),
    Text(String),
    Char(char),
    Interpolated(Vec<Piece>),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// A part of an interpolated string.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Text(String),
    /// The tokens of a hole, an [`Kind::End`] last.
    Hole(Vec<Token>),
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// Every operator and bracket, longer ones before their beginnings. `>>` is left out: it closes two
/// generic types.
const SIGNS: [&str; 43] = [
    "??", "?.", "?[", "=>", "==", "!=", "<=", ">=", "<<", "&&", "||", "++", "--", "+=", "-=", "*=",
    "/=", "%=", "&=", "|=", "^=", "::", "+", "-", "*", "/", "%", "!", "~", "<", ">", "=", "?", ":",
    ".", ",", ";", "(", ")", "[", "]", "{", "}",
];

/// Operators of one character that are beginnings of longer ones and rarely used.
const BIT_SIGNS: [&str; 3] = ["&", "|", "^"];

/// Cuts a range of the text.
pub(super) fn tokens(text: &str, range: Span) -> Result<Vec<Token>, Refusal> {
    cut(text, range, 0)
}

fn cut(text: &str, range: Span, depth: usize) -> Result<Vec<Token>, Refusal> {
    let mut tokens = Vec::new();
    let mut at = range.start;
    while let Some(first) = text[at..range.end].chars().next() {
        let rest = &text[at..range.end];
        if first.is_whitespace() || first == '\u{feff}' {
            at += first.len_utf8();
            continue;
        }
        if rest.starts_with("//") || rest.starts_with("/*") {
            at = end_of_literal(text, at)?;
            continue;
        }
        let (kind, length) = next(text, at, range.end, depth)?;
        tokens.push(Token {
            kind,
            span: at..at + length,
        });
        at += length;
    }
    tokens.push(Token {
        kind: Kind::End,
        span: range.end..range.end,
    });
    Ok(tokens)
}

fn end_of_literal(text: &str, at: usize) -> Result<usize, Refusal> {
    match lexical::literal(text, at) {
        Ok(end) => Ok(end.unwrap_or(at + 1)),
        Err(error) => Err(Refusal::new(error.at..error.at + 1, error.to_string())),
    }
}

/// The token at `at` and its length in bytes.
fn next(text: &str, at: usize, end: usize, depth: usize) -> Result<(Kind, usize), Refusal> {
    let rest = &text[at..end];
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_alphabetic() || first == '_' {
        let length = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        return Ok((Kind::Name, length));
    }
    if first.is_ascii_digit()
        || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
    {
        return literal::number(rest).map_err(|message| Refusal::new(at..at + 1, message));
    }
    if matches!(first, '"' | '\'')
        || ["@\"", "$\"", "$@\"", "@$\""]
            .iter()
            .any(|s| rest.starts_with(s))
    {
        let literal_end = end_of_literal(text, at)?.min(end);
        return Ok((quoted(text, at..literal_end, depth)?, literal_end - at));
    }
    sign(rest)
        .map(|sign| (Kind::Sign(sign), sign.len()))
        .ok_or_else(|| {
            let span = at..at + first.len_utf8();
            match first {
                '@' => Refusal::new(
                    span,
                    "`@` stands only before the whole expression and before a verbatim string",
                ),
                _ => Refusal::new(span, "this character means nothing in an expression"),
            }
        })
}

fn sign(rest: &str) -> Option<&'static str> {
    let is_number = |at: usize| rest[at..].starts_with(|c: char| c.is_ascii_digit());
    // `c ?.5 : 1` is a conditional with a number.
    if rest.starts_with("?.") && is_number(2) {
        return Some("?");
    }
    SIGNS
        .iter()
        .chain(&BIT_SIGNS)
        .find(|sign| rest.starts_with(**sign))
        .copied()
}

/// A string or character literal.
fn quoted(text: &str, span: Span, depth: usize) -> Result<Kind, Refusal> {
    let whole = &text[span.clone()];
    let prefix = whole.find(['"', '\'']).unwrap_or(0);
    let content = span.start + prefix + 1..span.end - 1;
    let is_verbatim = whole[..prefix].contains('@');
    if whole[..prefix].contains('$') {
        return interpolated(text, content, is_verbatim, depth).map(Kind::Interpolated);
    }
    if whole.starts_with('\'') {
        return literal::character(&text[content])
            .map(Kind::Char)
            .map_err(|message| Refusal::new(span, message));
    }
    let text = literal::string(&text[content.clone()], is_verbatim).map_err(|(at, message)| {
        Refusal::new(content.start + at..content.start + at + 1, message)
    })?;
    Ok(Kind::Text(text))
}

/// The content of an interpolated string: text and holes.
fn interpolated(
    text: &str,
    content: Span,
    is_verbatim: bool,
    depth: usize,
) -> Result<Vec<Piece>, Refusal> {
    if depth == MAX_INTERPOLATION {
        return Err(Refusal::new(
            content,
            "interpolated strings are nested too deeply",
        ));
    }
    let mut pieces = Vec::new();
    let mut at = content.start;
    while at < content.end {
        let rest = &text[at..content.end];
        if rest.starts_with('{') && !rest.starts_with("{{") {
            let close = lexical::hole(text, at)
                .map_err(|error| Refusal::new(error.at..error.at + 1, error.to_string()))?
                .min(content.end);
            pieces.push(Piece::Hole(cut(text, at + 1..close, depth + 1)?));
            at = close + 1;
            continue;
        }
        let length = text_length(rest, is_verbatim);
        let run = literal::interpolated_text(&rest[..length], is_verbatim)
            .map_err(|(offset, message)| Refusal::new(at + offset..at + offset + 1, message))?;
        pieces.push(Piece::Text(run));
        at += length;
    }
    Ok(pieces)
}

/// How far the text before the next hole goes.
fn text_length(rest: &str, is_verbatim: bool) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'{', Some(b'{')) => at += 2,
            (b'{', _) => return at,
            (b'\\', Some(next)) if !is_verbatim && next.is_ascii() => at += 2,
            _ => at += 1,
        }
    }
    at
}
