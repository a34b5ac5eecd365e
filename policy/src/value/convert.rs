//! From a value to what a policy needs, as tolerant as attributes are: `"15"` is a number, `"true"`
//! a truth.

use std::time::Duration;

use super::Value;

/// A value is not what the policy needs there. Names types only, never the value.
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

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Self, FromValueError> {
        Ok(value)
    }
}

impl FromValue for bool {
    fn from_value(value: Value) -> Result<Self, FromValueError> {
        let read = match &value {
            Value::Bool(truth) => Some(*truth),
            Value::Str(text) => read_bool(text),
            _ => None,
        };
        read.ok_or(FromValueError {
            expected: "true or false",
            found: value.type_name(),
        })
    }
}

/// `true` or `false` in any case, blanks around it ignored.
pub(crate) fn read_bool(text: &str) -> Option<bool> {
    let text = text.trim();
    match () {
        () if text.eq_ignore_ascii_case("true") => Some(true),
        () if text.eq_ignore_ascii_case("false") => Some(false),
        () => None,
    }
}

impl FromValue for u64 {
    fn from_value(value: Value) -> Result<Self, FromValueError> {
        let read = match &value {
            Value::Int(number) => u64::try_from(*number).ok(),
            Value::Float(number) => whole(*number),
            Value::Str(text) => text.trim().parse().ok(),
            _ => None,
        };
        read.ok_or(FromValueError {
            expected: "a whole number of at least 0",
            found: value.type_name(),
        })
    }
}

/// The number if it has no fraction and every whole number up to it is exact.
fn whole(number: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    ((0.0..=EXACT).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

impl FromValue for u16 {
    fn from_value(value: Value) -> Result<Self, FromValueError> {
        let error = FromValueError {
            expected: "a whole number from 0 to 65535",
            found: value.type_name(),
        };
        u64::from_value(value)
            .ok()
            .and_then(|number| number.try_into().ok())
            .ok_or(error)
    }
}

impl FromValue for String {
    fn from_value(value: Value) -> Result<Self, FromValueError> {
        Option::<String>::from_value(value)?.ok_or(FromValueError {
            expected: "text",
            found: "null",
        })
    }
}

/// Null is `None`.
impl FromValue for Option<String> {
    fn from_value(value: Value) -> Result<Self, FromValueError> {
        match &value {
            Value::Null => Ok(None),
            Value::Strings(_) | Value::Jwt(_) => Err(FromValueError {
                expected: "text",
                found: value.type_name(),
            }),
            value => Ok(Some(value.to_text().into_owned())),
        }
    }
}

/// Seconds.
impl FromValue for Duration {
    fn from_value(value: Value) -> Result<Self, FromValueError> {
        let read = match &value {
            Value::Int(number) => u64::try_from(*number).ok().map(Duration::from_secs),
            Value::Float(number) => Duration::try_from_secs_f64(*number).ok(),
            Value::Str(text) => text
                .trim()
                .parse()
                .ok()
                .and_then(|number| Duration::try_from_secs_f64(number).ok()),
            _ => None,
        };
        read.ok_or(FromValueError {
            expected: "a number of seconds",
            found: value.type_name(),
        })
    }
}
