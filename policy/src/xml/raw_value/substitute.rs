//! Named values: `{{name}}` in a value, filled in before anything is parsed.

use std::ops::Range;
use std::sync::Arc;

use super::RawValue;
use crate::diagnostic::{Diagnostic, Position};
use crate::named_value::{self, Found, Mistake};
use crate::xml::lexical;

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
    /// Something that looks like `{{name}}` and is not.
    #[error("{mistake}")]
    Mistake {
        /// What is wrong with it.
        mistake: Mistake,
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
            Self::Unknown { position, .. }
            | Self::Mistake { position, .. }
            | Self::TooLong { position } => *position,
        }
    }

    /// The error as it is reported.
    #[must_use]
    pub fn diagnostic(&self, file: &Arc<str>) -> Diagnostic {
        let diagnostic = Diagnostic::new(file, self.position(), self.to_string());
        match self {
            Self::Mistake { mistake, .. } => {
                let braces =
                    "if the braces themselves are meant, write an expression: `@(\"{\" + \"{…\")`";
                diagnostic.with_help(format!("{}; {braces}", mistake.help()))
            }
            Self::Unknown { .. } | Self::TooLong { .. } => diagnostic,
        }
    }
}

impl RawValue {
    /// The value with every `{{name}}` replaced, without looking for further names in what was
    /// inserted. A literal that becomes `@(…)` or `@{…}` that way becomes an expression.
    ///
    /// # Errors
    /// Every unknown name, and everything that looks like a reference and is none, with its place.
    pub fn substitute<'n>(
        &self,
        lookup: &dyn Fn(&str) -> Option<NamedValue<'n>>,
    ) -> Result<RawValue, Vec<SubstitutionError>> {
        let escapes = if self.is_expression {
            lexical::interpolated_strings(&self.text)
        } else {
            Vec::new()
        };
        let found = if self.is_expression {
            let mut exempt = lexical::comments(&self.text);
            exempt.extend_from_slice(&escapes);
            named_value::in_expression(&self.text, &exempt)
        } else {
            named_value::in_literal(&self.text)
        };
        let mut filled = Self::empty(self.position());
        let mut errors = Vec::new();
        let mut copied = 0;
        for found in found {
            let (place, name) = match found {
                Found::Reference(place, name) => (place, name),
                Found::Mistake(at, mistake) => {
                    errors.push(SubstitutionError::Mistake {
                        mistake,
                        position: self.position_at(at),
                    });
                    continue;
                }
            };
            let position = self.position_at(place.start);
            let Some(value) = lookup(name) else {
                if !is_escaped_hole(&self.text, &place, &escapes) {
                    errors.push(SubstitutionError::Unknown {
                        name: name.to_owned(),
                        position,
                    });
                }
                continue;
            };
            filled.push_part(self, copied..place.start);
            filled.push_named_value(value, position);
            copied = place.end;
            if filled.text.len() > MAX_FILLED {
                return Err(vec![SubstitutionError::TooLong { position }]);
            }
        }
        filled.push_part(self, copied..self.text.len());
        if !errors.is_empty() {
            return Err(errors);
        }
        if self.is_expression || filled.looks_like_expression() {
            Ok(filled.into_expression())
        } else {
            Ok(filled)
        }
    }

    fn push_named_value(&mut self, value: NamedValue<'_>, position: Position) {
        let start = self.text.len();
        self.push_fixed(value.text, position);
        if value.secret && !value.text.is_empty() {
            self.secrets.push(start..self.text.len());
        }
    }
}

/// `{{{name}}}`: in an interpolated string that is a brace, a hole and a brace, unless the name is
/// a named value's.
fn is_escaped_hole(text: &str, reference: &Range<usize>, escapes: &[Range<usize>]) -> bool {
    let is_in_braces =
        text[..reference.start].ends_with('{') && text[reference.end..].starts_with('}');
    is_in_braces
        && escapes
            .iter()
            .any(|string| string.contains(&reference.start))
}
