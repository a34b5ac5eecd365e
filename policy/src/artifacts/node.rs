//! A JSON or YAML document as a tree in which every value knows its place, so that a mistake found
//! late, such as a backend that does not exist, is still reported where it stands.

use crate::diagnostic::Position;

/// A value and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) position: Position,
    pub(super) kind: Kind,
}

/// The value itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

/// One member of an object, in the order of the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) position: Position,
    pub(super) name: String,
    pub(super) value: Node,
}

/// Text that is not a document, and where it stops being one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) position: Option<Position>,
    pub(super) message: String,
}

impl Node {
    /// The member of that name, if this is an object that has it.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.members()
            .iter()
            .find(|m| m.name == name)
            .map(|m| &m.value)
    }

    /// The members; none unless this is an object.
    pub(super) fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    /// The items; none unless this is an array.
    pub(super) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::Array(items) => items,
            _ => &[],
        }
    }

    /// The text, if this is one.
    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value at a JSON pointer's parts.
    pub(super) fn at<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Option<&Node> {
        parts
            .into_iter()
            .try_fold(self, |node, part| node.get(part))
    }

    /// The same without places.
    pub(super) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(value) => Value::Number(value.clone()),
            Kind::String(value) => Value::String(value.clone()),
            Kind::Array(items) => items.iter().map(Node::to_json).collect(),
            Kind::Object(members) => members
                .iter()
                .map(|m| (m.name.clone(), m.value.to_json()))
                .collect(),
        }
    }

    /// What a message calls it.
    pub(super) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::String(_) => "a text",
            Kind::Array(_) => "a list",
            Kind::Object(_) => "an object",
        }
    }
}
