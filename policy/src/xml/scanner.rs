//! Reads the content of a document: tags, text, comments; keeps the stack of open elements.

use std::sync::Arc;

use super::cursor::Cursor;
use super::entity;
use super::raw_value::{RawValue, starts_expression};
use super::tree::{Document, Element, Node};
use super::value::{self, Problem, Stretch};
use crate::diagnostic::{Diagnostic, Position};

/// Errors of one reading; after that many, more would not help.
const MAX_ERRORS: usize = 20;

/// Elements within elements. The tree is walked by recursion.
const MAX_DEPTH: usize = 64;

/// Reads a document whose line breaks are plain.
pub(super) fn scan(file: &Arc<str>, text: &str) -> Result<Document, Vec<Diagnostic>> {
    let mut scanner = Scanner::new(file, text);
    scanner.refuse_control_characters();
    while !scanner.cursor.at_end() && scanner.errors.len() < MAX_ERRORS {
        scanner.step();
    }
    scanner.finish()
}

pub(super) struct Scanner<'a> {
    file: &'a Arc<str>,
    pub(super) cursor: Cursor<'a>,
    errors: Vec<Diagnostic>,
    open: Vec<Open>,
    root: Option<Element>,
    /// Something could not be read to its end: which tags match is guesswork from here on, and not
    /// reported.
    pub(super) lost: bool,
}

/// An element whose end tag has not come yet.
struct Open {
    element: Element,
    /// Literal text since the last child, comments left out.
    text: Option<RawValue>,
}

impl<'a> Scanner<'a> {
    fn new(file: &'a Arc<str>, text: &'a str) -> Self {
        let cursor = Cursor::new(text);
        Self {
            file,
            cursor,
            errors: Vec::new(),
            open: Vec::new(),
            root: None,
            lost: false,
        }
    }

    pub(super) fn report(&mut self, position: Position, message: impl Into<String>, help: &str) {
        if self.errors.len() < MAX_ERRORS {
            self.errors
                .push(Diagnostic::new(self.file, position, message).with_help(help));
        }
    }

    pub(super) fn report_problem(&mut self, problem: Problem) {
        if self.errors.len() < MAX_ERRORS {
            let error = Diagnostic::new(self.file, problem.position, problem.message);
            self.errors.push(Diagnostic {
                help: problem.help.map(str::to_owned),
                ..error
            });
        }
    }

    fn refuse_control_characters(&mut self) {
        let text = self.cursor.rest();
        if let Some(at) = text.find(|c| !entity::is_allowed(c)) {
            let mut cursor = self.cursor;
            cursor.take(at);
            let code = cursor.peek().map_or(0, u32::from);
            let message = format!("the character U+{code:04X} cannot stand in a document");
            self.report(cursor.position(), message, "is this a text file in UTF-8?");
        }
    }

    fn step(&mut self) {
        let rest = self.cursor.rest();
        if rest.starts_with("</") {
            self.end_tag();
        } else if rest.starts_with("<!") || rest.starts_with("<?") {
            self.markup();
        } else if rest.starts_with('<') {
            self.start_tag();
        } else {
            self.text();
        }
    }

    /// A start tag was read.
    pub(super) fn opened(&mut self, element: Element, is_empty: bool) {
        if self.open.len() == MAX_DEPTH {
            let message = format!("elements are nested more than {MAX_DEPTH} deep");
            self.report(element.position, message, "is an end tag missing?");
            self.give_up();
            return;
        }
        self.flush_text(true);
        self.open.push(Open {
            element,
            text: None,
        });
        if is_empty {
            self.close();
        }
    }

    fn end_tag(&mut self) {
        let position = self.cursor.position();
        self.cursor.take(2);
        let name = self.cursor.take_while(super::tag::is_name).to_owned();
        self.cursor.skip_blanks();
        if !self.cursor.eat(">") {
            self.report(
                position,
                format!("the end tag `</{name}` is not closed"),
                "an end tag is written `</name>`",
            );
            self.cursor.take_while(|c| c != '<' && c != '>');
            self.cursor.eat(">");
        }
        match self.open.iter().rposition(|open| open.element.name == name) {
            Some(depth) => self.close_down_to(depth, &name, position),
            None if self.lost => {}
            None => {
                let message = format!("`</{name}>` closes nothing: no `<{name}>` is open here");
                let help = match self.open.last() {
                    Some(open) => {
                        format!("the innermost open element is `<{}>`", open.element.name)
                    }
                    None => "remove it".to_owned(),
                };
                self.report(position, message, &help);
            }
        }
    }

    /// Closes the open elements above `depth` and then that one.
    fn close_down_to(&mut self, depth: usize, name: &str, position: Position) {
        while self.open.len() > depth + 1 {
            self.report_unclosed(&format!("before `</{name}>` at {position}"));
            self.close();
        }
        self.close();
    }

