//! The values expressions yield and variables hold.

mod convert;
mod jwt;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

pub use convert::{FromValue, FromValueError};
pub use jwt::Jwt;

/// A value. Cloning is cheap: what is long is shared.
#[derive(Debug, Clone, PartialEq, Default)]
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
    /// The value as `ToString()` gives it in C#; empty for null, which is how it is concatenated.
    #[must_use]
    pub fn to_text(&self) -> Cow<'_, str> {
        todo!()
    }

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

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}
