//! An error of an expression at load.

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::xml::RawValue;

/// Bytes of an expression's text.
pub(super) type Span = Range<usize>;

/// What is wrong with an expression, where in it, and what would work.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Refusal {
    pub(super) fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn diagnostic(self, raw: &RawValue, file: &Arc<str>) -> Diagnostic {
        let position = raw.position_at(self.span.start);
        Diagnostic {
            help: self.help,
            ..Diagnostic::new(file, position, self.message)
        }
    }
}
