//! Policy expressions: the part of C# 7 that stands in `@( … )` and `@{ … }`.
//!
//! Text is cut into tokens, parsed to a tree, and bound: every name is looked up at load, so a
//! misspelt or unsupported member is an error of the configuration, with its place, not of a
//! request. What runs per request is a tree of function pointers over values that borrow from the
//! [`Context`].
//!
//! Where it differs from C#: `int` and `long` are one type of 64 bits that overflows with an error;
//! `==` compares an `object` by value; strings compare by character whatever the culture; there is
//! no type "or null", a null that comes out of `?.` is found when it is used. What an expression
//! may build is bounded: texts of 1 MiB, lists of 10,000.

mod binder;
mod fault;
mod literal;
mod members;
mod node;
mod operand;
mod operators;
mod parser;
mod refusal;
mod syntax;
#[cfg(test)]
mod tests;
mod token;
mod types;

use std::fmt;
use std::sync::Arc;

use self::node::{Node, Program};
use crate::context::Context;
use crate::diagnostic::{Diagnostic, Position};
use crate::value::{FromValueError, Value};
use crate::xml::RawValue;

/// A compiled expression. Cloning is cheap. `Debug` shows its place, not its text, which may hold
/// secrets.
#[derive(Clone)]
pub struct Expression {
    compiled: Arc<Compiled>,
}

struct Compiled {
    program: Program,
    slots: usize,
    constant: Option<Value>,
    file: Arc<str>,
    position: Position,
}

/// An expression threw, or its result is not what the policy needs. Says nothing of the values
/// involved: they may be secrets.
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
    /// Parses and binds an expression whose named values are filled in.
    ///
    /// # Errors
    /// What is wrong, where, and what is supported there. Never empty.
    pub fn parse(raw: &RawValue, file: &Arc<str>) -> Result<Self, Vec<Diagnostic>> {
        if !raw.is_expression() {
            let error = Diagnostic::new(
                file,
                raw.position(),
                format!("{} is no expression", raw.quoted()),
            );
            return Err(vec![
                error.with_help("an expression is written @( … ) or @{ … }"),
            ]);
        }
        let code = parser::parse(raw).map_err(|refusal| vec![refusal.diagnostic(raw, file)])?;
        let bound = binder::bind(raw, &code).map_err(|refusals| {
            refusals
                .into_iter()
                .map(|refusal| refusal.diagnostic(raw, file))
                .collect::<Vec<_>>()
        })?;
        let constant = match &bound.program {
            Program::Single(Node::Constant(value)) => Some(value.clone().into_value()),
            _ => None,
        };
        let (program, slots) = (bound.program, bound.slots);
        let compiled = Compiled {
            program,
            slots,
            constant,
            file: Arc::clone(file),
            position: raw.position(),
        };
        Ok(Self {
            compiled: Arc::new(compiled),
        })
    }

    /// The value, if it is the same for every request.
    #[must_use]
    pub fn constant(&self) -> Option<&Value> {
        self.compiled.constant.as_ref()
    }

    /// Where the expression stands.
    #[must_use]
    pub fn position(&self) -> Position {
        self.compiled.position
    }

    /// The value for one request.
    ///
    /// # Errors
    /// What C# would throw: a null dereference, a missing key, a bad format…
    pub fn evaluate(&self, context: &Context) -> Result<Value, EvaluationError> {
        let compiled = &*self.compiled;
        match compiled.program.run(context, compiled.slots) {
            Ok(value) => Ok(value.into_value()),
            Err(failure) => Err(self.error(failure.at, failure.fault.to_string())),
        }
    }

    /// The error of a result that does not fit where the expression stands.
    #[must_use]
    pub fn mismatch(&self, error: FromValueError) -> EvaluationError {
        self.error(self.compiled.position, error.to_string())
    }

    fn error(&self, position: Position, message: String) -> EvaluationError {
        EvaluationError {
            file: Arc::clone(&self.compiled.file),
            position,
            message,
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Expression({}:{})",
            self.compiled.file, self.compiled.position
        )
    }
}