    /// Says that the innermost open element has no end tag.
    fn report_unclosed(&mut self, place: &str) {
        let Some(Element { name, position, .. }) = self.open.last().map(|open| &open.element)
        else {
            return;
        };
        if !self.lost {
            let (position, name) = (*position, name.clone());
            let help = format!("write `</{name}>`, or `<{name} … />` if it is empty");
            self.report(position, format!("`<{name}>` is not closed {place}"), &help);
        }
    }

    fn close(&mut self) {
        self.flush_text(false);
        let Some(Open { element, .. }) = self.open.pop() else {
            return;
        };
        match self.open.last_mut() {
            Some(parent) => parent.element.children.push(Node::Element(element)),
            None if self.root.is_none() => self.root = Some(element),
            None => self.report(
                element.position,
                format!("`<{}>` is a second root element", element.name),
                "a document has one: <policies>, or <fragment> for a fragment",
            ),
        }
    }

    /// Text up to the next tag, or an expression, which may hold anything.
    fn text(&mut self) {
        let blanks_at = self.cursor.position();
        let is_first = self.open.last().is_some_and(|open| {
            open.text
                .as_ref()
                .is_none_or(|t| t.text().trim().is_empty())
        });
        let rest = self.cursor.rest();
        if is_first && starts_expression(rest) {
            self.cursor.skip_blanks();
            return self.expression_text();
        }
        let run = self.cursor.take_while(|c| c != '<');
        if self.open.is_empty() {
            self.text_outside(run, blanks_at);
        } else {
            self.literal_text(run, blanks_at);
        }
    }

    fn text_outside(&mut self, run: &str, position: Position) {
        if !run.trim().is_empty() && !self.lost {
            let blanks = run.len() - run.trim_start().len();
            let position = super::cursor::after(position, &run[..blanks]);
            self.report(
                position,
                "text outside the root element",
                "only comments may stand here",
            );
        }
    }

    fn literal_text(&mut self, run: &str, position: Position) {
        let mut problems = Vec::new();
        if let Some(open) = self.open.last_mut() {
            let text = open.text.get_or_insert_with(|| RawValue::empty(position));
            value::literal(run, position, text, &mut |problem| problems.push(problem));
        }
        problems
            .into_iter()
            .for_each(|problem| self.report_problem(problem));
    }

    /// The content of a CDATA section.
    pub(super) fn plain_text(&mut self, run: &str, position: Position) {
        match self.open.last_mut() {
            Some(open) => open
                .text
                .get_or_insert_with(|| RawValue::empty(position))
                .push_run(run, position),
            None => self.text_outside(run, position),
        }
    }

    fn expression_text(&mut self) {
        let rest = self.cursor.rest();
        let end_tag = self
            .open
            .last()
            .and_then(|open| rest.find(&format!("</{}", open.element.name)));
        let stretch = end_tag.map(|length| Stretch {
            length,
            is_likely: true,
        });
        let found = value::expression(rest, self.cursor.position(), stretch, &|after| {
            after.starts_with('<')
        });
        match found {
            Ok(found) => {
                self.cursor.take(found.length);
                if let Some(open) = self.open.last_mut() {
                    open.text = None;
                    open.element.children.push(Node::Text(found.value));
                }
            }
            Err(problem) => {
                self.report_problem(problem);
                // The end tag of the element is the best guess at where the text ends.
                self.lost = true;
                self.cursor.take(end_tag.unwrap_or(rest.len()));
            }
        }
    }

    /// The text read so far becomes a child. Blank text is layout, unless it is all there is.
    fn flush_text(&mut self, more_follows: bool) {
        let Some(open) = self.open.last_mut() else {
            return;
        };
        let Some(text) = open.text.take() else { return };
        if text.text().trim().is_empty() && (more_follows || !open.element.children.is_empty()) {
            return;
        }
        if !text.looks_like_expression() {
            open.element.children.push(Node::Text(text));
            return;
        }
        match value::complete(text) {
            Ok(expression) => open.element.children.push(Node::Text(expression)),
            Err(problem) => self.report_problem(problem),
        }
    }

    /// Stops reading: nothing after this can be trusted.
    pub(super) fn give_up(&mut self) {
        self.lost = true;
        let rest = self.cursor.rest().len();
        self.cursor.take(rest);
    }

    fn finish(mut self) -> Result<Document, Vec<Diagnostic>> {
        if !self.open.is_empty() {
            self.report_unclosed("at the end of the document");
        } else if self.root.is_none() && self.errors.is_empty() {
            let help = "a policy document is `<policies>…</policies>`";
            self.report(
                self.cursor.position(),
                "the document has no root element",
                help,
            );
        }
        match self.root {
            Some(root) if self.errors.is_empty() && self.open.is_empty() => Ok(Document { root }),
            _ => {
                self.errors.sort_by_key(|error| error.position);
                Err(self.errors)
            }
        }
    }
}
