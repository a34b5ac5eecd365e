//! YAML text to a [`Node`]. Only what JSON can say is accepted, as OpenAPI asks.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Options, Spanned};

use super::node::{Kind, Member, Node, SyntaxError};
use crate::diagnostic::Position;

/// How many events aliases may add: an OpenAPI document rarely has any, and nested ones multiply.
const MAX_ALIAS_EVENTS: usize = 100_000;

/// How deep values may nest; the same bound as for JSON.
const MAX_DEPTH: usize = 128;

/// Parses one document.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut options = Options::default();
    options.with_snippet = false;
    options.alias_limits.max_total_replayed_events = MAX_ALIAS_EVENTS;
    if let Some(budget) = &mut options.budget {
        budget.max_depth = MAX_DEPTH;
    }
    serde_saphyr::from_str_with_options(text, options).map_err(|error| SyntaxError {
        position: error.location().map(position),
        message: format!("this is not YAML: {}", first_line(&error.to_string())),
    })
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

fn position(location: Location) -> Position {
    let clamp = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    Position {
        line: clamp(location.line()),
        column: clamp(location.column()),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind>::deserialize(deserializer)?;
        Ok(Self {
            position: position(spanned.referenced),
            kind: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        Kind::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Kind, E> {
        serde_json::Number::from_f64(value)
            .map(Kind::Number)
            .ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Kind, E> {
        Ok(Kind::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Kind::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<Spanned<String>, Node>()? {
            members.push(Member {
                position: position(name.referenced),
                name: name.value,
                value,
            });
        }
        Ok(Kind::Object(members))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_value_knows_its_place() {
        let node =
            parse("paths:\n  /hello:\n    get: { operationId: hello, tags: [a, 1, true, ~] }\n")
                .unwrap();
        let get = node.at(["paths", "/hello", "get"]).unwrap();
        assert_eq!(get.position.to_string(), "3:10");
        assert_eq!(
            node.get("paths").unwrap().members()[0].position.to_string(),
            "2:3"
        );
        assert_eq!(get.get("operationId").unwrap().position.to_string(), "3:25");
        assert_eq!(
            get.get("tags").unwrap().to_json(),
            serde_json::json!(["a", 1, true, null])
        );
    }

    #[test]
    fn response_codes_are_names() {
        let node =
            parse("responses:\n  200: {description: fine}\n  '404': {description: no}\n").unwrap();
        let names: Vec<_> = node
            .get("responses")
            .unwrap()
            .members()
            .iter()
            .map(|m| m.name.as_str())
            .collect();
        assert_eq!(names, ["200", "404"]);
    }

    #[test]
    fn what_is_not_yaml_says_where() {
        let error = parse("a:\n  - b\n c: [\n").unwrap_err();
        assert_eq!(error.position.unwrap().line, 3);
        let error = parse("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(error.position.unwrap().to_string(), "3:1");
    }

    #[test]
    fn aliases_cannot_explode() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..9 {
            let list = vec![format!("*a{}", i - 1); 10].join(", ");
            text.push_str(&format!("a{i}: &a{i} [{list}]\n"));
        }
        assert!(parse(&text).is_err());
    }
}
