//! Start tags and their attributes.

use super::raw_value::{RawValue, starts_expression};
use super::scanner::Scanner;
use super::tree::{Attribute, Element};
use super::value::{self, Stretch};
use crate::diagnostic::Position;

/// Whether a character may stand in a name. What may start one is narrower.
pub(super) fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// Whether a line after the first starts with a tag: then a quote is missing before it.
fn spans_tags(text: &str) -> bool {
    text.lines()
        .skip(1)
        .any(|line| line.trim_start().starts_with('<'))
}

/// Whether this is how a tag goes on after a value: its end, or a blank and another attribute.
fn tag_goes_on(rest: &str) -> bool {
    let next = rest.trim_start();
    let name = next.trim_start_matches(is_name);
    let is_attribute = next.starts_with(starts_name) && name.trim_start().starts_with('=');
    next.starts_with("/>") || next.starts_with('>') || (is_attribute && next.len() < rest.len())
}

/// How a start tag goes on.
enum Next {
    Attribute(Attribute),
    /// Something was reported and skipped.
    Skipped,
    /// The end of the tag.
    End {
        is_empty: bool,
    },
}

impl Scanner<'_> {
    pub(super) fn start_tag(&mut self) {
        let position = self.cursor.position();
        self.cursor.take(1);
        if !self.cursor.peek().is_some_and(starts_name) {
            self.report(
                position,
                "`<` starts no tag here",
                "write `&lt;` for the character `<`",
            );
            return;
        }
        let name = self.cursor.take_while(is_name).to_owned();
        let mut element = Element {
            name,
            position,
            attributes: Vec::new(),
            children: Vec::new(),
        };
        loop {
            match self.next_in_tag(&element) {
                Next::Attribute(attribute) => self.add_attribute(&mut element, attribute),
                Next::Skipped => {}
                Next::End { is_empty } => return self.opened(element, is_empty),
            }
        }
    }

    fn add_attribute(&mut self, element: &mut Element, attribute: Attribute) {
        if element.attribute(&attribute.name).is_some() {
            let message = format!("the attribute `{}` stands twice", attribute.name);
            self.report(attribute.position, message, "keep one of them");
        } else {
            element.attributes.push(attribute);
        }
    }

    fn next_in_tag(&mut self, element: &Element) -> Next {
        let blanks = self.cursor.skip_blanks();
        let position = self.cursor.position();
        if self.cursor.eat("/>") {
            return Next::End { is_empty: true };
        }
        match self.cursor.peek() {
            Some('>') => {
                self.cursor.take(1);
                Next::End { is_empty: false }
            }
            Some(c) if starts_name(c) && !blanks.is_empty() => self.attribute(),
            Some(c) if c != '<' => self.junk(element, c),
            _ => {
                let message = format!("the tag `<{}` is not closed", element.name);
                self.report(position, message, "a tag ends with `>` or `/>`");
                self.lost = true;
                Next::End { is_empty: false }
            }
        }
    }

    /// Something that is no attribute. A value with quotes in it that ended too early is the usual
    /// reason.
    fn junk(&mut self, element: &Element, c: char) -> Next {
        let position = self.cursor.position();
        let last = element.attributes.last();
        match last.filter(|attribute| attribute.value.text().contains("@(")) {
            Some(attribute) if !attribute.value.is_expression() => {
                let message = format!("the value of `{}` ends before this", attribute.name);
                let help = "an expression is the whole value: put the text inside, as in \"@(\"text\" + …)\"";
                self.report(position, message, help);
            }
            _ if starts_name(c) => {
                self.report(
                    position,
                    "a blank is missing before this attribute",
                    "separate attributes with blanks",
                );
                return self.attribute();
            }
            _ => {
                let message = format!("`{c}` cannot stand in a tag");
                self.report(
                    position,
                    message,
                    "attributes are written name=\"value\", with straight quotes",
                );
            }
        }
        self.skip_tag()
    }

    fn attribute(&mut self) -> Next {
        let position = self.cursor.position();
        let name = self.cursor.take_while(is_name).to_owned();
        self.cursor.skip_blanks();
        if !self.cursor.eat("=") {
            self.report(
                position,
                format!("the attribute `{name}` has no value"),
                "write name=\"value\"",
            );
            return Next::Skipped;
        }
        self.cursor.skip_blanks();
        let quote = match self.cursor.peek() {
            Some(quote @ ('"' | '\'')) => quote,
            Some('>') | None => {
                self.report(
                    position,
                    format!("the attribute `{name}` has no value"),
                    "write name=\"value\"",
                );
                return Next::Skipped;
            }
            Some(c) => return self.unquoted(&name, c),
        };
        self.cursor.take(1);
        let value = if starts_expression(self.cursor.rest()) {
            self.expression_value(quote)
        } else {
            self.literal_value(&name, quote, position)
        };
        match value {
            Some(value) => Next::Attribute(Attribute {
                name,
                position,
                value,
            }),
            None => self.skip_lines(),
        }
    }

    fn unquoted(&mut self, name: &str, first: char) -> Next {
        let position = self.cursor.position();
        let message = format!("the value of `{name}` is not in quotes");
        if matches!(
            first,
            '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2018}' | '\u{2019}'
        ) {
            let help =
                "these are typographic quotes: an editor changed the file; write straight ones: \"";
            self.report(position, message, help);
            return self.skip_tag();
        }
        self.report(position, message, "write name=\"value\"");
        self.cursor
            .take_while(|c| !c.is_whitespace() && c != '>' && c != '/');
        Next::Skipped
    }

    /// The cursor stands after the opening quote, before blanks and `@(` or `@{`.
    fn expression_value(&mut self, quote: char) -> Option<RawValue> {
        self.cursor.skip_blanks();
        let (rest, position) = (self.cursor.rest(), self.cursor.position());
        let stretch = rest.find(quote).map(|length| Stretch {
            length,
            is_likely: tag_goes_on(&rest[length + 1..]),
        });
        match value::expression(rest, position, stretch, &|after| after.starts_with(quote)) {
            Ok(found) => {
                self.cursor.take(found.length + 1);
                Some(found.value)
            }
            Err(problem) => {
                self.report_problem(problem);
                let stretch = stretch.filter(|stretch| stretch.is_likely)?;
                self.cursor.take(stretch.length + 1);
                Some(RawValue::empty(position))
            }
        }
    }

    fn literal_value(&mut self, name: &str, quote: char, named_at: Position) -> Option<RawValue> {
        let position = self.cursor.position();
        let rest = self.cursor.rest();
        let Some(length) = rest
            .find(quote)
            .filter(|length| !spans_tags(&rest[..*length]))
        else {
            let message = format!("the value of `{name}` is not closed");
            self.report(named_at, message, &format!("close it with `{quote}`"));
            return None;
        };
        let text = self.cursor.take(length);
        self.cursor.take(1);
        if let Some(at) = text.find('<') {
            let position = super::cursor::after(position, &text[..at]);
            self.report(
                position,
                format!("`<` in the value of `{name}`"),
                "write `&lt;`, or close the value before it",
            );
        }
        let mut value = RawValue::empty(position);
        let mut problems = Vec::new();
        value::literal(text, position, &mut value, &mut |problem| {
            problems.push(problem);
        });
        problems
            .into_iter()
            .for_each(|problem| self.report_problem(problem));
        if !value.looks_like_expression() {
            return Some(value);
        }
        // Its `@` was an entity.
        value::complete(value)
            .map_err(|problem| self.report_problem(problem))
            .ok()
    }

    /// After an error within one tag: on to its end.
    fn skip_tag(&mut self) -> Next {
        let skipped = self.cursor.take_while(|c| c != '>' && c != '<');
        let is_empty = skipped.ends_with('/');
        if !self.cursor.eat(">") {
            self.lost = true;
        }
        Next::End { is_empty }
    }

    /// After a value without an end: on to the next line that starts with a tag. What lies between
    /// is anybody's guess.
    fn skip_lines(&mut self) -> Next {
        self.lost = true;
        let rest = self.cursor.rest();
        let mut length = 0;
        for line in rest.split_inclusive('\n') {
            if length > 0 && line.trim_start().starts_with('<') {
                break;
            }
            length += line.len();
        }
        let skipped = self.cursor.take(length);
        Next::End {
            is_empty: skipped.trim_end().ends_with("/>"),
        }
    }
}
