//! Where C# ends: just enough of its lexical grammar to find the bracket that closes an expression.
//!
//! Brackets in strings, characters and comments do not count, so those are recognised, interpolated
//! strings with the code in their holes included. Everything that matters is ASCII, so bytes are
//! looked at, not characters.

use std::ops::Range;

/// Brackets nested deeper than this are refused: no person writes that, and the parser recurses.
const MAX_BRACKETS: usize = 200;

/// Interpolated strings within holes of interpolated strings.
const MAX_INTERPOLATION: usize = 16;

/// The longest expression in bytes. A bound on how far an unclosed one is searched.
const MAX_LENGTH: usize = 64 * 1024;

/// Why no end was found, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{trouble}")]
pub(crate) struct LexicalError {
    /// Byte offset of the trouble.
    pub(crate) at: usize,
    /// What it is.
    pub(crate) trouble: Trouble,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("this `{0}` is never closed")]
    UnclosedBracket(char),
    #[error("`{found}` where `{expected}` is needed to close the bracket before it")]
    WrongBracket { found: char, expected: char },
    #[error("this string is never closed")]
    UnclosedString,
    #[error("a line break in a string")]
    LineBreakInString,
    #[error("this character literal is never closed")]
    UnclosedCharacter,
    #[error("this comment is never closed")]
    UnclosedComment,
    #[error("the expression is nested too deeply")]
    TooDeep,
    #[error("the expression is longer than 64 KiB")]
    TooLong,
}

impl Trouble {
    /// Whether the end of the text came too early.
    fn is_unclosed(&self) -> bool {
        matches!(
            self,
            Self::UnclosedBracket(_) | Self::UnclosedString | Self::UnclosedComment
        )
    }

    fn at<T>(self, at: usize) -> Result<T, LexicalError> {
        Err(LexicalError { at, trouble: self })
    }
}

/// The offset after the bracket that closes the one at `open`.
pub(crate) fn closing(text: &str, open: usize) -> Result<usize, LexicalError> {
    let end = text.len().min(open.saturating_add(MAX_LENGTH));
    let result = Lexical {
        bytes: &text.as_bytes()[..end],
    }
    .closing(open, 0, false);
    match result {
        Err(error) if end < text.len() && error.trouble.is_unclosed() => Trouble::TooLong.at(open),
        other => other,
    }
}

/// The offset after the string, character literal or comment that starts at `at`; `None` if none
/// does.
pub(crate) fn literal(text: &str, at: usize) -> Result<Option<usize>, LexicalError> {
    Lexical {
        bytes: text.as_bytes(),
    }
    .literal(at, 0)
}

/// Where strings and characters lie in C# that was found to be complete; interpolated ones, which
/// hold code, left out.
pub(crate) fn plain_strings(text: &str) -> Vec<Range<usize>> {
    literals(text, |start| {
        !start.starts_with('/') && !is_interpolated(start)
    })
}

/// Where interpolated strings lie in C# that was found to be complete, those in holes of others not
/// by themselves.
pub(crate) fn interpolated_strings(text: &str) -> Vec<Range<usize>> {
    literals(text, is_interpolated)
}

/// Where comments lie in C# that was found to be complete, those in holes of interpolated strings
/// left out.
pub(crate) fn comments(text: &str) -> Vec<Range<usize>> {
    literals(text, |start| start.starts_with('/'))
}

fn is_interpolated(start: &str) -> bool {
    start.starts_with('$') || start.starts_with("@$")
}

/// The strings, characters and comments that are wanted, judged by the text that begins with them.
fn literals(text: &str, is_wanted: fn(&str) -> bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match literal(text, at) {
            Ok(Some(end)) => {
                if is_wanted(&text[at..]) {
                    found.push(at..end);
                }
                at = end;
            }
            _ => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    found
}

/// The offset of the `}` that closes the hole of an interpolated string whose `{` is at `open`.
pub(crate) fn hole(text: &str, open: usize) -> Result<usize, LexicalError> {
    Ok(Lexical {
        bytes: text.as_bytes(),
    }
    .closing(open, 0, true)?
        - 1)
}

struct Lexical<'a> {
    bytes: &'a [u8],
}

