//! The values expressions yield and variables hold.

mod basic;
mod convert;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

pub(crate) use basic::BasicCredentials;
pub(crate) use convert::read_bool;
pub use convert::{FromValue, FromValueError};
pub(crate) use text::{float_text, time_text};
pub use weir_jwt::Jwt;

/// A value. Cloning is cheap: what is long is shared. `Debug` shows no text: it may be a token or a
/// password.
#[derive(Clone, PartialEq, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `bool`
    Bool(bool),
    /// `int` and `long`
    Int(i64),
    /// `double`
    Float(f64),
    /// `char`
    Char(char),
    /// `string`
    Str(Arc<str>),
    /// `Guid`
    Guid(Uuid),
    /// `DateTime`, in UTC
    Time(SystemTime),
    /// `string[]`
    Strings(Arc<[Arc<str>]>),
    /// A token.
    Jwt(Arc<Jwt>),
}

impl Value {
    /// The C# name of its type, for messages.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "double",
            Self::Char(_) => "char",
            Self::Str(_) => "string",
            Self::Guid(_) => "Guid",
            Self::Time(_) => "DateTime",
            Self::Strings(_) => "string[]",
            Self::Jwt(_) => "Jwt",
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "Bool({value})"),
            Self::Int(value) => write!(f, "Int({value})"),
            Self::Float(value) => write!(f, "Float({value})"),
            Self::Str(text) => write!(f, "Str({} bytes)", text.len()),
            Self::Strings(texts) => write!(f, "Strings({})", texts.len()),
            other => f.write_str(other.type_name()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}
