//! What goes wrong while an expression runs: the exceptions of C#, without the values involved.

use crate::diagnostic::Position;

/// An exception.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// `NullReferenceException`
    #[error("the value before `{0}` is null")]
    NullReference(&'static str),
    /// A null where C# has no null: in a condition, as an argument.
    #[error("null where {0} is needed")]
    UnexpectedNull(&'static str),
    /// `KeyNotFoundException`
    #[error("the given key is not present")]
    KeyNotFound,
    /// `IndexOutOfRangeException`, `ArgumentOutOfRangeException`
    #[error("the index or length is out of range")]
    OutOfRange,
    /// `FormatException`
    #[error("the text does not read as {0}")]
    Format(&'static str),
    /// `InvalidCastException`
    #[error("a value of type {found} where {needed} is needed")]
    Cast {
        needed: &'static str,
        found: &'static str,
    },
    /// `OverflowException`
    #[error("the number is out of range")]
    Overflow,
    /// `DivideByZeroException`
    #[error("division by zero")]
    DivideByZero,
    /// `InvalidOperationException`
    #[error("the sequence is empty")]
    Empty,
    /// Not of C#: the bound on what one expression may build.
    #[error("the text is longer than 1 MiB")]
    TooLong,
    #[error("the list has more than 10000 elements")]
    TooMany,
}

/// A fault at its place in the file.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) at: Position,
}
