//! Statements: scopes, definite assignment, and that every path returns.

use super::{Binder, Local, Value};
use crate::expression::node::{Action, Node};
use crate::expression::refusal::{Refusal, Span};
use crate::expression::syntax::{Expr, Name, Statement, TypeName};
use crate::expression::types::Type;

/// A bound list of statements.
struct Body {
    actions: Vec<Action>,
    /// Whether every path through it returns.
    returns: bool,
}

impl Binder<'_> {
    /// The statements of a whole expression, whose closing bracket is at `end`.
    pub(super) fn body(&mut self, statements: &[Statement], end: Span) -> Option<Vec<Action>> {
        let body = self.scope(statements)?;
        if body.returns {
            return Some(body.actions);
        }
        let refusal = Refusal::new(end, "not every path through the block returns a value");
        self.refuse(refusal.with_help("end it with `return …;`"))
    }

    /// Statements in a scope of their own.
    fn scope(&mut self, statements: &[Statement]) -> Option<Body> {
        let outer = self.locals.len();
        let mut body = Some(Body {
            actions: Vec::new(),
            returns: false,
        });
        for statement in statements {
            let bound = self.statement(statement);
            body = match (body, bound) {
                (Some(mut body), Some(bound)) => {
                    body.actions.extend(bound.actions);
                    body.returns |= bound.returns;
                    Some(body)
                }
                _ => None,
            };
        }
        self.locals.truncate(outer);
        body
    }

    fn statement(&mut self, statement: &Statement) -> Option<Body> {
        match statement {
            Statement::Local { ty, name, value } => self.local(ty, name, value.as_ref()),
            Statement::Assign { name, value } => self.assign(name, value),
            Statement::If {
                condition,
                then,
                otherwise,
            } => self.branch(condition, then, otherwise),
            Statement::Block(statements) => self.scope(statements),
            Statement::Return(value) => {
                let node = self.result(value)?;
                Some(Body {
                    actions: vec![Action::Return(node)],
                    returns: true,
                })
            }
        }
    }

    fn local(&mut self, ty: &TypeName, name: &Name, value: Option<&Expr>) -> Option<Body> {
        let value = value.map(|value| self.expr(value));
        let is_taken =
            name.text == "context" || self.locals.iter().any(|local| local.name == name.text);
        if is_taken {
            let message = format!("there is a {} already", self.raw.quote(name.span.clone()));
            self.refuse::<()>(
                Refusal::new(name.span.clone(), message).with_help("give the local another name"),
            );
        }
        let declared = self.local_type(ty, value.as_ref());
        // Known from here on even if something is wrong with it: one error is enough.
        let slot = self.new_slot(value.is_some() || declared.is_none());
        let known = declared.unwrap_or(Type::Object);
        self.locals.push(Local {
            name: name.text.clone(),
            slot,
            ty: known,
        });
        match (declared?, value) {
            (_, None) => Some(Body {
                actions: Vec::new(),
                returns: false,
            }),
            (ty, Some(value)) => self.set(slot, value?, ty),
        }
    }

    /// The declared type; that of the value for `var`.
    fn local_type(&mut self, ty: &TypeName, value: Option<&Option<Value>>) -> Option<Type> {
        if ty.text != "var" {
            return self.named_type(ty);
        }
        match value {
            Some(Some(value)) if value.ty != Type::Null => Some(value.ty),
            Some(None) => None, // reported already
            _ => {
                let refusal = Refusal::new(ty.span.clone(), "`var` needs a value that has a type");
                self.refuse(refusal.with_help("write the type, as in `string x = null;`"))
            }
        }
    }

    fn set(&mut self, slot: usize, value: Value, ty: Type) -> Option<Body> {
        let node: Node = self.converted(value, ty)?;
        self.assigned[slot] = true;
        Some(Body {
            actions: vec![Action::Set(slot, node)],
            returns: false,
        })
    }

    fn assign(&mut self, name: &Name, value: &Expr) -> Option<Body> {
        let value = self.expr(value);
        let Some(local) = self
            .locals
            .iter()
            .rev()
            .find(|local| local.name == name.text)
        else {
            let refusal = self.unknown_name(name.span.clone());
            return self.refuse(refusal);
        };
        let (slot, ty) = (local.slot, local.ty);
        self.assigned[slot] = true;
        self.set(slot, value?, ty)
    }

    fn branch(
        &mut self,
        condition: &Expr,
        then: &[Statement],
        otherwise: &[Statement],
    ) -> Option<Body> {
        let condition_at = self.raw.position_at(condition.span.start);
        let condition = self.condition(condition);
        let before = self.assigned.clone();
        let then = self.scope(then);
        let after_then = std::mem::replace(&mut self.assigned, before);
        // Slots that only the first branch has.
        self.assigned.resize(after_then.len(), false);
        let otherwise = self.scope(otherwise);
        let then_returns = then.as_ref().is_some_and(|body| body.returns);
        let otherwise_returns = otherwise.as_ref().is_some_and(|body| body.returns);
        for (slot, assigned) in self.assigned.iter_mut().enumerate() {
            let in_then = after_then.get(slot).copied().unwrap_or(false) || then_returns;
            *assigned = (*assigned || otherwise_returns) && in_then;
        }
        let (condition, then, otherwise) = (condition?, then?, otherwise?);
        let action = Action::If {
            condition,
            then: then.actions,
            otherwise: otherwise.actions,
            at: condition_at,
        };
        Some(Body {
            actions: vec![action],
            returns: then_returns && otherwise_returns,
        })
    }
}
