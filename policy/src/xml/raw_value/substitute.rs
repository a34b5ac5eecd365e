//! Named values: `{{name}}` in a value, filled in before anything is parsed.

use std::sync::Arc;

use super::RawValue;
use crate::diagnostic::{Diagnostic, Position};

/// The longest name, in characters.
const MAX_NAME: usize = 256;

/// The longest value after its named values are filled in, in bytes.
const MAX_FILLED: usize = 1024 * 1024;

/// What a named value stands for.
#[derive(Clone, Copy)]
pub struct NamedValue<'a> {
    /// Inserted as it is; may be a policy expression.
    pub text: &'a str,
    /// Whether it must never be shown.
    pub secret: bool,
}

/// Why named values cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubstitutionError {
    /// `{{name}}` with a name nobody defined.
    #[error("there is no named value `{name}`")]
    Unknown {
        /// The name.
        name: String,
        /// Where its `{{` stands.
        position: Position,
    },
    /// The text would become too long.
    #[error("the value is longer than 1 MiB after its named values are filled in")]
    TooLong {
        /// Where the `{{` stands that made it so.
        position: Position,
    },
}

impl SubstitutionError {
    /// Where it happened.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            Self::Unknown { position, .. } | Self::TooLong { position } => *position,
        }
    }

    /// The error as it is reported.
    #[must_use]
    pub fn diagnostic(&self, file: &Arc<str>) -> Diagnostic {
        Diagnostic::new(file, self.position(), self.to_string())
    }
}

impl RawValue {
    /// The value with every `{{name}}` replaced, without looking for further names in what was inserted. A literal
    /// that becomes `@(…)` or `@{…}` that way becomes an expression.
    ///
    /// # Errors
    /// Every unknown name with its place.
    pub fn substitute<'n>(
        &self,
        lookup: &dyn Fn(&str) -> Option<NamedValue<'n>>,
    ) -> Result<RawValue, Vec<SubstitutionError>> {
        let mut filled = Self::empty(self.position());
        let mut errors = Vec::new();
        let mut copied = 0;
        for (start, name) in references(&self.text) {
            let position = self.position_at(start);
            let end = start + name.len() + 4;
            let Some(value) = lookup(name) else {
                if !is_escaped_hole(&self.text, start, end) {
                    errors.push(SubstitutionError::Unknown { name: name.to_owned(), position });
                }
                continue;
            };
            filled.push_part(self, copied..start);
            filled.push_named_value(value, position);
            copied = end;
            if filled.text.len() > MAX_FILLED {
                return Err(vec![SubstitutionError::TooLong { position }]);
            }
        }
        filled.push_part(self, copied..self.text.len());
        if !errors.is_empty() {
            return Err(errors);
        }
        if self.is_expression || filled.looks_like_expression() { Ok(filled.into_expression()) } else { Ok(filled) }
    }

    fn push_named_value(&mut self, value: NamedValue<'_>, position: Position) {
        let start = self.text.len();
        self.push_fixed(value.text, position);
        if value.secret && !value.text.is_empty() {
            self.secrets.push(start..self.text.len());
        }
    }
}

/// Every `{{name}}` in `text`: the offset of its `{{` and the name.
fn references(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + text.get(from..)?.find("{{")?;
            let inside = &text[start + 2..];
            let length = inside.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(0);
            if (1..=MAX_NAME).contains(&length) && inside[length..].starts_with("}}") {
                from = start + length + 4;
                return Some((start, &inside[..length]));
            }
            from = start + 1;
        }
    })
}

/// `{{{name}}}`: in an interpolated string that is a brace, a hole and a brace, unless the name is a named value's.
fn is_escaped_hole(text: &str, start: usize, end: usize) -> bool {
    text[..start].ends_with('{') && text[end..].starts_with('}')
}
