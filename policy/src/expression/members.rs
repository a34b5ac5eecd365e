//! The members of every type: tables that are searched at load and never again.
//!
//! Adding a member is adding a line to a table. The function gets the receiver as its first
//! argument; what the static types promise holds, except that any argument whose type has null may
//! be null.

mod certificate;
mod context;
mod list;
mod map;
mod statics;
mod string;
mod string_index;
mod text_format;
mod token;
mod url;

use super::fault::Fault;
use super::node::Function;
use super::operand::Operand;
use super::operators::are_equal;
use super::types::Type;

pub(super) use map::variable;
pub(super) use statics::{Static, named as static_type, names as static_names};
pub(super) use text_format::check as check_format;
pub(super) use url::text as url_text;

/// What a member's function yields.
type Answer<'c> = Result<Operand<'c>, Fault>;

/// A property, or a constant of a type.
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) ty: Type,
    pub(super) get: Function,
}

/// One overload of a method.
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [Type],
    /// The type of any number of further arguments: `params`.
    pub(super) rest: Option<Type>,
    pub(super) ty: Type,
    pub(super) call: Function,
    /// An extension method: the receiver may be null.
    pub(super) accepts_null: bool,
    /// The same arguments always give the same value.
    pub(super) is_pure: bool,
    /// `context` is passed behind the arguments.
    pub(super) takes_context: bool,
}

/// `x[…]`
pub(super) struct Indexer {
    pub(super) parameter: Type,
    pub(super) ty: Type,
    pub(super) get: Function,
}

const fn property(name: &'static str, ty: Type, get: Function) -> Property {
    Property { name, ty, get }
}

const fn method(
    name: &'static str,
    parameters: &'static [Type],
    ty: Type,
    call: Function,
) -> Method {
    Method {
        name,
        parameters,
        rest: None,
        ty,
        call,
        accepts_null: false,
        is_pure: true,
        takes_context: false,
    }
}

const fn extension(name: &'static str, ty: Type, call: Function) -> Method {
    Method {
        accepts_null: true,
        ..method(name, &[], ty, call)
    }
}

/// The properties of a type.
pub(super) fn properties(ty: Type) -> &'static [Property] {
    match ty {
        Type::Context => context::CONTEXT,
        Type::Request => context::REQUEST,
        Type::Response => context::RESPONSE,
        Type::Api => context::API,
        Type::Operation => context::OPERATION,
        Type::Deployment => context::DEPLOYMENT,
        Type::LastError => context::LAST_ERROR,
        Type::Certificate => certificate::PROPERTIES,
        Type::DistinguishedName => certificate::NAME,
        Type::Product => context::PRODUCT,
        Type::Subscription => context::SUBSCRIPTION,
        Type::User => context::USER,
        Type::Url => url::PROPERTIES,
        Type::Jwt => token::JWT,
        Type::Basic => token::BASIC,
        Type::String => string::PROPERTIES,
        Type::Strings => list::PROPERTIES,
        Type::Time => token::TIME,
        _ => &[],
    }
}

/// The methods of a type, those every type has left out.
pub(super) fn methods(ty: Type) -> &'static [Method] {
    match ty {
        Type::String => string::METHODS,
        Type::Strings => list::METHODS,
        Type::Multimap => map::MULTIMAP,
        Type::Parameters => map::PARAMETERS,
        Type::Variables => map::VARIABLES,
        Type::Time => token::TIME_METHODS,
        Type::Certificate => certificate::METHODS,
        _ => &[],
    }
}

/// The indexer of a type.
pub(super) fn indexer(ty: Type) -> Option<&'static Indexer> {
    match ty {
        Type::String => Some(&string::INDEXER),
        Type::Strings => Some(&list::INDEXER),
        Type::Multimap => Some(&map::MULTIMAP_INDEXER),
        Type::Parameters => Some(&map::PARAMETERS_INDEXER),
        Type::Variables => Some(&map::VARIABLES_INDEXER),
        _ => None,
    }
}

/// The methods of everything that can be written as text.
pub(super) static UNIVERSAL: &[Method] = &[
    method("ToString", &[], Type::String, |a| match &a[0] {
        text @ Operand::Text(_) => Ok(text.clone()),
        other => Operand::made(other.text().into_owned()),
    }),
    method("Equals", &[Type::Object], Type::Bool, |a| {
        Ok(Operand::Bool(are_equal(&a[0], &a[1])))
    }),
];

/// Members that exist in API Management and not here, with what to do instead.
pub(super) fn missing(ty: Type, name: &str) -> Option<&'static str> {
    Some(match (ty, name) {
        (Type::Request | Type::Response, "Body") => {
            "bodies cannot be read: they are streamed, never held in memory"
        }
        (Type::Context, "Elapsed") => "use context.Timestamp",
        (Type::Context, "Trace" | "Tracing") => "tracing is not part of expressions here",
        (
            Type::Strings,
            "Select" | "Where" | "OrderBy" | "ToList" | "ToArray" | "SingleOrDefault" | "All",
        ) => {
            "LINQ is available without lambdas: First, FirstOrDefault, Last, LastOrDefault, Count, Any, Contains"
        }
        (Type::Multimap | Type::Variables | Type::Parameters, "TryGetValue") => {
            "`out` arguments are not supported: use ContainsKey or GetValueOrDefault"
        }
        _ => return None,
    })
}
