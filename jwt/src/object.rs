//! Reading a JSON object that must not name a member twice.
//!
//! Which of two equal names counts differs between parsers (RFC 7519 section 4 leaves the choice),
//! so a token that says `aud` twice could mean one thing here and another behind us. Such a token
//! is refused.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

/// Parses `json` as one object with distinct names and nothing behind it. Nesting is bounded by the
/// parser (128).
pub(crate) fn parse(json: &[u8]) -> Result<Map<String, Value>, serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_slice(json);
    let object = parser.deserialize_map(DistinctNames)?;
    parser.end()?;
    Ok(object)
}

struct DistinctNames;

impl<'de> Visitor<'de> for DistinctNames {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name appears twice"));
            }
        }
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_a_lone_object_with_distinct_names_is_accepted() {
        assert!(parse(br#"{"a":1,"b":{"a":2}}"#).is_ok());
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            "[]",
            "1",
            "",
            "{}{}",
            "{} x",
            r#"{"a":1e999}"#,
            "{",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert!(parse(deep.as_bytes()).is_err());
    }
}
