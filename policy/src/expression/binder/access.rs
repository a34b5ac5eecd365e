//! Members, indices and `?.`.

use super::{Binder, Value};
use crate::diagnostic::suggest;
use crate::expression::members::{self, Property, Static};
use crate::expression::node::Node;
use crate::expression::refusal::{Refusal, Span};
use crate::expression::syntax::{Expr, ExprKind, Name};
use crate::expression::types::Type;

impl Binder<'_> {
    /// The type an expression names, unless a local hides it.
    pub(super) fn static_target(&self, target: &Expr) -> Option<&'static Static> {
        match &target.kind {
            ExprKind::Name(name) if !self.locals.iter().any(|local| local.name == *name) => {
                members::static_type(name)
            }
            _ => None,
        }
    }

    pub(super) fn member(&mut self, target: &Expr, name: &Name, span: Span) -> Option<Value> {
        if let Some(ty) = self.static_target(target) {
            return match ty
                .properties
                .iter()
                .find(|property| property.name == name.text)
            {
                Some(property) => Some(self.get(property, Vec::new(), None, name, span)),
                None => self.refuse_static(ty, &target.span, name),
            };
        }
        let receiver = self.expr(target)?;
        match members::properties(receiver.ty)
            .iter()
            .find(|property| property.name == name.text)
        {
            Some(property) => Some(self.get(
                property,
                vec![receiver.node],
                Some(property.name),
                name,
                span,
            )),
            None => self.refuse_member(receiver.ty, name),
        }
    }

    fn get(
        &self,
        property: &'static Property,
        arguments: Vec<Node>,
        member: Option<&'static str>,
        name: &Name,
        span: Span,
    ) -> Value {
        // A constant of a type takes nothing and is always the same.
        let node = if arguments.is_empty() {
            (property.get)(&[]).map_or_else(
                |_| self.invoke(property.get, Vec::new(), None, name.span.start),
                Node::Constant,
            )
        } else {
            self.invoke(property.get, arguments, member, name.span.start)
        };
        Value {
            node,
            ty: property.ty,
            span,
        }
    }

    /// No such property.
    pub(super) fn refuse_member<T>(&mut self, ty: Type, name: &Name) -> Option<T> {
        let quoted = self.raw.quote(name.span.clone());
        let span = name.span.clone();
        if let Some(why) = members::missing(ty, &name.text) {
            let message = format!("{quoted} of {} is not supported", ty.name());
            return self.refuse(Refusal::new(span, message).with_help(why));
        }
        let is_universal = ty.has_text()
            && members::UNIVERSAL
                .iter()
                .any(|method| method.name == name.text);
        if is_universal
            || members::methods(ty)
                .iter()
                .any(|method| method.name == name.text)
        {
            let message = format!("{quoted} is a method");
            return self.refuse(
                Refusal::new(span, message).with_help(format!("call it: {}()", name.text)),
            );
        }
        let refusal = Refusal::new(span, format!("{} has no member {quoted}", ty.name()));
        let help = match ty {
            Type::Object => {
                "cast it to its type first, as in ((string)context.Variables[\"name\"]).Length"
                    .to_owned()
            }
            _ => self.nearest(name, ty) + &self.members_of(ty),
        };
        self.refuse(refusal.with_help(help))
    }

    /// `did you mean …? `, or nothing.
    fn nearest(&self, name: &Name, ty: Type) -> String {
        let known: Vec<&str> = members::properties(ty)
            .iter()
            .map(|p| p.name)
            .chain(members::methods(ty).iter().map(|m| m.name))
            .collect();
        match suggest::closest(&name.text, &known) {
            Some(near) if !self.raw.is_secret() => format!("did you mean `{near}`? "),
            _ => String::new(),
        }
    }

    pub(super) fn refuse_static<T>(
        &mut self,
        ty: &Static,
        target: &Span,
        name: &Name,
    ) -> Option<T> {
        let mut known: Vec<&str> = ty.properties.iter().map(|p| p.name).collect();
        known.extend(ty.methods.iter().map(|m| m.name));
        known.dedup();
        let message = format!(
            "{} has no member {} of this kind",
            self.raw.quote(target.clone()),
            self.raw.quote(name.span.clone())
        );
        self.refuse(
            Refusal::new(name.span.clone(), message)
                .with_help(format!("it has: {}", suggest::list(&known))),
        )
    }

    pub(super) fn index(&mut self, target: &Expr, index: &Expr, span: Span) -> Option<Value> {
        let receiver = self.expr(target);
        let argument = self.expr(index);
        let (receiver, argument) = (receiver?, argument?);
        let Some(indexer) = members::indexer(receiver.ty) else {
            let message = format!("{} has no `[ ]`", receiver.ty.name());
            return self
                .refuse(Refusal::new(span, message).with_help(self.members_of(receiver.ty)));
        };
        let at = argument.span.start;
        let argument = self.converted(argument, indexer.parameter)?;
        let node = self.invoke(indexer.get, vec![receiver.node, argument], Some("[ ]"), at);
        Some(Value {
            node,
            ty: indexer.ty,
            span,
        })
    }

    pub(super) fn null_conditional(
        &mut self,
        target: &Expr,
        access: &Expr,
        span: Span,
    ) -> Option<Value> {
        let receiver = self.expr(target)?;
        let slot = self.new_slot(true);
        self.receivers.push((slot, receiver.ty));
        let access = self.expr(access);
        self.receivers.pop();
        let access = access?;
        let (receiver, ty) = (Box::new(receiver.node), access.ty);
        Some(Value {
            node: Node::NullConditional {
                receiver,
                slot,
                access: Box::new(access.node),
            },
            ty,
            span,
        })
    }
}
