//! Operands: literals, names, brackets, casts, and what is appended to them with `.`, `?.`, `[ ]`
//! and `( )`.

use super::{Parser, expr};
use crate::expression::refusal::Refusal;
use crate::expression::syntax::{Expr, ExprKind, Literal, Name};
use crate::expression::token::{Kind, Piece};

/// Words that start something C# has and this language does not.
const REFUSED_WORDS: [(&str, &str); 10] = [
    ("new", "objects cannot be created"),
    ("typeof", "`typeof` is not supported"),
    ("nameof", "`nameof` is not supported"),
    (
        "default",
        "`default` is not supported: write the value, as in null, 0 or false",
    ),
    ("checked", "`checked` is not supported"),
    ("unchecked", "`unchecked` is not supported"),
    ("delegate", "anonymous methods are not supported"),
    ("throw", "`throw` is not supported"),
    (
        "out",
        "`out` arguments are not supported: use ContainsKey or GetValueOrDefault",
    ),
    ("await", "`await` is not supported"),
];

impl Parser<'_> {
    pub(super) fn unary(&mut self) -> Result<Expr, Refusal> {
        self.nested(|parser| {
            let operator = match parser.kind() {
                Kind::Sign(sign @ ("!" | "-" | "+" | "~")) => *sign,
                Kind::Sign("(") if parser.is_cast() => return parser.cast(),
                _ => return parser.postfix(),
            };
            let at = parser.advance();
            let operand = parser.unary()?;
            let (span, depth) = (at.start..operand.span.end, operand.depth);
            expr(
                ExprKind::Unary {
                    operator,
                    operand: Box::new(operand),
                },
                span,
                depth,
            )
        })
    }

    fn cast(&mut self) -> Result<Expr, Refusal> {
        let start = self.advance().start;
        let to = self.type_name()?;
        self.expect_sign(")", "after the type of a cast")?;
        let operand = self.unary()?;
        let (span, depth) = (start..operand.span.end, operand.depth);
        expr(
            ExprKind::Cast {
                to,
                operand: Box::new(operand),
            },
            span,
            depth,
        )
    }

    fn postfix(&mut self) -> Result<Expr, Refusal> {
        let operand = self.primary()?;
        self.accesses(operand)
    }

    /// Everything appended to `target`.
    fn accesses(&mut self, mut target: Expr) -> Result<Expr, Refusal> {
        loop {
            let start = target.span.start;
            target = match self.kind() {
                Kind::Sign(".") => {
                    self.advance();
                    self.member(target)?
                }
                Kind::Sign("[") => self.index(target)?,
                Kind::Sign("(") => self.call(target, Vec::new())?,
                Kind::Sign(sign @ ("?." | "?[")) => {
                    let span = self.span();
                    let receiver = expr(ExprKind::Receiver, span.clone(), 0)?;
                    let first = if *sign == "?." {
                        self.advance();
                        self.member(receiver)?
                    } else {
                        self.index(receiver)?
                    };
                    // All of the rest belongs to the access: it is skipped as one if the target is
                    // null.
                    let access = self.nested(|parser| parser.accesses(first))?;
                    let (span, depth) = (start..access.span.end, access.depth.max(target.depth));
                    let (target, access) = (Box::new(target), Box::new(access));
                    return expr(ExprKind::NullConditional { target, access }, span, depth);
                }
                Kind::Sign("++" | "--") => {
                    let help = "write `x = x + 1;` as a statement of its own";
                    return Err(Refusal::new(self.span(), "`++` and `--` are not supported")
                        .with_help(help));
                }
                _ => return Ok(target),
            };
        }
    }

    fn member(&mut self, target: Expr) -> Result<Expr, Refusal> {
        let name = self.name("a member's name is needed after `.`")?;
        let (span, depth) = (target.span.start..name.span.end, target.depth);
        let member = expr(
            ExprKind::Member {
                target: Box::new(target),
                name,
            },
            span,
            depth,
        )?;
        match self.generic_arguments()? {
            Some(generics) => self.call(member, generics),
            None => Ok(member),
        }
    }

    fn index(&mut self, target: Expr) -> Result<Expr, Refusal> {
        self.advance();
        let index = self.expression()?;
        let close = self.expect_sign("]", "after the index")?;
        let (span, depth) = (target.span.start..close.end, target.depth.max(index.depth));
        expr(
            ExprKind::Index {
                target: Box::new(target),
                index: Box::new(index),
            },
            span,
            depth,
        )
    }

    fn call(&mut self, target: Expr, generics: Vec<Name>) -> Result<Expr, Refusal> {
        self.expect_sign("(", "before the arguments")?;
        let mut arguments = Vec::new();
        let mut named = None;
        let mut depth = target.depth;
        while !self.is_sign(")") {
            if self.name_ahead(0).is_some() && matches!(self.ahead(1), Kind::Sign(":")) {
                named = named.or(Some(self.advance()));
                self.advance();
            }
            let argument = self.expression()?;
            depth = depth.max(argument.depth);
            arguments.push(argument);
            if !self.eat_sign(",") {
                break;
            }
        }
        let close = self.expect_sign(")", "after the arguments")?;
        let span = target.span.start..close.end;
        expr(
            ExprKind::Call {
                target: Box::new(target),
                generics,
                arguments,
                named,
            },
            span,
            depth,
        )
    }

    pub(super) fn name(&mut self, needed: &str) -> Result<Name, Refusal> {
        match self.name_ahead(0) {
            Some(text) => Ok(Name {
                text: text.to_owned(),
                span: self.advance(),
            }),
            None => Err(self.unexpected(needed)),
        }
    }

    fn primary(&mut self) -> Result<Expr, Refusal> {
        let span = self.span();
        let literal = match self.kind() {
            Kind::Name => return self.word(),
            Kind::Int(value) => Literal::Int(*value),
            Kind::Float(value) => Literal::Float(*value),
            Kind::Char(value) => Literal::Char(*value),
            Kind::Text(text) => Literal::Text(text.clone()),
            Kind::Interpolated(pieces) => {
                self.advance();
                return self.interpolated(pieces, span);
            }
            Kind::Sign("(") => {
                self.advance();
                let inner = self.expression()?;
                self.expect_sign(")", "to close the bracket")?;
                // What follows is appended to the whole: `(a?.b).c` fails on null where `a?.b.c` is
                // null.
                return Ok(inner);
            }
            _ => return Err(self.unexpected("a value is needed here")),
        };
        self.advance();
        expr(ExprKind::Literal(literal), span, 0)
    }

    fn word(&mut self) -> Result<Expr, Refusal> {
        let span = self.span();
        let word = self.name_ahead(0).unwrap_or_default();
        if let Some((_, why)) = REFUSED_WORDS.iter().find(|(refused, _)| *refused == word) {
            return Err(Refusal::new(span, *why));
        }
        if matches!(self.ahead(1), Kind::Sign("=>")) {
            self.advance();
            return Err(self.unexpected("an operator"));
        }
        let name = self.name("a name")?;
        let kind = match name.text.as_str() {
            "null" => ExprKind::Literal(Literal::Null),
            "true" => ExprKind::Literal(Literal::Bool(true)),
            "false" => ExprKind::Literal(Literal::Bool(false)),
            _ => ExprKind::Name(name.text),
        };
        expr(kind, span, 0)
    }

    fn interpolated(
        &mut self,
        pieces: &[Piece],
        span: crate::expression::refusal::Span,
    ) -> Result<Expr, Refusal> {
        let mut parts = Vec::with_capacity(pieces.len());
        for piece in pieces {
            parts.push(match piece {
                Piece::Text(text) => expr(
                    ExprKind::Literal(Literal::Text(text.clone())),
                    span.clone(),
                    0,
                )?,
                Piece::Hole(tokens) => self.hole(tokens)?,
            });
        }
        let depth = parts.iter().map(|part| part.depth).max().unwrap_or(0);
        expr(ExprKind::Interpolated(parts), span, depth)
    }

    fn hole(&mut self, tokens: &[crate::expression::token::Token]) -> Result<Expr, Refusal> {
        let mut inner = Parser {
            raw: self.raw,
            tokens,
            at: 0,
            recursion: self.recursion,
        };
        let value = inner.nested(Parser::expression)?;
        match inner.kind() {
            Kind::End => Ok(value),
            Kind::Sign("," | ":") => Err(Refusal::new(
                inner.span(),
                "formats in interpolated strings are not supported",
            )
            .with_help("write the value alone; a conditional needs brackets: {(a ? b : c)}")),
            _ => Err(inner.unexpected("the hole of an interpolated string holds one expression")),
        }
    }
}
