//! `Name: value`

use http::{HeaderName, HeaderValue};

/// A header of every request. Its value may be a secret: it never shows.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
}

/// Parses a header as curl takes it.
pub(super) fn parse(text: &str) -> Result<Line, String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE")?;
    let name: HeaderName = name
        .trim()
        .parse()
        .map_err(|_| "the name is not that of a header".to_owned())?;
    let value = HeaderValue::from_str(value.trim());
    let mut value = value.map_err(|_| format!("the value of {name} holds what no header can"))?;
    value.set_sensitive(true);
    Ok(Line { name, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_and_a_value_that_does_not_show() {
        let line = parse("X-Api-Key:  secret ").unwrap();
        assert_eq!(
            (line.name.as_str(), line.value.to_str().unwrap()),
            ("x-api-key", "secret")
        );
        assert!(!format!("{line:?}").contains("secret"));
        assert!(parse("no colon").is_err() && parse("b\u{e4}d: x").is_err());
        assert!(!parse("x: sec\u{1}ret").unwrap_err().contains("sec"));
    }
}
