//! Calls: finding the overload.

use super::{Binder, Value, check_format};
use crate::expression::members::{self, Method};
use crate::expression::node::{Call, Node};
use crate::expression::operand::Operand;
use crate::expression::operators;
use crate::expression::refusal::{Refusal, Span};
use crate::expression::syntax::{Expr, ExprKind, Name, TypeName};
use crate::expression::types::{NAMED, Type};

impl Binder<'_> {
    pub(super) fn call(
        &mut self,
        target: &Expr,
        generics: &[TypeName],
        arguments: &[Expr],
        span: Span,
    ) -> Option<Value> {
        let ExprKind::Member {
            target: owner,
            name,
        } = &target.kind
        else {
            let message = format!("{} cannot be called", self.raw.quote(target.span.clone()));
            return self.refuse(
                Refusal::new(target.span.clone(), message)
                    .with_help("methods are called on a value or a type"),
            );
        };
        if let Some(ty) = self.static_target(owner) {
            let arguments = self.arguments(arguments)?;
            let candidates: Vec<_> = ty
                .methods
                .iter()
                .filter(|method| method.name == name.text)
                .collect();
            if candidates.is_empty() {
                return self.refuse_static(ty, &owner.span, name);
            }
            return self.overload(&candidates, None, name, generics, arguments, span);
        }
        let receiver = self.expr(owner);
        let arguments = self.arguments(arguments);
        let (receiver, arguments) = (receiver?, arguments?);
        if receiver.ty == Type::Variables && name.text == "GetValueOrDefault" {
            return self.variable(receiver, name, generics, arguments, span);
        }
        let universal: &[Method] = if receiver.ty.has_text() {
            members::UNIVERSAL
        } else {
            &[]
        };
        let all = members::methods(receiver.ty).iter().chain(universal);
        let candidates: Vec<_> = all.filter(|method| method.name == name.text).collect();
        if candidates.is_empty() {
            return self.refuse_method(receiver.ty, name);
        }
        self.overload(
            &candidates,
            Some(receiver.node),
            name,
            generics,
            arguments,
            span,
        )
    }

    fn arguments(&mut self, arguments: &[Expr]) -> Option<Vec<Value>> {
        let bound: Vec<Option<Value>> = arguments
            .iter()
            .map(|argument| self.expr(argument))
            .collect();
        bound.into_iter().collect()
    }

    /// No such method; perhaps a property is meant.
    fn refuse_method<T>(&mut self, ty: Type, name: &Name) -> Option<T> {
        let Some(property) = members::properties(ty)
            .iter()
            .find(|property| property.name == name.text)
        else {
            return self.refuse_member(ty, name);
        };
        let help = match members::indexer(property.ty) {
            Some(_) => format!("write {}[…] or {0}.GetValueOrDefault(…)", property.name),
            None => format!("write {} without brackets", property.name),
        };
        let message = format!(
            "{} is a property, not a method",
            self.raw.quote(name.span.clone())
        );
        self.refuse(Refusal::new(name.span.clone(), message).with_help(help))
    }

    fn overload(
        &mut self,
        candidates: &[&'static Method],
        receiver: Option<Node>,
        name: &Name,
        generics: &[TypeName],
        arguments: Vec<Value>,
        span: Span,
    ) -> Option<Value> {
        if let Some(generic) = generics.first() {
            let message = format!(
                "{} takes no type in `< >`",
                self.raw.quote(name.span.clone())
            );
            return self.refuse(Refusal::new(generic.span.clone(), message));
        }
        let best = candidates
            .iter()
            .filter_map(|method| Some((cost(method, &arguments)?, *method)));
        let Some((_, method)) = best.min_by_key(|(cost, _)| *cost) else {
            let types: Vec<_> = arguments
                .iter()
                .map(|argument| argument.ty.name())
                .collect();
            let known: Vec<_> = candidates.iter().map(|method| signature(method)).collect();
            let message = format!(
                "{} does not take ({})",
                self.raw.quote(name.span.clone()),
                types.join(", ")
            );
            let help = format!("it takes: {}", known.join(" or "));
            return self.refuse(Refusal::new(name.span.clone(), message).with_help(help));
        };
        self.check_format(method, &arguments)?;
        let member = receiver
            .is_some()
            .then_some(method.name)
            .filter(|_| !method.accepts_null);
        let mut nodes: Vec<Node> = receiver.into_iter().collect();
        let parameters = method
            .parameters
            .iter()
            .copied()
            .chain(std::iter::repeat(method.rest.unwrap_or(Type::Object)));
        for (argument, parameter) in arguments.into_iter().zip(parameters) {
            nodes.push(self.converted(argument, parameter)?);
        }
        if method.takes_context {
            nodes.push(Node::Context);
        }
        let node = if method.is_pure {
            self.invoke(method.call, nodes, member, name.span.start)
        } else {
            let at = self.raw.position_at(name.span.start);
            Node::Call(Call {
                function: method.call,
                arguments: nodes,
                member,
                at,
            })
        };
        Some(Value {
            node,
            ty: method.ty,
            span,
        })
    }

    /// A format that is known now is checked now.
    fn check_format(&mut self, method: &Method, arguments: &[Value]) -> Option<()> {
        let Some(Value {
            node: Node::Constant(Operand::Text(format)),
            span,
            ..
        }) = arguments.first()
        else {
            return Some(());
        };
        match check_format(format, arguments.len() - 1).filter(|_| method.name == "Format") {
            Some(trouble) => self.refuse(Refusal::new(span.clone(), trouble)),
            None => Some(()),
        }
    }

    /// `Variables.GetValueOrDefault<T>(name[, default])`: the type is that of `T`, or of the
    /// default.
    fn variable(
        &mut self,
        receiver: Value,
        name: &Name,
        generics: &[TypeName],
        arguments: Vec<Value>,
        span: Span,
    ) -> Option<Value> {
        let mut arguments = arguments.into_iter();
        let (key, default, more) = (arguments.next(), arguments.next(), arguments.next());
        let (Some(key), None) = (key, more) else {
            let help = "write GetValueOrDefault<string>(\"name\") or GetValueOrDefault(\"name\", \"default\")";
            return self.refuse(
                Refusal::new(name.span.clone(), "a name and at most a default are needed")
                    .with_help(help),
            );
        };
        let ty = match (generics, &default) {
            ([generic], _) => self.named_type(generic)?,
            ([], Some(default)) if default.ty == Type::Null => Type::Object,
            ([], Some(default)) => default.ty,
            _ => {
                let help = "write GetValueOrDefault<string>(\"name\")";
                return self.refuse(
                    Refusal::new(name.span.clone(), "the type of the variable is needed")
                        .with_help(help),
                );
            }
        };
        let default = match default {
            Some(default) => self.converted(default, ty)?,
            None => Node::Constant(default_of(ty)),
        };
        let Some(unbox) = operators::cast(Type::Object, ty) else {
            let message = format!("a variable is never a {}", ty.name());
            return self.refuse(Refusal::new(name.span.clone(), message));
        };
        let at = name.span.start;
        let key = self.converted(key, Type::String)?;
        let found = self.invoke(
            members::variable,
            vec![receiver.node, key, default],
            Some("GetValueOrDefault"),
            at,
        );
        Some(Value {
            node: self.invoke(unbox, vec![found], None, at),
            ty,
            span,
        })
    }

    /// The type a program names.
    pub(super) fn named_type(&mut self, name: &TypeName) -> Option<Type> {
        let ty = Type::named(&name.text);
        if ty.is_some() {
            return ty;
        }
        let message = format!(
            "{} is no type known here",
            self.raw.quote(name.span.clone())
        );
        self.refuse(Refusal::new(name.span.clone(), message).with_help(format!("known: {NAMED}")))
    }
}

