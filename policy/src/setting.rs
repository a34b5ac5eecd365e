//! An attribute or text of a policy: a literal, checked at load, or an expression, evaluated per
//! request.

use std::borrow::Cow;

use crate::context::Context;
use crate::expression::{EvaluationError, Expression};
use crate::value::{FromValue, Value};

/// A literal of type `T`, or an expression that yields one.
#[derive(Debug, Clone)]
pub enum Setting<T> {
    /// Known at load.
    Literal(T),
    /// Known per request.
    Expression(Expression),
}

impl<T: FromValue + Clone> Setting<T> {
    /// The value for this request. A literal is borrowed, never copied.
    ///
    /// # Errors
    /// If the expression throws or its result is not a `T`.
    pub fn get(&self, context: &Context) -> Result<Cow<'_, T>, EvaluationError> {
        match self {
            Self::Literal(value) => Ok(Cow::Borrowed(value)),
            Self::Expression(expression) => {
                let value: Value = expression.evaluate(context)?;
                T::from_value(value)
                    .map(Cow::Owned)
                    .map_err(|e| expression.mismatch(e))
            }
        }
    }
}

impl<T> Setting<T> {
    /// Whether the value depends on the request.
    #[must_use]
    pub fn is_expression(&self) -> bool {
        matches!(self, Self::Expression(_))
    }

    /// The literal, if it is one.
    #[must_use]
    pub fn literal(&self) -> Option<&T> {
        match self {
            Self::Literal(value) => Some(value),
            Self::Expression(_) => None,
        }
    }
}
