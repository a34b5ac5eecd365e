//! Operators, conversions, conditionals.

use super::{Binder, Value};
use crate::expression::node::Node;
use crate::expression::operators;
use crate::expression::refusal::{Refusal, Span};
use crate::expression::syntax::{Expr, TypeName};
use crate::expression::types::Type;

impl Binder<'_> {
    pub(super) fn unary(&mut self, operator: &str, operand: &Expr, span: Span) -> Option<Value> {
        let value = self.expr(operand)?;
        match operators::unary(operator, value.ty) {
            Some((function, ty)) => Some(Value {
                node: self.invoke(function, vec![value.node], None, span.start),
                ty,
                span,
            }),
            None => {
                let message = format!("`{operator}` cannot be used on {}", value.ty.name());
                let refusal = Refusal::new(span, message);
                self.refuse(with_cast_help(refusal, [value.ty, value.ty]))
            }
        }
    }

    pub(super) fn binary(
        &mut self,
        operator: &'static str,
        at: &Span,
        left: &Expr,
        right: &Expr,
        span: Span,
    ) -> Option<Value> {
        let left = self.expr(left);
        let right = self.expr(right);
        let (left, right) = (left?, right?);
        match operator {
            "&&" | "||" => self.logical(operator, at, left, right, span),
            "??" => self.coalesce(at, left, right, span),
            "+" if is_concatenation(left.ty, right.ty) => {
                let mut parts = match left.node {
                    Node::Concat(parts, _) => parts,
                    node => vec![node],
                };
                parts.push(right.node);
                Some(Value {
                    node: self.concat(parts, at.start),
                    ty: Type::String,
                    span,
                })
            }
            _ => match operators::binary(operator, left.ty, right.ty) {
                Some((function, ty)) => {
                    let node = self.invoke(function, vec![left.node, right.node], None, at.start);
                    Some(Value { node, ty, span })
                }
                None => self.refuse_operands(operator, at, [left.ty, right.ty]),
            },
        }
    }

    fn refuse_operands<T>(&mut self, operator: &str, at: &Span, types: [Type; 2]) -> Option<T> {
        let message = format!(
            "`{operator}` cannot be used between {} and {}",
            types[0].name(),
            types[1].name()
        );
        self.refuse(with_cast_help(Refusal::new(at.clone(), message), types))
    }

    fn logical(
        &mut self,
        operator: &str,
        at: &Span,
        left: Value,
        right: Value,
        span: Span,
    ) -> Option<Value> {
        if left.ty != Type::Bool || right.ty != Type::Bool {
            return self.refuse_operands(operator, at, [left.ty, right.ty]);
        }
        let position = self.raw.position_at(at.start);
        let (left, right) = (Box::new(left.node), Box::new(right.node));
        let node = if operator == "&&" {
            Node::And(left, right, position)
        } else {
            Node::Or(left, right, position)
        };
        Some(Value {
            node,
            ty: Type::Bool,
            span,
        })
    }

    fn coalesce(&mut self, at: &Span, left: Value, right: Value, span: Span) -> Option<Value> {
        let Some(ty) = left.ty.unify(right.ty) else {
            return self.refuse_operands("??", at, [left.ty, right.ty]);
        };
        let (left, right) = (self.converted(left, ty)?, self.converted(right, ty)?);
        Some(Value {
            node: Node::Coalesce(Box::new(left), Box::new(right)),
            ty,
            span,
        })
    }

    pub(super) fn conditional(
        &mut self,
        condition: &Expr,
        yes: &Expr,
        no: &Expr,
        span: Span,
    ) -> Option<Value> {
        let condition = self.condition(condition);
        let yes = self.expr(yes);
        let no = self.expr(no);
        let (condition, yes, no) = (condition?, yes?, no?);
        let Some(ty) = yes.ty.unify(no.ty) else {
            let message = format!(
                "`? :` cannot choose between {} and {}",
                yes.ty.name(),
                no.ty.name()
            );
            return self.refuse(
                Refusal::new(span, message)
                    .with_help("make both of one type, with .ToString() or a cast"),
            );
        };
        let at = self.raw.position_at(span.start);
        let (condition, yes) = (Box::new(condition), Box::new(self.converted(yes, ty)?));
        let no = Box::new(self.converted(no, ty)?);
        Some(Value {
            node: Node::Conditional {
                condition,
                yes,
                no,
                at,
            },
            ty,
            span,
        })
    }

    /// Something that is true or false.
    pub(super) fn condition(&mut self, expr: &Expr) -> Option<Node> {
        let value = self.expr(expr)?;
        if value.ty == Type::Bool {
            return Some(value.node);
        }
        let message = format!(
            "a condition is true or false, and this is {}",
            value.ty.name()
        );
        self.refuse(with_cast_help(
            Refusal::new(value.span, message),
            [value.ty, value.ty],
        ))
    }

    /// The implicit conversion of a value to where it is used.
    pub(super) fn converted(&mut self, value: Value, to: Type) -> Option<Node> {
        if value.ty.converts_to(to).is_none() {
            let message = format!(
                "{} is needed here, and this is {}",
                to.name(),
                value.ty.name()
            );
            return self.refuse(with_cast_help(
                Refusal::new(value.span, message),
                [value.ty, value.ty],
            ));
        }
        if value.ty == to || !matches!(to, Type::Int | Type::Float) {
            return Some(value.node);
        }
        let function = operators::cast(value.ty, to)?;
        Some(self.invoke(function, vec![value.node], None, value.span.start))
    }

    pub(super) fn cast(&mut self, to: &TypeName, operand: &Expr, span: Span) -> Option<Value> {
        let ty = self.named_type(to);
        let value = self.expr(operand);
        let (ty, value) = (ty?, value?);
        if let Some(function) = operators::cast(value.ty, ty) {
            return Some(Value {
                node: self.invoke(function, vec![value.node], None, span.start),
                ty,
                span,
            });
        }
        let help = match (value.ty, ty) {
            (_, Type::String) => "use .ToString()",
            (Type::String, Type::Int) => "use int.Parse(…)",
            (Type::String, Type::Bool) => "use bool.Parse(…)",
            (Type::String, Type::Float) => "use double.Parse(…)",
            (Type::String, Type::Guid) => "use Guid.Parse(…)",
            (Type::String, Type::Jwt) => "use .AsJwt()",
            _ => "leave the cast out",
        };
        let message = format!("{} cannot be cast to {}", value.ty.name(), ty.name());
        self.refuse(Refusal::new(span, message).with_help(help))
    }

    pub(super) fn is(&mut self, operand: &Expr, to: &TypeName, span: Span) -> Option<Value> {
        let ty = self.named_type(to);
        let value = self.expr(operand);
        let (ty, value) = (ty?, value?);
        let comes_with = value.ty == Type::Object || value.ty == ty;
        match operators::is(ty).filter(|_| comes_with) {
            Some(function) => {
                let node = self.invoke(function, vec![value.node], None, span.start);
                Some(Value {
                    node,
                    ty: Type::Bool,
                    span,
                })
            }
            None => {
                let message = format!(
                    "{} cannot be tested for being {}",
                    value.ty.name(),
                    ty.name()
                );
                self.refuse(Refusal::new(span, message))
            }
        }
    }

    pub(super) fn convert_or_null(
        &mut self,
        operand: &Expr,
        to: &TypeName,
        span: Span,
    ) -> Option<Value> {
        let ty = self.named_type(to);
        let value = self.expr(operand);
        let (ty, value) = (ty?, value?);
        let comes_with = value.ty == Type::Object || value.ty == ty;
        match operators::convert_or_null(ty).filter(|_| comes_with) {
            Some(function) => Some(Value {
                node: self.invoke(function, vec![value.node], None, span.start),
                ty,
                span,
            }),
            None => {
                let message = format!("`as` cannot make {} of {}", ty.name(), value.ty.name());
                self.refuse(Refusal::new(span, message).with_help("write a cast: (T)x"))
            }
        }
    }
}

/// C# concatenates as soon as one side is a string.
fn is_concatenation(left: Type, right: Type) -> bool {
    (left == Type::String && right.has_text()) || (right == Type::String && left.has_text())
}

fn with_cast_help(refusal: Refusal, types: [Type; 2]) -> Refusal {
    if types.contains(&Type::Object) {
        refusal.with_help("a variable is an `object`: cast it to its type, as in (string)context.Variables[\"name\"]")
    } else if types.contains(&Type::Strings) {
        refusal
            .with_help("a string[] holds several texts: take one, as in x[0], or join them with string.Join(\",\", x)")
    } else {
        refusal
    }
}
