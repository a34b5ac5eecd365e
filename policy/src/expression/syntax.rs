//! The tree an expression is parsed into. Names are not looked up yet.

use super::refusal::Span;

/// An expression.
#[derive(Debug)]
pub(super) struct Expr {
    pub(super) kind: ExprKind,
    pub(super) span: Span,
    /// Levels below and including this one.
    pub(super) depth: usize,
}

/// The forms of an expression.
#[derive(Debug)]
pub(super) enum ExprKind {
    Literal(Literal),
    /// The parts of an interpolated string.
    Interpolated(Vec<Expr>),
    /// A local, `context`, or a type.
    Name(String),
    Member {
        target: Box<Expr>,
        name: Name,
    },
    Call {
        target: Box<Expr>,
        generics: Vec<TypeName>,
        arguments: Vec<Expr>,
        /// Where the first argument with a name is, as in `f(x: 1)`.
        named: Option<Span>,
    },
    Index {
        target: Box<Expr>,
        index: Box<Expr>,
    },
    /// `target?.…`: `access` is evaluated with [`ExprKind::Receiver`] standing for the target,
    /// unless that is null.
    NullConditional {
        target: Box<Expr>,
        access: Box<Expr>,
    },
    Receiver,
    Unary {
        operator: &'static str,
        operand: Box<Expr>,
    },
    /// `&&`, `||` and `??` among them.
    Binary {
        operator: &'static str,
        at: Span,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Conditional {
        condition: Box<Expr>,
        yes: Box<Expr>,
        no: Box<Expr>,
    },
    Cast {
        to: TypeName,
        operand: Box<Expr>,
    },
    /// `x as T`
    As {
        operand: Box<Expr>,
        to: TypeName,
    },
    /// `x is T`
    Is {
        operand: Box<Expr>,
        to: TypeName,
    },
}

/// A literal.
#[derive(Debug)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Char(char),
    Text(String),
}

/// A name at its place.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) span: Span,
}

/// A type as it is written, without blanks: `string[]`, `int?`, `Dictionary<string,object>`.
pub(super) type TypeName = Name;

/// A statement of a block.
#[derive(Debug)]
pub(super) enum Statement {
    /// `var x = …;`, `int x;`
    Local {
        ty: TypeName,
        name: Name,
        value: Option<Expr>,
    },
    Assign {
        name: Name,
        value: Expr,
    },
    If {
        condition: Expr,
        then: Vec<Statement>,
        otherwise: Vec<Statement>,
    },
    Block(Vec<Statement>),
    Return(Expr),
}

/// What stands in `@( )` or `@{ }`.
#[derive(Debug)]
pub(super) enum Code {
    Single(Expr),
    Block(Vec<Statement>, Span),
}
