//! Looks every name of a tree up and checks every type: what is left runs without names.
//!
//! After an error it goes on with the other parts of the expression, so that all of them are
//! reported.

mod access;
mod call;
mod operation;
mod statement;

use super::members::{self, check_format};
use super::node::{Call, Function, Node, Program};
use super::operand::{Operand, Text, append};
use super::refusal::{Refusal, Span};
use super::syntax::{Code, Expr, ExprKind, Literal};
use super::types::Type;
use crate::diagnostic::suggest;
use crate::xml::RawValue;

/// Errors reported for one expression.
const MAX_ERRORS: usize = 10;

/// A program and how many slots it needs.
pub(super) struct Bound {
    pub(super) program: Program,
    pub(super) slots: usize,
}

/// Binds the code of `raw`.
pub(super) fn bind(raw: &RawValue, code: &Code) -> Result<Bound, Vec<Refusal>> {
    let mut binder = Binder {
        raw,
        errors: Vec::new(),
        locals: Vec::new(),
        assigned: Vec::new(),
        receivers: Vec::new(),
    };
    let program = match code {
        Code::Single(expr) => binder.result(expr).map(Program::Single),
        Code::Block(statements, end) => binder.body(statements, end.clone()).map(Program::Block),
    };
    match program {
        Some(program) if binder.errors.is_empty() => Ok(Bound {
            program,
            slots: binder.assigned.len(),
        }),
        _ => Err(binder.errors),
    }
}

struct Binder<'a> {
    raw: &'a RawValue,
    errors: Vec<Refusal>,
    /// Visible locals, the innermost last.
    locals: Vec<Local>,
    /// By slot: whether a value is surely in it. Slots of receivers are among them.
    assigned: Vec<bool>,
    /// The receivers that stand before `?.`, the innermost last.
    receivers: Vec<(usize, Type)>,
}

struct Local {
    name: String,
    slot: usize,
    ty: Type,
}

/// A bound part of an expression.
struct Value {
    node: Node,
    ty: Type,
    span: Span,
}

