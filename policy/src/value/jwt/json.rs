//! Looking into a JSON object without building a tree of it.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Json;

/// Whether the text is a JSON object and nothing else.
pub(super) fn is_object(text: &[u8]) -> bool {
    find(text, None).is_ok()
}

/// The value of a member; the last one, if the name stands twice, as in a map.
pub(super) fn member(text: &[u8], name: &str) -> Option<Json> {
    find(text, Some(name)).ok().flatten()
}

/// A claim's value as the text a claim holds: a string's content, anything else as JSON.
pub(super) fn text(value: &Json) -> Arc<str> {
    match value {
        Json::String(text) => text.as_str().into(),
        other => other.to_string().into(),
    }
}

fn find(text: &[u8], name: Option<&str>) -> Result<Option<Json>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let found = deserializer.deserialize_map(Member { name })?;
    deserializer.end()?;
    Ok(found)
}

struct Member<'n> {
    name: Option<&'n str>,
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<Json>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_wanted) = map.next_key_seed(IsName(self.name))? {
            if is_wanted {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Compares a key without keeping it.
struct IsName<'n>(Option<&'n str>);

impl<'de> DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(self.0 == Some(key))
    }
}
