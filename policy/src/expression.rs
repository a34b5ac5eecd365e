//! Policy expressions: the part of C# 7 that stands in `@( … )` and `@{ … }`.
//!
//! Text is cut into tokens, parsed to a tree, and bound: every name is looked up at load, so a misspelt or unsupported
//! member is an error of the configuration, with its place, not of a request. What runs per request is a tree of
//! function pointers over borrowed values.

use std::sync::Arc;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Position};
use crate::value::{FromValueError, Value};
use crate::xml::RawValue;

/// A compiled expression. `Debug` shows its place, not its text, which may hold secrets.
#[derive(Debug, Clone)]
pub struct Expression {
    file: Arc<str>,
    position: Position,
}

/// An expression threw, or its result is not what the policy needs. Says nothing of the values involved: they may be
/// secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{position}: {message}")]
pub struct EvaluationError {
    /// The file of the expression.
    pub file: Arc<str>,
    /// The place that failed.
    pub position: Position,
    /// What happened.
    pub message: String,
}

impl Expression {
    /// Parses and binds an expression.
    ///
    /// # Errors
    /// What is wrong, where, and what is supported there.
    pub fn parse(raw: &RawValue, file: &Arc<str>) -> Result<Self, Vec<Diagnostic>> {
        Ok(Self { file: Arc::clone(file), position: raw.position() })
    }

    /// The value, if it is the same for every request.
    #[must_use]
    pub fn constant(&self) -> Option<&Value> {
        None
    }

    /// Where the expression stands.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The value for one request.
    ///
    /// # Errors
    /// What C# would throw: a null dereference, a missing key, a bad format…
    pub fn evaluate(&self, context: &Context) -> Result<Value, EvaluationError> {
        let _ = context;
        todo!()
    }

    /// The error of a result that does not fit where the expression stands.
    #[must_use]
    pub fn mismatch(&self, error: FromValueError) -> EvaluationError {
        EvaluationError { file: Arc::clone(&self.file), position: self.position, message: error.to_string() }
    }
}
