//! From tokens to a tree, by precedence climbing. The first error ends it: what follows one is
//! guesswork.

mod operand;
mod statement;
mod type_name;

use super::refusal::{Refusal, Span};
use super::syntax::{Code, Expr, ExprKind};
use super::token::{self, Kind, Token};
use crate::xml::RawValue;

/// Levels of a tree, and of recursion while it is parsed. Everything later walks the tree by
/// recursion too.
const MAX_DEPTH: usize = 200;
const MAX_RECURSION: usize = 80;

/// Parses the text of an expression, `@` and brackets included.
pub(super) fn parse(raw: &RawValue) -> Result<Code, Refusal> {
    let text = raw.text();
    let is_block = text.starts_with("@{");
    let end = crate::xml::lexical::closing(text, 1).map_err(|error| {
        Refusal::new(
            error.at..error.at + 1,
            format!("the expression does not end: {error}"),
        )
    })?;
    if end < text.len() {
        return Err(Refusal::new(
            end..text.len(),
            "text after the end of the expression",
        ));
    }
    let tokens = token::tokens(text, 2..end - 1)?;
    let mut parser = Parser {
        raw,
        tokens: &tokens,
        at: 0,
        recursion: 0,
    };
    if is_block {
        let statements = parser.statements_to_end()?;
        Ok(Code::Block(statements, end - 1..end))
    } else {
        let single = parser.expression()?;
        parser.expect_end()?;
        Ok(Code::Single(single))
    }
}

struct Parser<'a> {
    raw: &'a RawValue,
    tokens: &'a [Token],
    at: usize,
    recursion: usize,
}

