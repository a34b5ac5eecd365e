//! Copies parts of one API's specification into the common document: names get the API's prefix,
//! references follow them, and what has no place there is left out.
//!
//! An OpenAPI document mixes objects whose members are keywords with maps whose members are names
//! somebody chose: a property may be called `$ref`. So the copy knows which keyword holds which;
//! examples and defaults are values of their own and copied as they are.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// How the names of one API are written in the common document.
#[derive(Debug)]
pub(super) struct Names<'a> {
    /// The API's specification.
    pub(super) specification: &'a Value,
    /// Before every name, with a dot; absent if there is only one API. Has no dot itself, so
    /// prefixed names of two APIs never meet.
    pub(super) prefix: Option<String>,
    /// What the API's operations are grouped under; absent if there is only one API.
    pub(super) group: Option<&'a str>,
    /// The API's path, without slashes at its ends.
    pub(super) path: &'a str,
    /// Whether schemas of OpenAPI 3.0 have to become those of 3.1.
    pub(super) upgrade: bool,
}

/// What stands under a keyword.
enum Content {
    /// An object of keywords, or a list of them.
    Keywords,
    /// Names, and an object of keywords for each.
    Named,
    /// Names, and for each names with an object of keywords.
    NamedTwice,
    /// A value that means nothing to OpenAPI.
    Opaque,
}

impl Content {
    fn of(keyword: &str, value: &Value) -> Self {
        match keyword {
            "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas"
            | "content" | "headers" | "encoding" | "links" => Self::Named,
            "callbacks" => Self::NamedTwice,
            // Named in a parameter or a media type; a plain list in a schema.
            "examples" if value.is_object() => Self::Named,
            // A list in an operation; arguments by name in a link.
            "parameters" if value.is_object() => Self::Opaque,
            "example" | "examples" | "default" | "enum" | "const" | "value" | "scopes"
            | "dependentRequired" => Self::Opaque,
            _ => Self::Keywords,
        }
    }
}

