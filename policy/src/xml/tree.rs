//! The tree a document is read into.

use super::raw_value::RawValue;
use crate::diagnostic::Position;

/// A document: its one root element.
#[derive(Debug, Clone)]
pub struct Document {
    /// `<policies>` or `<fragment>`, if the document is what it should be.
    pub root: Element,
}

/// An element.
#[derive(Debug, Clone)]
pub struct Element {
    /// The name as written.
    pub name: String,
    /// Where its `<` stands.
    pub position: Position,
    /// The attributes in order; names are unique.
    pub attributes: Vec<Attribute>,
    /// Child elements and text in order. Blank text is kept only where it is the whole content;
    /// comments are dropped.
    pub children: Vec<Node>,
}

/// An attribute.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// The name as written.
    pub name: String,
    /// Where the name starts.
    pub position: Position,
    /// The value.
    pub value: RawValue,
}

/// A child of an element.
#[derive(Debug, Clone)]
pub enum Node {
    /// A child element.
    Element(Element),
    /// Text: a literal or one whole expression.
    Text(RawValue),
}

impl Element {
    /// The attribute called `name`.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| a.name == name)
    }

    /// The child elements in order.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The texts in order.
    pub fn texts(&self) -> impl Iterator<Item = &RawValue> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(_) => None,
            Node::Text(text) => Some(text),
        })
    }

    /// The text of an element that has only text: its first, `None` if it has no content.
    #[must_use]
    pub fn text(&self) -> Option<&RawValue> {
        self.texts().next()
    }
}