impl Lexical<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// `in_hole`: a `:` on the outermost level starts a format, which is no code and ends at the
    /// `}`.
    fn closing(&self, open: usize, depth: usize, in_hole: bool) -> Result<usize, LexicalError> {
        let mut stack = vec![open];
        let mut at = open + 1;
        while at < self.bytes.len() {
            match self.bytes[at] {
                b'(' | b'{' | b'[' if stack.len() == MAX_BRACKETS => {
                    return Trouble::TooDeep.at(at);
                }
                b'(' | b'{' | b'[' => stack.push(at),
                found @ (b')' | b'}' | b']') => {
                    let opened = stack.pop().map_or(0, |at| self.bytes[at]);
                    let expected = closer(opened);
                    if found != expected {
                        return Trouble::WrongBracket {
                            found: found.into(),
                            expected: expected.into(),
                        }
                        .at(at);
                    }
                    if stack.is_empty() {
                        return Ok(at + 1);
                    }
                }
                b':' if in_hole && stack.len() == 1 => {
                    at = self.find(at, b'}').map_or(self.bytes.len(), |end| end - 1);
                }
                _ => {
                    if let Some(end) = self.literal(at, depth)? {
                        at = end;
                        continue;
                    }
                }
            }
            at += 1;
        }
        let innermost = stack.last().copied().unwrap_or(open);
        Trouble::UnclosedBracket(self.bytes[innermost].into()).at(innermost)
    }

    fn literal(&self, at: usize, depth: usize) -> Result<Option<usize>, LexicalError> {
        match (self.byte(at), self.byte(at + 1), self.byte(at + 2)) {
            (b'/', b'/', _) => Ok(Some(self.find(at, b'\n').unwrap_or(self.bytes.len()))),
            (b'/', b'*', _) => self.block_comment(at).map(Some),
            (b'\'', ..) => self.character(at).map(Some),
            (b'"', ..) => self.string(at, at + 1).map(Some),
            (b'@', b'"', _) => self.verbatim(at, at + 2).map(Some),
            (b'$', b'"', _) => self.interpolated(at, at + 2, false, depth).map(Some),
            (b'$', b'@', b'"') | (b'@', b'$', b'"') => {
                self.interpolated(at, at + 3, true, depth).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn find(&self, from: usize, wanted: u8) -> Option<usize> {
        self.bytes[from..]
            .iter()
            .position(|b| *b == wanted)
            .map(|n| from + n)
    }

    fn block_comment(&self, start: usize) -> Result<usize, LexicalError> {
        let inside = self.bytes.get(start + 2..).unwrap_or_default();
        match inside.windows(2).position(|pair| pair == b"*/") {
            Some(n) => Ok(start + 2 + n + 2),
            None => Trouble::UnclosedComment.at(start),
        }
    }

    fn character(&self, start: usize) -> Result<usize, LexicalError> {
        let mut at = start + 1;
        loop {
            match self.bytes.get(at) {
                None | Some(b'\n') => return Trouble::UnclosedCharacter.at(start),
                Some(b'\\') => at += 2,
                Some(b'\'') if at > start + 1 => return Ok(at + 1),
                Some(_) => at += 1,
            }
        }
    }

    fn string(&self, start: usize, mut at: usize) -> Result<usize, LexicalError> {
        loop {
            match self.bytes.get(at) {
                None => return Trouble::UnclosedString.at(start),
                Some(b'\n') => return Trouble::LineBreakInString.at(at),
                Some(b'\\') if self.byte(at + 1) != b'\n' => at += 2,
                Some(b'"') => return Ok(at + 1),
                Some(_) => at += 1,
            }
        }
    }

    fn verbatim(&self, start: usize, mut at: usize) -> Result<usize, LexicalError> {
        loop {
            match (self.bytes.get(at), self.byte(at + 1)) {
                (None, _) => return Trouble::UnclosedString.at(start),
                (Some(b'"'), b'"') => at += 2,
                (Some(b'"'), _) => return Ok(at + 1),
                (Some(_), _) => at += 1,
            }
        }
    }

    fn interpolated(
        &self,
        start: usize,
        mut at: usize,
        verbatim: bool,
        depth: usize,
    ) -> Result<usize, LexicalError> {
        if depth == MAX_INTERPOLATION {
            return Trouble::TooDeep.at(start);
        }
        loop {
            match (self.bytes.get(at), self.byte(at + 1)) {
                (None, _) => return Trouble::UnclosedString.at(start),
                (Some(b'\n'), _) if !verbatim => return Trouble::LineBreakInString.at(at),
                (Some(b'\\'), next) if !verbatim && next != b'\n' => at += 2,
                (Some(b'"'), b'"') if verbatim => at += 2,
                (Some(b'"'), _) => return Ok(at + 1),
                (Some(b'{'), b'{') => at += 2,
                (Some(b'{'), _) => at = self.closing(at, depth + 1, true)?,
                (Some(_), _) => at += 1,
            }
        }
    }
}

fn closer(open: u8) -> u8 {
    match open {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}