/// What `default(T)` is.
fn default_of(ty: Type) -> Operand<'static> {
    match ty {
        Type::Bool => Operand::Bool(false),
        Type::Int => Operand::Int(0),
        Type::Float => Operand::Float(0.0),
        Type::Char => Operand::Char('\0'),
        Type::Guid => Operand::Guid(uuid::Uuid::nil()),
        _ => Operand::Null,
    }
}

/// How badly the arguments fit; `None` if they do not.
fn cost(method: &Method, arguments: &[Value]) -> Option<u32> {
    let fixed = method.parameters.len();
    if arguments.len() < fixed || (arguments.len() > fixed && method.rest.is_none()) {
        return None;
    }
    let parameters = method
        .parameters
        .iter()
        .copied()
        .chain(std::iter::repeat(method.rest.unwrap_or(Type::Object)));
    arguments
        .iter()
        .zip(parameters)
        .map(|(argument, parameter)| passed(argument.ty, parameter))
        .sum()
}

/// What has no text is passed to an `object` only by mistake.
fn passed(argument: Type, parameter: Type) -> Option<u32> {
    argument
        .converts_to(parameter)
        .filter(|_| parameter != Type::Object || argument.has_text())
}

fn signature(method: &Method) -> String {
    let mut parameters: Vec<String> = method
        .parameters
        .iter()
        .map(|ty| ty.name().to_owned())
        .collect();
    parameters.extend(method.rest.map(|ty| format!("{}…", ty.name())));
    format!("{}({})", method.name, parameters.join(", "))
}
