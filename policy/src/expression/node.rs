//! Bound expressions and how they run: no names any more, only function pointers, constants and
//! slots.

use super::fault::{Failure, Fault};
use super::operand::{Operand, append, wrong};
use crate::context::Context;
use crate::diagnostic::Position;

/// Anything strict: operators, casts, members. The receiver of a member is the first argument.
pub(super) type Function = for<'c> fn(&[Operand<'c>]) -> Result<Operand<'c>, Fault>;

/// A bound expression.
pub(super) enum Node {
    Constant(Operand<'static>),
    Context,
    Local(usize),
    Call(Call),
    /// Evaluates `access` with the receiver in `slot`, unless the receiver is null.
    NullConditional {
        receiver: Box<Node>,
        slot: usize,
        access: Box<Node>,
    },
    And(Box<Node>, Box<Node>, Position),
    Or(Box<Node>, Box<Node>, Position),
    Coalesce(Box<Node>, Box<Node>),
    Conditional {
        condition: Box<Node>,
        yes: Box<Node>,
        no: Box<Node>,
        at: Position,
    },
    Concat(Vec<Node>, Position),
}

/// A call of a function.
pub(super) struct Call {
    pub(super) function: Function,
    pub(super) arguments: Vec<Node>,
    /// The member's name if null as the receiver is a null dereference.
    pub(super) member: Option<&'static str>,
    pub(super) at: Position,
}

/// A bound statement.
pub(super) enum Action {
    Set(usize, Node),
    If {
        condition: Node,
        then: Vec<Action>,
        otherwise: Vec<Action>,
        at: Position,
    },
    Return(Node),
}

/// What an expression is bound to.
pub(super) enum Program {
    Single(Node),
    /// Every path of it ends in a return.
    Block(Vec<Action>),
}

/// Slots that need no allocation.
const INLINE_SLOTS: usize = 4;

impl Program {
    /// Runs with `slots` locals.
    pub(super) fn run<'c>(
        &self,
        context: &'c Context,
        slots: usize,
    ) -> Result<Operand<'c>, Failure> {
        let mut inline = [const { Operand::Null }; INLINE_SLOTS];
        let mut many = Vec::new();
        let slots = if slots <= INLINE_SLOTS {
            &mut inline[..slots]
        } else {
            many.resize(slots, Operand::Null);
            &mut many[..]
        };
        let mut machine = Machine { context, slots };
        match self {
            Self::Single(node) => machine.eval(node),
            Self::Block(actions) => Ok(machine.exec(actions)?.unwrap_or(Operand::Null)),
        }
    }
}

struct Machine<'c, 's> {
    context: &'c Context,
    slots: &'s mut [Operand<'c>],
}

impl<'c> Machine<'c, '_> {
    /// The returned value, if a return was reached.
    fn exec(&mut self, actions: &[Action]) -> Result<Option<Operand<'c>>, Failure> {
        for action in actions {
            let returned = match action {
                Action::Set(slot, value) => {
                    self.slots[*slot] = self.eval(value)?;
                    None
                }
                Action::If {
                    condition,
                    then,
                    otherwise,
                    at,
                } => {
                    let branch = if self.truth(condition, *at)? {
                        then
                    } else {
                        otherwise
                    };
                    self.exec(branch)?
                }
                Action::Return(value) => Some(self.eval(value)?),
            };
            if returned.is_some() {
                return Ok(returned);
            }
        }
        Ok(None)
    }

    fn eval(&mut self, node: &Node) -> Result<Operand<'c>, Failure> {
        match node {
            Node::Constant(value) => Ok(value.clone()),
            Node::Context => Ok(Operand::Context(self.context)),
            Node::Local(slot) => Ok(self.slots[*slot].clone()),
            Node::Call(call) => self.call(call),
            Node::NullConditional {
                receiver,
                slot,
                access,
            } => {
                let receiver = self.eval(receiver)?;
                if receiver.is_null() {
                    return Ok(Operand::Null);
                }
                self.slots[*slot] = receiver;
                self.eval(access)
            }
            Node::And(left, right, at) => Ok(Operand::Bool(
                self.truth(left, *at)? && self.truth(right, *at)?,
            )),
            Node::Or(left, right, at) => Ok(Operand::Bool(
                self.truth(left, *at)? || self.truth(right, *at)?,
            )),
            Node::Coalesce(left, right) => match self.eval(left)? {
                Operand::Null => self.eval(right),
                value => Ok(value),
            },
            Node::Conditional {
                condition,
                yes,
                no,
                at,
            } => {
                if self.truth(condition, *at)? {
                    self.eval(yes)
                } else {
                    self.eval(no)
                }
            }
            Node::Concat(parts, at) => self.concat(parts, *at),
        }
    }

    fn truth(&mut self, condition: &Node, at: Position) -> Result<bool, Failure> {
        match self.eval(condition)? {
            Operand::Bool(truth) => Ok(truth),
            other => Err(Failure {
                fault: wrong("bool", Some(&other)),
                at,
            }),
        }
    }

    fn concat(&mut self, parts: &[Node], at: Position) -> Result<Operand<'c>, Failure> {
        let mut text = String::new();
        for part in parts {
            let part = self.eval(part)?;
            append(&mut text, &part).map_err(|fault| Failure { fault, at })?;
        }
        Operand::made(text).map_err(|fault| Failure { fault, at })
    }

    fn call(&mut self, call: &Call) -> Result<Operand<'c>, Failure> {
        match call.arguments.as_slice() {
            [] => call.run(&[]),
            [a] => call.run(&[self.eval(a)?]),
            [a, b] => call.run(&[self.eval(a)?, self.eval(b)?]),
            [a, b, c] => call.run(&[self.eval(a)?, self.eval(b)?, self.eval(c)?]),
            many => {
                let arguments: Result<Vec<_>, _> =
                    many.iter().map(|argument| self.eval(argument)).collect();
                call.run(&arguments?)
            }
        }
    }
}

impl Call {
    pub(super) fn run<'c>(&self, arguments: &[Operand<'c>]) -> Result<Operand<'c>, Failure> {
        let fault = match (self.member, arguments.first()) {
            (Some(member), Some(Operand::Null)) => Fault::NullReference(member),
            _ => match (self.function)(arguments) {
                Ok(value) => return Ok(value),
                Err(fault) => fault,
            },
        };
        Err(Failure { fault, at: self.at })
    }
}