impl Binder<'_> {
    /// Reports an error; there is no value.
    fn refuse<T>(&mut self, refusal: Refusal) -> Option<T> {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(refusal);
        }
        None
    }

    fn new_slot(&mut self, is_assigned: bool) -> usize {
        self.assigned.push(is_assigned);
        self.assigned.len() - 1
    }

    /// What the whole expression yields.
    fn result(&mut self, expr: &Expr) -> Option<Node> {
        let value = self.expr(expr)?;
        if value.ty.is_result() {
            return Some(value.node);
        }
        let message = format!(
            "the expression yields {}, which no policy can use",
            value.ty.name()
        );
        self.refuse(Refusal::new(value.span, message).with_help(self.members_of(value.ty)))
    }

    fn expr(&mut self, expr: &Expr) -> Option<Value> {
        let span = expr.span.clone();
        match &expr.kind {
            ExprKind::Literal(value) => {
                let (operand, ty) = literal(value);
                Some(Value {
                    node: Node::Constant(operand),
                    ty,
                    span,
                })
            }
            ExprKind::Interpolated(parts) => self.interpolated(parts, span),
            ExprKind::Name(name) => self.name(name, span),
            ExprKind::Member { target, name } => self.member(target, name, span),
            ExprKind::Call {
                target,
                generics,
                arguments,
                named,
            } => {
                let value = self.call(target, generics, arguments, span)?;
                match named {
                    Some(name) => self.refuse(
                        Refusal::new(name.clone(), "named arguments are not supported")
                            .with_help("leave the name out and pass the arguments in their order"),
                    ),
                    None => Some(value),
                }
            }
            ExprKind::Index { target, index } => self.index(target, index, span),
            ExprKind::NullConditional { target, access } => {
                self.null_conditional(target, access, span)
            }
            ExprKind::Receiver => {
                let (slot, ty) = self.receivers.last().copied()?;
                Some(Value {
                    node: Node::Local(slot),
                    ty,
                    span,
                })
            }
            ExprKind::Unary { operator, operand } => self.unary(operator, operand, span),
            ExprKind::Binary {
                operator,
                at,
                left,
                right,
            } => self.binary(operator, at, left, right, span),
            ExprKind::Conditional { condition, yes, no } => {
                self.conditional(condition, yes, no, span)
            }
            ExprKind::Cast { to, operand } => self.cast(to, operand, span),
            ExprKind::As { operand, to } => self.convert_or_null(operand, to, span),
            ExprKind::Is { operand, to } => self.is(operand, to, span),
        }
    }

    fn name(&mut self, name: &str, span: Span) -> Option<Value> {
        if let Some(local) = self.locals.iter().rev().find(|local| local.name == name) {
            let (slot, ty) = (local.slot, local.ty);
            if !self.assigned[slot] {
                let message = format!(
                    "the local {} may have no value yet",
                    self.raw.quote(span.clone())
                );
                return self.refuse(
                    Refusal::new(span, message).with_help("give it a value in its declaration"),
                );
            }
            return Some(Value {
                node: Node::Local(slot),
                ty,
                span,
            });
        }
        if name == "context" {
            return Some(Value {
                node: Node::Context,
                ty: Type::Context,
                span,
            });
        }
        if members::static_type(name).is_some() {
            let message = format!(
                "{} is a type: a member is needed after it",
                self.raw.quote(span.clone())
            );
            return self.refuse(Refusal::new(span, message));
        }
        let refusal = self.unknown_name(span);
        self.refuse(refusal)
    }

    fn unknown_name(&self, span: Span) -> Refusal {
        let text = &self.raw.text()[span.clone()];
        let mut known: Vec<&str> = self
            .locals
            .iter()
            .map(|local| local.name.as_str())
            .collect();
        known.push("context");
        known.extend(members::static_names());
        let help = match text {
            "DateTime" | "DateTimeOffset" => {
                "the time of the request is context.Timestamp".to_owned()
            }
            _ if self.raw.is_secret() => format!("known here: {}", suggest::list(&known)),
            _ => suggest::help(text, &known),
        };
        Refusal::new(
            span.clone(),
            format!("{} is not known", self.raw.quote(span)),
        )
        .with_help(help)
    }

    /// A call of a function, or its value if that is known already.
    fn invoke(
        &self,
        function: Function,
        arguments: Vec<Node>,
        member: Option<&'static str>,
        at: usize,
    ) -> Node {
        let at = self.raw.position_at(at);
        let call = Call {
            function,
            arguments,
            member,
            at,
        };
        match constants(&call.arguments).and_then(|constants| call.run(&constants).ok()) {
            Some(value) => Node::Constant(value),
            None => Node::Call(call),
        }
    }

    fn interpolated(&mut self, parts: &[Expr], span: Span) -> Option<Value> {
        let bound: Vec<Option<Value>> = parts.iter().map(|part| self.textual(part)).collect();
        let bound: Option<Vec<Value>> = bound.into_iter().collect();
        let nodes = bound?.into_iter().map(|value| value.node).collect();
        Some(Value {
            node: self.concat(nodes, span.start),
            ty: Type::String,
            span,
        })
    }

    /// An expression that can be written as text.
    fn textual(&mut self, expr: &Expr) -> Option<Value> {
        let value = self.expr(expr)?;
        if value.ty.has_text() {
            return Some(value);
        }
        let message = format!("a value of type {} has no useful text", value.ty.name());
        self.refuse(Refusal::new(value.span, message).with_help(self.members_of(value.ty)))
    }

    fn concat(&self, parts: Vec<Node>, at: usize) -> Node {
        if let Some(constants) = constants(&parts) {
            let mut text = String::new();
            if constants
                .iter()
                .all(|constant| append(&mut text, constant).is_ok())
            {
                return Node::Constant(Operand::Text(Text::Shared(text.into())));
            }
        }
        Node::Concat(parts, self.raw.position_at(at))
    }

    /// A help text: what a type has.
    fn members_of(&self, ty: Type) -> String {
        let mut names: Vec<String> = members::properties(ty)
            .iter()
            .map(|p| p.name.to_owned())
            .collect();
        let universal = if ty.has_text() && ty != Type::Null {
            members::UNIVERSAL
        } else {
            &[]
        };
        names.extend(
            members::methods(ty)
                .iter()
                .chain(universal)
                .map(|m| format!("{}()", m.name)),
        );
        if ty == Type::Variables {
            names.push("GetValueOrDefault<T>()".to_owned());
        }
        if members::indexer(ty).is_some() {
            names.push("[ ]".to_owned());
        }
        names.dedup();
        format!("{} has: {}", ty.name(), suggest::list(&names))
    }
}

/// The values of nodes that are all constant. `None` for no nodes: what takes nothing is not always
/// the same.
fn constants(nodes: &[Node]) -> Option<Vec<Operand<'static>>> {
    let constant = |node: &Node| match node {
        Node::Constant(value) => Some(value.clone()),
        _ => None,
    };
    if nodes.is_empty() {
        None
    } else {
        nodes.iter().map(constant).collect()
    }
}

fn literal(literal: &Literal) -> (Operand<'static>, Type) {
    match literal {
        Literal::Null => (Operand::Null, Type::Null),
        Literal::Bool(value) => (Operand::Bool(*value), Type::Bool),
        Literal::Int(value) => (Operand::Int(*value), Type::Int),
        Literal::Float(value) => (Operand::Float(*value), Type::Float),
        Literal::Char(value) => (Operand::Char(*value), Type::Char),
        Literal::Text(text) => (
            Operand::Text(Text::Shared(text.as_str().into())),
            Type::String,
        ),
    }
}
