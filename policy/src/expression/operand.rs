//! The values an expression works on while it runs. They borrow from the context: nothing is copied
//! that is only looked at.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Deref;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, Uri};
use uuid::Uuid;

use super::fault::Fault;
use crate::context;
use crate::value::{BasicCredentials, Jwt, Value, float_text, time_text};

/// The longest text an expression may build, in bytes.
pub(super) const MAX_TEXT: usize = 1024 * 1024;

/// The longest list an expression may build.
pub(super) const MAX_LIST: usize = 10_000;

/// A value. Which variants can come at a place is known at load, from its static type.
#[derive(Clone)]
pub(super) enum Operand<'c> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Char(char),
    Text(Text<'c>),
    Guid(Uuid),
    Time(SystemTime),
    Strings(Arc<[Arc<str>]>),
    Jwt(Arc<Jwt>),
    Claims(Arc<Jwt>),
    Basic(Arc<BasicCredentials>),
    Comparison(Comparison),
    Headers(&'c HeaderMap),
    Url(Link<'c>),
    Query(Link<'c>),
    Parameters(&'c [(Arc<str>, String)]),
    Variables(&'c context::Variables),
    Context(&'c context::Context),
    Request(&'c context::Request),
    Response(&'c context::Response),
    Api(&'c context::ApiInfo),
    Operation(&'c context::OperationInfo),
    Deployment(&'c context::Deployment),
    LastError(&'c context::LastError),
    Certificate(&'c context::Certificate),
    /// A certificate's subject or issuer.
    DistinguishedName(&'c Arc<str>),
}

/// How strings are compared. There is one culture, the invariant one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Exact,
    IgnoreCase,
}

/// A string, borrowed or shared.
#[derive(Clone)]
pub(super) enum Text<'c> {
    Borrowed(&'c str),
    Shared(Arc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

/// A URL, borrowed or shared.
#[derive(Clone)]
pub(super) enum Link<'c> {
    Borrowed(&'c Uri),
    Shared(Arc<Uri>),
}

impl Deref for Link<'_> {
    type Target = Uri;

    fn deref(&self) -> &Uri {
        match self {
            Self::Borrowed(uri) => uri,
            Self::Shared(uri) => uri,
        }
    }
}

impl<'c> Operand<'c> {
    pub(super) fn borrowed(text: &'c str) -> Self {
        Self::Text(Text::Borrowed(text))
    }

    /// A text that was made, if it is not too long.
    pub(super) fn made(text: impl Into<Arc<str>> + AsRef<str>) -> Result<Self, Fault> {
        if text.as_ref().len() > MAX_TEXT {
            return Err(Fault::TooLong);
        }
        Ok(Self::Text(Text::Shared(text.into())))
    }

    /// A shared text or null.
    pub(super) fn shared(text: Option<Arc<str>>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(Text::Shared(text)))
    }

    pub(super) fn strings(texts: Vec<Arc<str>>) -> Result<Self, Fault> {
        if texts.len() > MAX_LIST {
            Err(Fault::TooMany)
        } else {
            Ok(Self::Strings(texts.into()))
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text as `ToString()` gives it; empty for null.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Bool(true) => Cow::Borrowed("True"),
            Self::Bool(false) => Cow::Borrowed("False"),
            other => {
                let mut text = String::new();
                other.write_to(&mut text);
                Cow::Owned(text)
            }
        }
    }

    /// Appends the text.
    pub(super) fn write_to(&self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Int(value) => write!(out, "{value}"),
            Self::Float(value) => out.write_str(&float_text(*value)),
            Self::Char(value) => out.write_char(*value),
            Self::Guid(guid) => write!(out, "{guid}"),
            Self::Time(time) => out.write_str(&time_text(*time)),
            Self::Url(url) => out.write_str(&super::members::url_text(url)),
            Self::Strings(_) => out.write_str("System.String[]"),
            Self::Null | Self::Text(_) | Self::Bool(_) => out.write_str(&self.text()),
            other => out.write_str(other.type_name()),
        };
    }

    /// The C# name of its type, for messages.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "double",
            Self::Char(_) => "char",
            Self::Text(_) => "string",
            Self::Guid(_) => "Guid",
            Self::Time(_) => "DateTime",
            Self::Strings(_) => "string[]",
            Self::Jwt(_) => "Jwt",
            Self::Basic(_) => "BasicAuthCredentials",
            Self::Url(_) => "IUrl",
            _ => "object",
        }
    }

    /// What leaves the expression. The binder lets nothing else end one.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Float(value) => Value::Float(value),
            Self::Char(value) => Value::Char(value),
            Self::Text(Text::Borrowed(text)) => Value::Str(text.into()),
            Self::Text(Text::Shared(text)) => Value::Str(text),
            Self::Guid(guid) => Value::Guid(guid),
            Self::Time(time) => Value::Time(time),
            Self::Strings(texts) => Value::Strings(texts),
            Self::Jwt(jwt) => Value::Jwt(jwt),
            Self::Url(url) => Value::Str(super::members::url_text(&url).into()),
            _ => Value::Null,
        }
    }

    /// A variable's value.
    pub(super) fn from_value(value: &'c Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Float(value) => Self::Float(*value),
            Value::Char(value) => Self::Char(*value),
            Value::Str(text) => Self::borrowed(text),
            Value::Guid(guid) => Self::Guid(*guid),
            Value::Time(time) => Self::Time(*time),
            Value::Strings(texts) => Self::Strings(Arc::clone(texts)),
            Value::Jwt(jwt) => Self::Jwt(Arc::clone(jwt)),
        }
    }
}

/// Appends the text of `operand`, within the bound.
pub(super) fn append(out: &mut String, operand: &Operand<'_>) -> Result<(), Fault> {
    match operand {
        Operand::Text(text) if out.len() + text.len() > MAX_TEXT => return Err(Fault::TooLong),
        Operand::Text(text) => out.push_str(text),
        other => other.write_to(out),
    }
    if out.len() > MAX_TEXT {
        Err(Fault::TooLong)
    } else {
        Ok(())
    }
}

/// The text of an argument.
pub(super) fn text<'a>(arguments: &'a [Operand<'_>], index: usize) -> Result<&'a str, Fault> {
    match arguments.get(index) {
        Some(Operand::Text(text)) => Ok(text),
        other => Err(wrong("string", other)),
    }
}

/// The number of an argument.
pub(super) fn int(arguments: &[Operand<'_>], index: usize) -> Result<i64, Fault> {
    match arguments.get(index) {
        Some(Operand::Int(value)) => Ok(*value),
        Some(Operand::Char(value)) => Ok(i64::from(u32::from(*value))),
        other => Err(wrong("int", other)),
    }
}

/// What an argument is instead of what it has to be. Past the binder only null is possible.
pub(super) fn wrong(needed: &'static str, found: Option<&Operand<'_>>) -> Fault {
    match found {
        None | Some(Operand::Null) => Fault::UnexpectedNull(match needed {
            "string" => "a string",
            "int" => "a number",
            "bool" => "true or false",
            _ => "a value",
        }),
        Some(other) => Fault::Cast {
            needed,
            found: other.type_name(),
        },
    }
}
