//! JSON text to a [`Node`].
//!
//! `serde_json` decides what is JSON and words the errors. The walk after it only has to find where
//! each value starts, so it may trust the text.

use std::collections::BTreeSet;

use super::node::{Kind, Member, Node, SyntaxError};
use crate::diagnostic::Position;

/// Parses one document.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Bounds the nesting too (128 levels), and with it the recursion of the walk.
    serde_json::from_str::<serde_json::Value>(text).map_err(|e| syntax_error(text, &e))?;
    let mut walk = Walk {
        text,
        at: 0,
        position: Position { line: 1, column: 1 },
    };
    walk.value()
}

fn syntax_error(text: &str, error: &serde_json::Error) -> SyntaxError {
    // serde_json counts columns in bytes, and appends the place to its message.
    let line = text
        .split('\n')
        .nth(error.line().saturating_sub(1))
        .unwrap_or_default();
    let before = line
        .char_indices()
        .take_while(|(i, _)| *i + 1 < error.column())
        .count();
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(head, _)| head);
    let position = Position {
        line: u32::try_from(error.line()).unwrap_or(u32::MAX),
        column: u32::try_from(before + 1).unwrap_or(u32::MAX),
    };
    SyntaxError {
        position: Some(position),
        message: format!("this is not JSON: {message}"),
    }
}

/// A cursor in text that is known to be valid JSON.
struct Walk<'a> {
    text: &'a str,
    at: usize,
    position: Position,
}

impl<'a> Walk<'a> {
    fn value(&mut self) -> Result<Node, SyntaxError> {
        self.skip_blanks();
        let position = self.position;
        let kind = match self.peek() {
            '{' => Kind::Object(self.object()?),
            '[' => Kind::Array(self.array()?),
            '"' => Kind::String(self.string()),
            _ => self.scalar(),
        };
        Ok(Node { position, kind })
    }

    fn object(&mut self) -> Result<Vec<Member>, SyntaxError> {
        let mut members = Vec::new();
        let mut names = BTreeSet::new();
        while self.more('}') {
            self.skip_blanks();
            let position = self.position;
            let name = self.string();
            if !names.insert(name.clone()) {
                return Err(SyntaxError {
                    position: Some(position),
                    message: format!("`{name}` stands here twice"),
                });
            }
            self.skip_blanks();
            self.advance(); // the colon
            members.push(Member {
                position,
                name,
                value: self.value()?,
            });
        }
        Ok(members)
    }

    fn array(&mut self) -> Result<Vec<Node>, SyntaxError> {
        let mut items = Vec::new();
        while self.more(']') {
            items.push(self.value()?);
        }
        Ok(items)
    }

    /// Steps over the opening bracket or a comma and says whether an item follows; steps over
    /// `close` if not.
    fn more(&mut self, close: char) -> bool {
        self.skip_blanks();
        if self.peek() != close {
            self.advance();
            self.skip_blanks();
        }
        let more = self.peek() != close;
        if !more {
            self.advance();
        }
        more
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.advance();
        while self.peek() != '"' {
            if self.peek() == '\\' {
                self.advance();
            }
            self.advance();
        }
        self.advance();
        serde_json::from_str(&self.text[start..self.at]).expect("the whole text is valid JSON")
    }

    fn scalar(&mut self) -> Kind {
        let start = self.at;
        while self.at < self.text.len()
            && !matches!(self.peek(), ',' | ']' | '}' | ' ' | '\n' | '\r' | '\t')
        {
            self.advance();
        }
        match &self.text[start..self.at] {
            "null" => Kind::Null,
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            number => {
                Kind::Number(serde_json::from_str(number).expect("the whole text is valid JSON"))
            }
        }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), ' ' | '\n' | '\r' | '\t') {
            self.advance();
        }
    }

    /// The next character; NUL, which JSON cannot hold, at the end.
    fn peek(&self) -> char {
        self.text[self.at..].chars().next().unwrap_or('\0')
    }

    fn advance(&mut self) {
        let next = self.peek();
        self.at = (self.at + next.len_utf8()).min(self.text.len());
        if next == '\n' {
            self.position = Position {
                line: self.position.line + 1,
                column: 1,
            };
        } else {
            self.position.column += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_value_knows_its_place() {
        let node = parse("{\n  \"é\": [1, {\"b\\\"\": true}],\n  \"c\" : null }").unwrap();
        let list = node.get("é").unwrap();
        assert_eq!(list.position.to_string(), "2:8");
        let inner = &list.items()[1];
        assert_eq!(inner.position.to_string(), "2:12");
        assert_eq!(inner.members()[0].position.to_string(), "2:13");
        assert_eq!(inner.get("b\"").unwrap().position.to_string(), "2:20");
        assert_eq!(node.get("c").unwrap().position.to_string(), "3:9");
    }

    #[test]
    fn a_name_may_stand_once() {
        let error = parse("{\"a\": 1,\n \"a\": 2}").unwrap_err();
        assert_eq!(
            (
                error.position.unwrap().to_string().as_str(),
                error.message.as_str()
            ),
            ("2:2", "`a` stands here twice")
        );
    }

    #[test]
    fn what_is_not_json_says_where() {
        let error = parse("{\n  \"é\": tru }").unwrap_err();
        assert_eq!(error.message, "this is not JSON: expected ident");
        assert_eq!(error.position.unwrap().to_string(), "2:11");
        assert_eq!(
            parse("").unwrap_err().message,
            "this is not JSON: EOF while parsing a value"
        );
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            (-1e9..1e9f64).prop_map(Into::into),
            "\\PC{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                proptest::collection::btree_map("\\PC{0,4}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_tree_holds_what_serde_json_reads(value in any_json()) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(parse(&text).unwrap().to_json(), expected);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "([\\[\\]{}\",:0-9 \n\\\\]|\\PC){0,32}") {
            let _ = parse(&text);
        }
    }
}
