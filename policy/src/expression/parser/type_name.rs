//! Names of types, and telling casts and generic calls from brackets and comparisons.

use super::Parser;
use crate::expression::refusal::Refusal;
use crate::expression::syntax::TypeName;
use crate::expression::token::Kind;

/// Types that are keywords: in brackets they are always a cast.
const KEYWORDS: [&str; 15] = [
    "string", "int", "long", "bool", "double", "object", "char", "float", "decimal", "short",
    "byte", "uint", "ulong", "ushort", "sbyte",
];

impl Parser<'_> {
    /// How many tokens ahead the type that starts `from` tokens ahead ends; `None` if none starts
    /// there.
    fn type_end(&self, from: usize) -> Option<usize> {
        self.name_ahead(from)?;
        let mut at = from + 1;
        loop {
            match self.ahead(at) {
                Kind::Sign(".") if self.name_ahead(at + 1).is_some() => at += 2,
                Kind::Sign("<") => {
                    at = self.type_end(at + 1)?;
                    while matches!(self.ahead(at), Kind::Sign(",")) {
                        at = self.type_end(at + 1)?;
                    }
                    if !matches!(self.ahead(at), Kind::Sign(">")) {
                        return None;
                    }
                    at += 1;
                }
                Kind::Sign("[") if matches!(self.ahead(at + 1), Kind::Sign("]")) => at += 2,
                Kind::Sign("?") => at += 1,
                Kind::Sign("?[") if matches!(self.ahead(at + 1), Kind::Sign("]")) => at += 2,
                _ => return Some(at),
            }
        }
    }

    pub(super) fn type_name(&mut self) -> Result<TypeName, Refusal> {
        let count = self
            .type_end(0)
            .ok_or_else(|| self.unexpected("a type is needed here"))?;
        Ok(self.take_type(count))
    }

    /// A type after `is` or `as`, where a `?` starts a conditional.
    pub(super) fn tested_type(&mut self) -> Result<TypeName, Refusal> {
        let count = self
            .type_end(0)
            .ok_or_else(|| self.unexpected("a type is needed here"))?;
        let is_optional = matches!(self.ahead(count - 1), Kind::Sign("?"));
        Ok(self.take_type(count - usize::from(is_optional)))
    }

    fn take_type(&mut self, count: usize) -> TypeName {
        let span = self.span().start..self.tokens[self.at + count - 1].span.end;
        let mut text = String::new();
        for _ in 0..count {
            let part = self.advance();
            text.push_str(&self.raw.text()[part]);
        }
        TypeName { text, span }
    }

    /// Whether a type and then a name come next: a declaration.
    pub(super) fn is_declaration(&self) -> bool {
        let after_type = self.type_end(0).and_then(|end| self.name_ahead(end));
        after_type.is_some_and(|name| name != "is" && name != "as")
    }

    /// Whether `(` starts a cast: a type in brackets, and after them something that starts an
    /// operand.
    pub(super) fn is_cast(&self) -> bool {
        let Some(end) = self.type_end(1) else {
            return false;
        };
        if !matches!(self.ahead(end), Kind::Sign(")")) {
            return false;
        }
        let is_keyword = self
            .name_ahead(1)
            .is_some_and(|name| KEYWORDS.contains(&name));
        if is_keyword && !matches!(self.ahead(2), Kind::Sign(".")) {
            return true;
        }
        match self.ahead(end + 1) {
            Kind::Name => !matches!(self.name_ahead(end + 1), Some("is" | "as")),
            Kind::Sign(sign) => matches!(*sign, "(" | "!" | "~"),
            Kind::End => false,
            _ => true,
        }
    }

    /// `<T, …>` if it comes next and a call follows; otherwise `<` compares.
    pub(super) fn generic_arguments(&mut self) -> Result<Option<Vec<TypeName>>, Refusal> {
        if !self.is_sign("<") {
            return Ok(None);
        }
        let mut end = 0;
        loop {
            match self.type_end(end + 1) {
                Some(next) => end = next,
                None => return Ok(None),
            }
            match (self.ahead(end), self.ahead(end + 1)) {
                (Kind::Sign(","), _) => {}
                (Kind::Sign(">"), Kind::Sign("(")) => break,
                _ => return Ok(None),
            }
        }
        let mut generics = Vec::new();
        while !self.is_sign(">") {
            self.advance();
            generics.push(self.type_name()?);
        }
        self.advance();
        Ok(Some(generics))
    }
}
