//! Reads the members of an object and reports every member that is missing, unknown or of the wrong
//! kind.

use std::sync::Arc;

use super::node::{Kind, Node};
use crate::diagnostic::{Collector, Diagnostic, suggest};

/// One object of a file, being read.
pub(super) struct Fields<'a, 'c> {
    pub(super) file: &'a Arc<str>,
    pub(super) node: &'a Node,
    pub(super) collector: &'c mut Collector,
}

impl<'a, 'c> Fields<'a, 'c> {
    /// Starts reading; `None`, reported, if `node` is not an object. A member that is not among
    /// `known` is reported.
    pub(super) fn open(
        file: &'a Arc<str>,
        node: &'a Node,
        known: &[&str],
        collector: &'c mut Collector,
    ) -> Option<Self> {
        if !matches!(node.kind, Kind::Object(_)) {
            let message = format!("expected an object, found {}", node.describe());
            collector.report(Diagnostic::new(file, node.position, message));
            return None;
        }
        for member in node
            .members()
            .iter()
            .filter(|m| !known.contains(&m.name.as_str()))
        {
            let message = format!("unknown field `{}`", member.name);
            let help = suggest::help(&member.name, known);
            collector.report(Diagnostic::new(file, member.position, message).with_help(help));
        }
        Some(Self {
            file,
            node,
            collector,
        })
    }

    /// A member that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Node> {
        self.node.get(name).filter(|node| node.kind != Kind::Null)
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str) -> Option<(&'a str, &'a Node)> {
        let node = self.get(name)?;
        match &node.kind {
            Kind::String(text) => Some((text, node)),
            _ => self.wrong_kind(name, node, "a text"),
        }
    }

    /// A text that must be there.
    pub(super) fn required_text(&mut self, name: &str) -> Option<(&'a str, &'a Node)> {
        if self.get(name).is_none() {
            let message = format!("the field `{name}` is missing");
            self.collector
                .report(Diagnostic::new(self.file, self.node.position, message));
        }
        self.text(name)
    }

    /// A boolean.
    pub(super) fn boolean(&mut self, name: &str) -> Option<bool> {
        let node = self.get(name)?;
        match &node.kind {
            Kind::Bool(value) => Some(*value),
            _ => self.wrong_kind(name, node, "`true` or `false`"),
        }
    }

    /// A list of texts; absent is empty.
    pub(super) fn texts(&mut self, name: &str) -> Vec<(&'a str, &'a Node)> {
        let Some(node) = self.get(name) else {
            return Vec::new();
        };
        if !matches!(node.kind, Kind::Array(_)) {
            return self.wrong_kind(name, node, "a list").unwrap_or_default();
        }
        let mut texts = Vec::new();
        for item in node.items() {
            match item.as_str() {
                Some(text) => texts.push((text, item)),
                None => {
                    let _: Option<()> = self.wrong_kind(name, item, "a text in the list");
                }
            }
        }
        texts
    }

    /// Reports that `name`, if it is set and not empty, asks for something that does not exist yet.
    pub(super) fn unsupported(&mut self, name: &str, help: &str) {
        let empty = |node: &&Node| match &node.kind {
            Kind::Array(items) => items.is_empty(),
            Kind::Object(members) => members.is_empty(),
            _ => false,
        };
        if let Some(node) = self.get(name).filter(|node| !empty(node)) {
            let message = format!("`{name}` is not supported yet");
            self.collector
                .report(Diagnostic::new(self.file, node.position, message).with_help(help));
        }
    }

    /// Reports a mistake at `node`.
    pub(super) fn report(
        &mut self,
        node: &Node,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.collector
            .report(Diagnostic::new(self.file, node.position, message).with_help(help));
    }

    fn wrong_kind<T>(&mut self, name: &str, node: &Node, expected: &str) -> Option<T> {
        let message = format!("`{name}` must be {expected}, found {}", node.describe());
        self.collector
            .report(Diagnostic::new(self.file, node.position, message));
        None
    }
}
