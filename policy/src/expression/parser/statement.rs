//! Statements of a block.

use super::Parser;
use crate::expression::refusal::Refusal;
use crate::expression::syntax::{ExprKind, Name, Statement};
use crate::expression::token::Kind;

/// Words that start a statement C# has and this language does not.
const REFUSED: [&str; 14] = [
    "for",
    "foreach",
    "while",
    "do",
    "switch",
    "try",
    "throw",
    "using",
    "lock",
    "unchecked",
    "checked",
    "goto",
    "break",
    "continue",
];

impl Parser<'_> {
    pub(super) fn statements_to_end(&mut self) -> Result<Vec<Statement>, Refusal> {
        let mut statements = Vec::new();
        while *self.kind() != Kind::End {
            self.statement_into(&mut statements)?;
        }
        Ok(statements)
    }

    /// One statement; `;` alone is none.
    fn statement_into(&mut self, statements: &mut Vec<Statement>) -> Result<(), Refusal> {
        if !self.eat_sign(";") {
            statements.push(self.nested(Self::statement)?);
        }
        Ok(())
    }

    fn statement(&mut self) -> Result<Statement, Refusal> {
        if self.eat_sign("{") {
            return self.block().map(Statement::Block);
        }
        match self.name_ahead(0) {
            Some("return") => self.return_statement(),
            Some("if") => self.if_statement(),
            Some(word) if REFUSED.contains(&word) => {
                let message = format!("`{word}` is not supported");
                let help = "a block holds locals, assignments, if/else and return";
                Err(Refusal::new(self.span(), message).with_help(help))
            }
            Some(_) if self.is_declaration() => self.declaration(),
            Some(_) => self.assignment(),
            None => Err(self.unexpected("a statement is needed here")),
        }
    }

    /// The rest of a block after its `{`.
    fn block(&mut self) -> Result<Vec<Statement>, Refusal> {
        let mut statements = Vec::new();
        while !self.eat_sign("}") {
            if *self.kind() == Kind::End {
                return Err(self.unexpected("`}` is needed to close the block"));
            }
            self.statement_into(&mut statements)?;
        }
        Ok(statements)
    }

    fn return_statement(&mut self) -> Result<Statement, Refusal> {
        let at = self.advance();
        if self.is_sign(";") {
            return Err(Refusal::new(at, "`return` needs a value")
                .with_help("write `return null;` for none"));
        }
        let value = self.expression()?;
        self.expect_sign(";", "after `return`")?;
        Ok(Statement::Return(value))
    }

    fn if_statement(&mut self) -> Result<Statement, Refusal> {
        self.advance();
        self.expect_sign("(", "after `if`")?;
        let condition = self.expression()?;
        self.expect_sign(")", "after the condition")?;
        let then = self.branch()?;
        let otherwise = if self.eat_word("else") {
            self.branch()?
        } else {
            Vec::new()
        };
        Ok(Statement::If {
            condition,
            then,
            otherwise,
        })
    }

    fn branch(&mut self) -> Result<Vec<Statement>, Refusal> {
        if self.eat_sign("{") {
            return self.block();
        }
        let mut single = Vec::new();
        self.statement_into(&mut single)?;
        match single.first() {
            Some(Statement::Local { name, .. }) => Err(Refusal::new(
                name.span.clone(),
                "a declaration cannot be the whole branch of an `if`",
            )),
            _ => Ok(single),
        }
    }

    fn declaration(&mut self) -> Result<Statement, Refusal> {
        let ty = self.type_name()?;
        let name = self.name("the local's name")?;
        if self.is_sign("(") {
            let help = "a block holds locals, assignments, if/else and return";
            return Err(
                Refusal::new(name.span, "local functions are not supported").with_help(help)
            );
        }
        let value = if self.eat_sign("=") {
            Some(self.expression()?)
        } else {
            None
        };
        if self.is_sign(",") {
            let help = "declare each local in a statement of its own";
            return Err(Refusal::new(
                self.span(),
                "several locals in one declaration are not supported",
            )
            .with_help(help));
        }
        self.expect_sign(";", "after the declaration")?;
        Ok(Statement::Local { ty, name, value })
    }

    /// `x = …;` and `x += …;`
    fn assignment(&mut self) -> Result<Statement, Refusal> {
        let target = self.expression()?;
        let ExprKind::Name(text) = &target.kind else {
            let help = "only locals can be assigned; everything of `context` is read-only";
            return Err(Refusal::new(target.span, "this is no statement").with_help(help));
        };
        let name = Name {
            text: text.clone(),
            span: target.span.clone(),
        };
        let value = match self.kind() {
            Kind::Sign("=") => {
                self.advance();
                self.expression()?
            }
            Kind::Sign(sign @ ("+=" | "-=" | "*=" | "/=" | "%=")) => {
                let at = self.advance();
                let right = self.expression()?;
                super::binary(operator_of(sign), at, target, right)?
            }
            _ => return Err(self.unexpected("`=` is needed here")),
        };
        self.expect_sign(";", "after the assignment")?;
        Ok(Statement::Assign { name, value })
    }
}

fn operator_of(assignment: &str) -> &'static str {
    match assignment {
        "+=" => "+",
        "-=" => "-",
        "*=" => "*",
        "/=" => "/",
        _ => "%",
    }
}
