//! From a value to what a policy needs, as tolerant as attributes are: `"15"` is a number, `"true"` a truth.

use std::time::Duration;

use super::Value;

/// A value is not what the policy needs there. Names types only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the expression yields a value of type {found} where {expected} is needed")]
pub struct FromValueError {
    /// What is needed.
    pub expected: &'static str,
    /// The C# type of what came.
    pub found: &'static str,
}

/// What a setting can hold.
pub trait FromValue: Sized {
    /// Converts.
    ///
    /// # Errors
    /// If the value is of another type and does not read as one of this type.
    fn from_value(value: Value) -> Result<Self, FromValueError>;
}

macro_rules! later {
    ($($t:ty),*) => { $(impl FromValue for $t { fn from_value(value: Value) -> Result<Self, FromValueError> { let _ = value; todo!() } })* };
}
later!(bool, u16, u64, String, Option<String>, Value, Duration);