impl Names<'_> {
    /// A component or an operation id.
    pub(super) fn name(&self, name: &str) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}.{name}"),
            None => name.to_owned(),
        }
    }

    /// A tag: the group alone, or a part of it.
    pub(super) fn tag(&self, tag: &str) -> String {
        match self.group {
            Some(group) => format!("{group} / {tag}"),
            None => tag.to_owned(),
        }
    }

    /// The path of an operation as clients ask for it.
    pub(super) fn path(&self, template: &str) -> String {
        match (self.path, template) {
            ("", template) => template.to_owned(),
            (path, "/") => format!("/{path}"),
            (path, template) => format!("/{path}{template}"),
        }
    }

    /// A reference within the specification; `None` if it leads out of it, to where the reader may
    /// not get.
    fn reference<'r>(&self, reference: &'r str) -> Option<Cow<'r, str>> {
        if let Some((section, name)) = reference
            .strip_prefix("#/components/")
            .and_then(|r| r.split_once('/'))
        {
            return Some(format!("#/components/{section}/{}", self.name(name)).into());
        }
        if let Some(path) = reference.strip_prefix("#/paths/") {
            let (template, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
            let path = self.path(&template.replace("~1", "/")).replace('/', "~1");
            return Some(format!("#/paths/{path}{rest}").into());
        }
        reference
            .starts_with('#')
            .then_some(Cow::Borrowed(reference))
    }

    /// An object of keywords, or a list of them.
    pub(super) fn copy(&self, value: &Value) -> Value {
        match value {
            Value::Object(keywords) => Value::Object(self.keywords(keywords)),
            Value::Array(items) => items.iter().map(|item| self.copy(item)).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    /// Names, and an object of keywords for each.
    pub(super) fn copy_named(&self, value: &Value) -> Value {
        let Value::Object(named) = value else {
            return value.clone();
        };
        named
            .iter()
            .map(|(name, value)| (name.clone(), self.copy(value)))
            .collect()
    }

    fn copy_named_twice(&self, value: &Value) -> Value {
        let Value::Object(named) = value else {
            return value.clone();
        };
        let copy = |value: &Value| {
            if value.get("$ref").is_some() {
                self.copy(value)
            } else {
                self.copy_named(value)
            }
        };
        named
            .iter()
            .map(|(name, value)| (name.clone(), copy(value)))
            .collect()
    }

    /// An object of keywords.
    pub(super) fn keywords(&self, keywords: &Map<String, Value>) -> Map<String, Value> {
        let mut copy = Map::new();
        for (keyword, value) in keywords {
            if let Some(value) = self.keyword(keyword, value) {
                copy.insert(keyword.clone(), value);
            }
        }
        if self.upgrade {
            upgrade(&mut copy);
        }
        copy
    }

    fn keyword(&self, keyword: &str, value: &Value) -> Option<Value> {
        Some(match (keyword, value) {
            // Addresses of backends, and what vendors' gateways are told, among it more addresses.
            ("servers" | "server", _) => return None,
            (extension, _) if extension.starts_with("x-") => return None,
            ("$ref" | "operationRef", Value::String(text)) => self.reference(text)?.into(),
            ("operationId", Value::String(id)) => self.name(id).into(),
            ("tags", Value::Array(tags)) => tags
                .iter()
                .filter_map(Value::as_str)
                .map(|tag| self.tag(tag))
                .collect(),
            ("security", _) => self.copy_security(value)?,
            ("mapping", Value::Object(mapping)) => self.mapping(mapping),
            // Answers by status: whatever else stands among them is an extension.
            ("responses", Value::Object(answers)) => {
                let answers = answers
                    .iter()
                    .filter(|(status, _)| !status.starts_with("x-"));
                answers
                    .map(|(status, answer)| (status.clone(), self.copy(answer)))
                    .collect()
            }
            _ => match Content::of(keyword, value) {
                Content::Keywords => self.copy(value),
                Content::Named => self.copy_named(value),
                Content::NamedTwice => self.copy_named_twice(value),
                Content::Opaque => value.clone(),
            },
        })
    }

    /// Security requirements: scopes by the name of the scheme.
    pub(super) fn copy_security(&self, requirements: &Value) -> Option<Value> {
        let requirements = requirements.as_array()?.iter().filter_map(Value::as_object);
        let renamed = |schemes: &Map<String, Value>| -> Value {
            schemes
                .iter()
                .map(|(scheme, scopes)| (self.name(scheme), scopes.clone()))
                .collect()
        };
        Some(requirements.map(renamed).collect())
    }

    /// Which schema a discriminator's value stands for: a reference, or the schema's bare name.
    fn mapping(&self, mapping: &Map<String, Value>) -> Value {
        let schemas = self.specification.pointer("/components/schemas");
        let target = |text: &str| match schemas.and_then(|schemas| schemas.get(text)) {
            Some(_) => Some(format!("#/components/schemas/{}", self.name(text))),
            None => self.reference(text).map(Cow::into_owned),
        };
        mapping
            .iter()
            .filter_map(|(value, text)| Some((value.clone(), target(text.as_str()?)?)))
            .collect()
    }
}

/// What schemas say differently since OpenAPI 3.1.
fn upgrade(schema: &mut Map<String, Value>) {
    if schema.shift_remove("nullable") == Some(Value::Bool(true))
        && let Some(kind @ Value::String(_)) = schema.get_mut("type")
    {
        *kind = Value::Array(vec![kind.take(), "null".into()]);
    }
    for (exclusive, bound) in [
        ("exclusiveMinimum", "minimum"),
        ("exclusiveMaximum", "maximum"),
    ] {
        let Some(Value::Bool(excluded)) = schema.get(exclusive) else {
            continue;
        };
        let limit = if *excluded {
            schema.shift_remove(bound)
        } else {
            None
        };
        schema.shift_remove(exclusive);
        schema.extend(limit.map(|limit| (exclusive.to_owned(), limit)));
    }
}
