//! Reads the attributes, children and texts of one element, and reports all that is missing,
//! unknown or wrong.
//!
//! A value that is wrong reads as absent: since it has been reported, the configuration will not be
//! used.

use std::cell::Cell;
use std::sync::Arc;

use super::{Compiler, policies};
use crate::artifacts::has_credentials;
use crate::diagnostic::{Diagnostic, Position, suggest};
use crate::expression::Expression;
use crate::setting::Setting;
use crate::value::FromValue;
use crate::xml::{Element, Node, RawValue, SubstitutionError};

/// One element, being read.
pub(crate) struct Reader<'r, 'a> {
    pub(super) compiler: &'r mut Compiler<'a>,
    pub(super) file: &'r Arc<str>,
    pub(super) element: &'r Element,
}

impl<'r, 'a> Reader<'r, 'a> {
    pub(super) fn new(
        compiler: &'r mut Compiler<'a>,
        file: &'r Arc<str>,
        element: &'r Element,
    ) -> Self {
        Self {
            compiler,
            file,
            element,
        }
    }

    /// A reader of another element of the same file.
    pub(super) fn of<'s>(&'s mut self, element: &'s Element) -> Reader<'s, 'a> {
        Reader {
            compiler: self.compiler,
            file: self.file,
            element,
        }
    }

    /// The `id` that every policy may have.
    pub(super) fn id(&mut self) -> Option<Arc<str>> {
        self.literal("id", |text| Ok(Arc::from(text)))
    }

    /// Reports attributes that are not among `known`. Every policy may have an `id`, and need not
    /// list it.
    pub(super) fn attributes(&mut self, known: &[&str]) {
        let is_policy = policies::find(&self.element.name).is_some();
        for attribute in &self.element.attributes {
            let name = attribute.name.as_str();
            let allowed = known.contains(&name) || (is_policy && name == "id");
            if !allowed {
                let message = format!("`{}` has no attribute `{name}`", self.element.name);
                self.report(attribute.position, message, help(name, known));
            }
        }
    }

    /// Reports an attribute that APIM has and this does not, with the reason.
    pub(super) fn unsupported_attribute(&mut self, name: &str, help: &str) {
        if let Some(attribute) = self.element.attribute(name) {
            self.report(
                attribute.position,
                format!("`{name}` is not supported"),
                help,
            );
        }
    }

    /// Reports child elements that are not among `known`, and text.
    pub(super) fn children(&mut self, known: &[&str]) {
        for child in self
            .element
            .elements()
            .filter(|child| !known.contains(&child.name.as_str()))
        {
            let message = format!("`{}` may not stand in `{}`", child.name, self.element.name);
            self.report(child.position, message, help(&child.name, known));
        }
        self.no_text();
    }

    /// Reports text.
    pub(super) fn no_text(&mut self) {
        for text in self
            .element
            .texts()
            .filter(|text| !text.text().trim().is_empty())
        {
            let message = format!("`{}` may not hold text", self.element.name);
            self.report(text.position(), message, "remove it");
        }
    }

    /// Reports any attribute and any content.
    pub(super) fn nothing_inside(&mut self) {
        self.attributes(&[]);
        self.children(&[]);
    }

    /// The child of that name; a second one is reported.
    pub(super) fn child(&mut self, name: &str) -> Option<&'r Element> {
        let element = self.element;
        let mut found = element.elements().filter(|child| child.name == name);
        let first = found.next();
        for second in found {
            let message = format!("`{name}` stands in `{}` twice", element.name);
            self.report(second.position, message, "merge the two");
        }
        first
    }

    /// The children of that name.
    pub(super) fn each(&self, name: &'static str) -> impl Iterator<Item = &'r Element> + use<'r> {
        self.element
            .elements()
            .filter(move |child| child.name == name)
    }

    /// An attribute that is a literal or an expression.
    pub(super) fn setting<T: FromValue>(
        &mut self,
        name: &str,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Setting<T>> {
        let raw = self.element.attribute(name)?;
        self.value(&raw.value, name, rule)
    }

    /// The same for one that must be there.
    pub(super) fn required<T: FromValue>(
        &mut self,
        name: &str,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Setting<T>> {
        self.must_have(name);
        self.setting(name, rule)
    }

    /// An attribute that may not be an expression.
    pub(super) fn literal<T>(
        &mut self,
        name: &str,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let raw = self.element.attribute(name)?;
        self.constant(&raw.value, name, rule)
    }

    /// The same for one that must be there.
    pub(super) fn required_literal<T>(
        &mut self,
        name: &str,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.must_have(name);
        self.literal(name, rule)
    }

    fn must_have(&mut self, name: &str) {
        if self.element.attribute(name).is_none() {
            let message = format!("`{}` needs the attribute `{name}`", self.element.name);
            self.report(
                self.element.position,
                message,
                format!("add `{name}=\"…\"`"),
            );
        }
    }

    /// The element's text, trimmed, or its expression; it must be there.
    pub(super) fn text<T: FromValue>(
        &mut self,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Setting<T>> {
        let raw = self.only_text()?;
        self.value(raw, &self.element.name, |text| rule(text.trim()))
    }

    /// The same where an expression may not stand.
    pub(super) fn literal_text<T>(
        &mut self,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let raw = self.only_text()?;
        self.constant(raw, &self.element.name, |text| rule(text.trim()))
    }

    /// The same for a text that is secret wherever it comes from, so that no message shows it.
    pub(super) fn secret_text<T>(&mut self, rule: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let raw = self.only_text()?;
        let raw = self.fill_in(raw)?;
        self.check(
            &raw,
            &self.element.name,
            |text| rule(text.trim()),
            "something else",
        )
    }

    /// The texts of all children of that name.
    pub(super) fn texts<T: FromValue>(
        &mut self,
        name: &'static str,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<Setting<T>> {
        let element = self.element;
        let read = |child| {
            let mut reader = self.of(child);
            reader.attributes(&[]);
            reader.text(&rule)
        };
        element
            .elements()
            .filter(|child| child.name == name)
            .filter_map(read)
            .collect()
    }

    /// The same where expressions may not stand.
    pub(super) fn literal_texts<T>(
        &mut self,
        name: &'static str,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let element = self.element;
        let read = |child| {
            let mut reader = self.of(child);
            reader.attributes(&[]);
            reader.literal_text(&rule)
        };
        element
            .elements()
            .filter(|child| child.name == name)
            .filter_map(read)
            .collect()
    }

    /// The one text of an element without children.
    pub(super) fn only_text(&mut self) -> Option<&'r RawValue> {
        match self.element.children.as_slice() {
            [Node::Text(text)] => return Some(text),
            [] => {
                let message = format!("`{}` is empty", self.element.name);
                self.report(
                    self.element.position,
                    message,
                    "give it a text or an expression",
                );
            }
            _ => {
                let message = format!(
                    "`{}` must hold one text or one expression",
                    self.element.name
                );
                self.report(
                    self.element.position,
                    message,
                    "put XML into `<![CDATA[…]]>`",
                );
            }
        }
        None
    }

    /// A literal that obeys `rule`, or an expression.
    pub(super) fn value<T: FromValue>(
        &mut self,
        raw: &RawValue,
        what: &str,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Setting<T>> {
        let raw = self.fill_in(raw)?;
        if !raw.is_expression() {
            return self
                .check(&raw, what, rule, &shown(&raw))
                .map(Setting::Literal);
        }
        let expression = match Expression::parse(&raw, self.file) {
            Ok(expression) => expression,
            Err(errors) => {
                errors
                    .into_iter()
                    .for_each(|error| self.compiler.collector.report(error));
                return None;
            }
        };
        let always = expression
            .constant()
            .map(|value| T::from_value(value.clone()));
        if let Some(Err(error)) = always {
            self.report(
                raw.position(),
                format!("`{what}`: {error}"),
                "change the expression's result",
            );
        }
        Some(Setting::Expression(expression))
    }

    fn constant<T>(
        &mut self,
        raw: &RawValue,
        what: &str,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let raw = self.fill_in(raw)?;
        if raw.is_expression() {
            let message = format!("`{what}` may not be an expression");
            self.report(
                raw.position(),
                message,
                "write a value, or a named value: `{{name}}`",
            );
            return None;
        }
        self.check(&raw, what, rule, &shown(&raw))
    }

    /// `shown` is the text for people: not always the text itself.
    fn check<T>(
        &mut self,
        raw: &RawValue,
        what: &str,
        rule: impl Fn(&str) -> Result<T, String>,
        shown: &str,
    ) -> Option<T> {
        match rule(raw.text()) {
            Ok(value) => Some(value),
            Err(expected) => {
                let message = format!("`{what}` must be {expected}, found {shown}");
                self.compiler
                    .collector
                    .report(Diagnostic::new(self.file, raw.position(), message));
                None
            }
        }
    }

    /// Fills in the named values. `None` if one is unknown, which is reported, or has no value,
    /// which has been. Every value of a document passes here: a text in which `{{…}}` means
    /// something else would be exempt here.
    pub(super) fn fill_in(&mut self, raw: &RawValue) -> Option<RawValue> {
        let named_values = self.compiler.named_values;
        let missing = Cell::new(false);
        let filled = raw.substitute(&|name| {
            missing.set(missing.get() || named_values.is_missing(name));
            named_values.get(name)
        });
        match filled {
            Ok(filled) => (!missing.get()).then_some(filled),
            Err(errors) => {
                for error in errors {
                    let diagnostic = error.diagnostic(self.file);
                    self.compiler.collector.report(match &error {
                        SubstitutionError::Unknown { name, .. } => {
                            diagnostic.with_help(named_values.help_for_unknown(name))
                        }
                        SubstitutionError::Mistake { .. } | SubstitutionError::TooLong { .. } => {
                            diagnostic
                        }
                    });
                }
                None
            }
        }
    }

    /// Reports a mistake.
    pub(super) fn report(
        &mut self,
        position: Position,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.compiler
            .collector
            .report(Diagnostic::new(self.file, position, message).with_help(help));
    }

    /// Reports a mistake of the whole element.
    pub(super) fn report_here(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.report(self.element.position, message, help);
    }
}

/// What to do about a name that is none of `known`.
fn help(name: &str, known: &[&str]) -> String {
    if known.is_empty() {
        "remove it".to_owned()
    } else {
        suggest::help(name, known)
    }
}

/// A value for a message, on one line, and nothing of credentials.
fn shown(raw: &RawValue) -> String {
    if has_credentials(raw.text()) {
        return "a URL with a user name or password".to_owned();
    }
    let mut line = String::new();
    for c in raw.quoted().chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}
