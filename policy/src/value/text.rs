//! Values as text, the way `ToString()` writes them in C# under the invariant culture.

use std::borrow::Cow;
use std::time::SystemTime;

use super::Value;

impl Value {
    /// The value as `ToString()` gives it in C#; empty for null, which is how it is concatenated.
    #[must_use]
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Bool(true) => Cow::Borrowed("True"),
            Self::Bool(false) => Cow::Borrowed("False"),
            Self::Int(value) => Cow::Owned(value.to_string()),
            Self::Float(value) => Cow::Owned(float_text(*value)),
            Self::Char(value) => Cow::Owned(value.to_string()),
            Self::Str(text) => Cow::Borrowed(text),
            Self::Guid(guid) => Cow::Owned(guid.to_string()),
            Self::Time(time) => Cow::Owned(time_text(*time)),
            Self::Strings(_) => Cow::Borrowed("System.String[]"),
            Self::Jwt(_) => Cow::Borrowed("Jwt"),
        }
    }
}

/// The shortest text that reads as the same number; scientific below 0.0001 and from 1E+15 on.
pub(crate) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..15).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}E{sign}{:02}", exponent.unsigned_abs());
    }
    value.to_string()
}

/// `MM/dd/yyyy HH:mm:ss`, in UTC.
pub(crate) fn time_text(time: SystemTime) -> String {
    match jiff::Timestamp::try_from(time) {
        Ok(timestamp) => timestamp.strftime("%m/%d/%Y %H:%M:%S").to_string(),
        Err(_) => String::new(), // before year -9999 or after 9999: no token or clock says so
    }
}
