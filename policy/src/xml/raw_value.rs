//! An attribute value or element text, before it is known what it means.

mod substitute;

use std::fmt;
use std::ops::Range;

use super::cursor::after;
use crate::diagnostic::Position;

pub use substitute::{NamedValue, SubstitutionError};

/// How much of a value an error message quotes, in characters.
const QUOTED: usize = 60;

/// A literal or an expression: its text (entities decoded, line breaks kept) and where each
/// character came from.
///
/// `Debug` shows nothing of a value that holds a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct RawValue {
    text: String,
    is_expression: bool,
    /// By offset; the first has offset 0.
    anchors: Vec<Anchor>,
    /// Where secret named values were filled in, in order.
    secrets: Vec<Range<usize>>,
}

/// From `offset` on, up to the next anchor, the text came from `position`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Anchor {
    offset: usize,
    position: Position,
    /// The text came from elsewhere (an entity, a named value): every character of it stands at
    /// `position`.
    is_fixed: bool,
}

impl RawValue {
    /// An empty literal that starts at `position`, to be filled piece by piece.
    pub(super) fn empty(position: Position) -> Self {
        let start = Anchor {
            offset: 0,
            position,
            is_fixed: false,
        };
        Self {
            text: String::new(),
            is_expression: false,
            anchors: vec![start],
            secrets: Vec::new(),
        }
    }

    /// Appends text as it stands in the document at `position`.
    pub(super) fn push_run(&mut self, run: &str, position: Position) {
        self.anchor(position, false);
        self.text.push_str(run);
    }

    /// Appends text that stands for something else at `position`.
    pub(super) fn push_fixed(&mut self, replacement: &str, position: Position) {
        self.anchor(position, true);
        self.text.push_str(replacement);
    }

    fn anchor(&mut self, position: Position, is_fixed: bool) {
        let offset = self.text.len();
        if self
            .anchors
            .last()
            .is_some_and(|last| last.offset == offset)
        {
            self.anchors.pop();
        }
        self.anchors.push(Anchor {
            offset,
            position,
            is_fixed,
        });
    }

    /// Appends a part of another value with its places and secrets.
    fn push_part(&mut self, other: &Self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let base = self.text.len();
        let start = other.anchor_at(range.start);
        self.anchor(other.position_at(range.start), start.is_fixed);
        for anchor in other
            .anchors
            .iter()
            .filter(|a| a.offset > range.start && a.offset < range.end)
        {
            self.anchors.push(Anchor {
                offset: base + anchor.offset - range.start,
                ..*anchor
            });
        }
        for secret in other
            .secrets
            .iter()
            .filter(|s| s.start < range.end && s.end > range.start)
        {
            let (from, to) = (secret.start.max(range.start), secret.end.min(range.end));
            self.secrets
                .push(base + from - range.start..base + to - range.start);
        }
        self.text.push_str(&other.text[range]);
    }

    /// The same without blanks at its ends, marked as an expression.
    pub(super) fn into_expression(self) -> Self {
        let trimmed = self.text.trim();
        let start = self.text.len() - self.text.trim_start().len();
        let range = start..start + trimmed.len();
        let mut expression = Self::empty(self.position_at(start));
        expression.push_part(&self, range);
        expression.is_expression = true;
        expression
    }

    /// Whether the text is that of an expression.
    pub(super) fn looks_like_expression(&self) -> bool {
        starts_expression(&self.text)
    }

    /// The text. An expression starts with its `@` and ends with its closing bracket; a literal is
    /// not trimmed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is an expression: `@(…)` or `@{…}`.
    #[must_use]
    pub fn is_expression(&self) -> bool {
        self.is_expression
    }

    /// Whether a secret named value was filled in: then [`RawValue::text`] must not be shown to
    /// anybody.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// Where the first character stands.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position_at(0)
    }

    /// Where the character at a byte offset of the text stands. Inside a filled-in named value:
    /// where its `{{` stands.
    #[must_use]
    pub fn position_at(&self, offset: usize) -> Position {
        let anchor = self.anchor_at(offset);
        match self.text.get(anchor.offset..offset) {
            Some(run) if !anchor.is_fixed => after(anchor.position, run),
            _ => anchor.position,
        }
    }

    fn anchor_at(&self, offset: usize) -> Anchor {
        let next = self
            .anchors
            .partition_point(|anchor| anchor.offset <= offset);
        self.anchors[next.saturating_sub(1)]
    }

    /// The text for an error message: shortened, in backquotes, and nothing of a secret.
    #[must_use]
    pub fn quoted(&self) -> String {
        self.quote(0..self.text.len())
    }

    /// A part of the text for an error message, as [`Self::quoted`].
    pub(crate) fn quote(&self, range: Range<usize>) -> String {
        if self
            .secrets
            .iter()
            .any(|secret| secret.start < range.end && secret.end > range.start)
        {
            return "(a secret)".to_owned();
        }
        let part = self.text.get(range).unwrap_or_default();
        match part.char_indices().nth(QUOTED) {
            Some((end, _)) => format!("`{}…`", &part[..end]),
            None => format!("`{part}`"),
        }
    }
}

impl fmt::Debug for RawValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_expression {
            "Expression"
        } else {
            "Literal"
        };
        let text: &dyn fmt::Debug = if self.is_secret() {
            &"(a secret)"
        } else {
            &self.text
        };
        f.debug_tuple(kind)
            .field(text)
            .field(&format_args!("{}", self.position()))
            .finish()
    }
}

/// Whether a value is an expression: by its first two characters that are not blank, nothing else.
pub(super) fn starts_expression(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("@(") || text.starts_with("@{")
}