impl<'a> Parser<'a> {
    fn kind(&self) -> &'a Kind {
        &self.tokens[self.at].kind
    }

    fn span(&self) -> Span {
        self.tokens[self.at].span.clone()
    }

    /// The kind of a later token.
    fn ahead(&self, n: usize) -> &'a Kind {
        self.tokens
            .get(self.at + n)
            .map_or(&Kind::End, |token| &token.kind)
    }

    /// The text of the token `n` places ahead if it is a name.
    fn name_ahead(&self, n: usize) -> Option<&'a str> {
        let token = self.tokens.get(self.at + n)?;
        (token.kind == Kind::Name).then(|| &self.raw.text()[token.span.clone()])
    }

    /// Goes on to the next token; the last is never left.
    fn advance(&mut self) -> Span {
        let span = self.span();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        span
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.kind(), Kind::Sign(found) if *found == sign)
    }

    fn eat_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.advance();
        }
        found
    }

    fn is_word(&self, word: &str) -> bool {
        self.name_ahead(0) == Some(word)
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    fn expect_sign(&mut self, sign: &'static str, why: &str) -> Result<Span, Refusal> {
        if self.is_sign(sign) {
            return Ok(self.advance());
        }
        Err(self.unexpected(&format!("`{sign}` is needed {why}")))
    }

    fn expect_end(&self) -> Result<(), Refusal> {
        match self.kind() {
            Kind::End => Ok(()),
            Kind::Sign(";") => Err(Refusal::new(self.span(), "`;` in an expression").with_help(
                "`@( )` holds one expression; statements stand in `@{ }` and end with a return",
            )),
            _ => Err(self.unexpected("an operator or the end of the expression is needed here")),
        }
    }

    /// What is there is not what has to be.
    fn unexpected(&self, needed: &str) -> Refusal {
        let span = self.span();
        match self.kind() {
            Kind::End => Refusal::new(span, format!("the expression ends too early: {needed}")),
            Kind::Sign("=>") => Refusal::new(span, "lambdas are not supported").with_help(
                "LINQ is available without them: First(), FirstOrDefault(), Last(), Count(), Any(), Contains(x)",
            ),
            Kind::Sign("=") => Refusal::new(span, "an assignment cannot stand here").with_help("`==` compares"),
            _ => Refusal::new(span.clone(), format!("unexpected {}: {needed}", self.raw.quote(span))),
        }
    }

    /// Parses by `rule` one level of recursion down.
    fn nested<T>(
        &mut self,
        rule: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if self.recursion == MAX_RECURSION {
            return Err(too_deep(self.span()));
        }
        self.recursion += 1;
        let result = rule(self);
        self.recursion -= 1;
        result
    }

    /// An expression of any precedence.
    fn expression(&mut self) -> Result<Expr, Refusal> {
        self.nested(|parser| {
            let condition = parser.coalesce()?;
            if !parser.eat_sign("?") {
                return Ok(condition);
            }
            let yes = parser.expression()?;
            parser.expect_sign(":", "between the two values of `? :`")?;
            let no = parser.expression()?;
            let span = condition.span.start..no.span.end;
            let depth = condition.depth.max(yes.depth).max(no.depth);
            let (condition, yes, no) = (Box::new(condition), Box::new(yes), Box::new(no));
            expr(ExprKind::Conditional { condition, yes, no }, span, depth)
        })
    }

    /// `a ?? b`, which groups from the right.
    fn coalesce(&mut self) -> Result<Expr, Refusal> {
        let left = self.binary(0)?;
        if !self.is_sign("??") {
            return Ok(left);
        }
        let at = self.advance();
        let right = self.nested(Self::coalesce)?;
        binary("??", at, left, right)
    }

    /// Binary operators from `level` of [`PRECEDENCE`] on, which group from the left.
    fn binary(&mut self, level: usize) -> Result<Expr, Refusal> {
        let mut left = self.unary()?;
        loop {
            let Some((operator, its_level)) = self.operator() else {
                return Ok(left);
            };
            if its_level < level {
                return Ok(left);
            }
            let at = self.advance();
            left = match operator {
                "is" => self.type_test(left)?,
                "as" => {
                    let to = self.tested_type()?;
                    let (span, depth) = (left.span.start..to.span.end, left.depth);
                    expr(
                        ExprKind::As {
                            operand: Box::new(left),
                            to,
                        },
                        span,
                        depth,
                    )?
                }
                _ => {
                    let right = self.nested(|parser| parser.binary(its_level + 1))?;
                    binary(operator, at, left, right)?
                }
            };
        }
    }

    /// The binary operator that comes next, and its level.
    fn operator(&self) -> Option<(&'static str, usize)> {
        let found = match self.kind() {
            Kind::Sign(sign) => *sign,
            Kind::Name if self.is_word("is") => "is",
            Kind::Name if self.is_word("as") => "as",
            _ => return None,
        };
        PRECEDENCE
            .iter()
            .position(|level| level.contains(&found))
            .map(|level| (found, level))
    }

    /// `x is null`, `x is T`
    fn type_test(&mut self, operand: Expr) -> Result<Expr, Refusal> {
        if self.is_word("null") {
            let at = self.advance();
            let null = expr(
                ExprKind::Literal(super::syntax::Literal::Null),
                at.clone(),
                0,
            )?;
            return binary("==", at, operand, null);
        }
        if self.is_word("not") {
            return Err(Refusal::new(self.span(), "`is not` is not part of C# 7")
                .with_help("write `x != null`"));
        }
        let to = self.tested_type()?;
        let (span, depth) = (operand.span.start..to.span.end, operand.depth);
        expr(
            ExprKind::Is {
                operand: Box::new(operand),
                to,
            },
            span,
            depth,
        )
    }
}

/// Binary operators, from the loosest to the tightest.
const PRECEDENCE: [&[&str]; 9] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<", ">", "<=", ">=", "is", "as"],
    &["+", "-"],
    &["*", "/", "%"],
];

fn binary(operator: &'static str, at: Span, left: Expr, right: Expr) -> Result<Expr, Refusal> {
    let span = left.span.start..right.span.end;
    let depth = left.depth.max(right.depth);
    expr(
        ExprKind::Binary {
            operator,
            at,
            left: Box::new(left),
            right: Box::new(right),
        },
        span,
        depth,
    )
}

/// A node over parts of `depth` levels.
fn expr(kind: ExprKind, span: Span, depth: usize) -> Result<Expr, Refusal> {
    if depth >= MAX_DEPTH {
        return Err(too_deep(span));
    }
    Ok(Expr {
        kind,
        span,
        depth: depth + 1,
    })
}

fn too_deep(span: Span) -> Refusal {
    Refusal::new(span, "the expression is nested too deeply")
        .with_help("split it over several set-variable")
}
