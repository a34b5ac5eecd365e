//! A place in a text that knows its line and column.

use crate::diagnostic::Position;

/// Where reading is. Offsets are bytes and always stand between characters.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    offset: usize,
    position: Position,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            offset: 0,
            position: Position { line: 1, column: 1 },
        }
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    pub(super) fn position(&self) -> Position {
        self.position
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn at_end(&self) -> bool {
        self.offset == self.text.len()
    }

    /// Reads `length` bytes.
    pub(super) fn take(&mut self, length: usize) -> &'a str {
        let taken = &self.rest()[..length];
        self.position = after(self.position, taken);
        self.offset += length;
        taken
    }

    /// Reads `expected` if it comes next.
    pub(super) fn eat(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.take(expected.len());
        }
        found
    }

    /// Reads while characters fit.
    pub(super) fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let length = self.rest().find(|c| !fits(c)).unwrap_or(self.rest().len());
        self.take(length)
    }

    pub(super) fn skip_blanks(&mut self) -> &'a str {
        self.take_while(char::is_whitespace)
    }
}

/// The place after `text`, which starts at `position`.
pub(super) fn after(position: Position, text: &str) -> Position {
    let breaks = u32::try_from(text.bytes().filter(|b| *b == b'\n').count()).unwrap_or(u32::MAX);
    let last = text.rfind('\n').map_or(text, |at| &text[at + 1..]);
    let columns = u32::try_from(last.chars().count()).unwrap_or(u32::MAX);
    let first = if breaks == 0 { position.column } else { 1 };
    Position {
        line: position.line.saturating_add(breaks),
        column: first.saturating_add(columns),
    }
}
