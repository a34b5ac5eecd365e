//! An attribute value or element text, before it is known what it means.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Position};

/// A literal or an expression: its text (entities decoded, line breaks kept) and where each character came from.
///
/// `Debug` shows nothing of a value that holds a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct RawValue {
    text: String,
    is_expression: bool,
}

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
        Diagnostic { file: Arc::clone(file), position: Some(self.position()), message: self.to_string(), help: None }
    }
}

impl RawValue {
    /// The text. An expression starts with its `@` and ends with its closing bracket; a literal is not trimmed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is an expression: `@(…)` or `@{…}`.
    #[must_use]
    pub fn is_expression(&self) -> bool {
        self.is_expression
    }

    /// Whether a secret named value was filled in: then [`RawValue::text`] must not be shown to anybody.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        false
    }

    /// Where the first character stands.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position_at(0)
    }

    /// Where the character at a byte offset of the text stands. Inside a filled-in named value: where its `{{` stands.
    #[must_use]
    pub fn position_at(&self, offset: usize) -> Position {
        let _ = offset;
        todo!()
    }

    /// The text for an error message: shortened, in backquotes, and nothing of a secret.
    #[must_use]
    pub fn quoted(&self) -> String {
        todo!()
    }

    /// The value with every `{{name}}` replaced, without looking for further names in what was inserted.
    ///
    /// # Errors
    /// Every unknown name with its place.
    pub fn substitute<'n>(
        &self,
        lookup: &dyn Fn(&str) -> Option<NamedValue<'n>>,
    ) -> Result<RawValue, Vec<SubstitutionError>> {
        let _ = lookup;
        todo!()
    }
}

impl fmt::Debug for RawValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawValue")
    }
}
