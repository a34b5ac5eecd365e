//! The static types of expressions.

/// A type. Types of C# that behave alike here are one: `int` and `long`, `DateTime` and
/// `DateTimeOffset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// The type of `null`.
    Null,
    Object,
    Bool,
    Int,
    Float,
    Char,
    String,
    Guid,
    Time,
    Strings,
    Jwt,
    Basic,
    Comparison,
    /// Headers, query parameters, claims: name to values.
    Multimap,
    /// `MatchedParameters`: name to value.
    Parameters,
    Variables,
    Context,
    Request,
    Response,
    Url,
    Api,
    Operation,
    Deployment,
    LastError,
    Certificate,
    /// `SubjectName` and `IssuerName` of a certificate.
    DistinguishedName,
    /// Products, subscriptions and users do not exist yet: always null.
    Product,
    Subscription,
    User,
}

impl Type {
    /// The name in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Object => "object",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "double",
            Self::Char => "char",
            Self::String => "string",
            Self::Guid => "Guid",
            Self::Time => "DateTime",
            Self::Strings => "string[]",
            Self::Jwt => "Jwt",
            Self::Basic => "BasicAuthCredentials",
            Self::Comparison => "StringComparison",
            Self::Multimap => "IReadOnlyDictionary<string, string[]>",
            Self::Parameters => "IReadOnlyDictionary<string, string>",
            Self::Variables => "context.Variables",
            Self::Context => "context",
            Self::Request => "context.Request",
            Self::Response => "context.Response",
            Self::Url => "IUrl",
            Self::Api => "context.Api",
            Self::Operation => "context.Operation",
            Self::Deployment => "context.Deployment",
            Self::LastError => "context.LastError",
            Self::Certificate => "X509Certificate2",
            Self::DistinguishedName => "X500DistinguishedName",
            Self::Product => "context.Product",
            Self::Subscription => "context.Subscription",
            Self::User => "context.User",
        }
    }

    /// The type a name in a cast, a declaration or `< >` stands for. A `?` for "or null" changes
    /// nothing here: null is found out when the expression runs.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.strip_suffix('?').unwrap_or(name);
        let name = name.strip_prefix("System.").unwrap_or(name);
        Some(match name {
            "object" | "Object" => Self::Object,
            "bool" | "Boolean" => Self::Bool,
            "int" | "Int32" | "long" | "Int64" => Self::Int,
            "double" | "Double" => Self::Float,
            "char" | "Char" => Self::Char,
            "string" | "String" => Self::String,
            "Guid" => Self::Guid,
            "DateTime" | "DateTimeOffset" => Self::Time,
            "string[]" | "String[]" | "IEnumerable<string>" => Self::Strings,
            "Jwt" => Self::Jwt,
            "BasicAuthCredentials" => Self::Basic,
            "StringComparison" => Self::Comparison,
            "IUrl" => Self::Url,
            _ => return None,
        })
    }

    /// Whether the type is a struct of C#: no null among its values, except after `?.`.
    pub(super) fn is_struct(self) -> bool {
        matches!(
            self,
            Self::Bool
                | Self::Int
                | Self::Float
                | Self::Char
                | Self::Guid
                | Self::Time
                | Self::Comparison
        )
    }

    /// Whether a value can be written as text, and so concatenated.
    pub(super) fn has_text(self) -> bool {
        matches!(
            self,
            Self::Null
                | Self::Object
                | Self::Bool
                | Self::Int
                | Self::Float
                | Self::Char
                | Self::String
                | Self::Guid
                | Self::Time
                | Self::Url
        )
    }

    /// Whether an expression may yield it.
    pub(super) fn is_result(self) -> bool {
        self.has_text() || matches!(self, Self::Strings | Self::Jwt)
    }

    /// How much is lost in the implicit conversion to `target`: 0 for nothing, `None` if there is
    /// none.
    pub(super) fn converts_to(self, target: Self) -> Option<u32> {
        match (self, target) {
            _ if self == target => Some(0),
            (Self::Null, _) if !target.is_struct() => Some(1),
            (Self::Int, Self::Float) => Some(1),
            (Self::Char, Self::Int) => Some(1),
            (Self::Char, Self::Float) => Some(2),
            (_, Self::Object) => Some(3),
            _ => None,
        }
    }

    /// The type of a value that is of one of two types: of the branches of `? :`, the sides of
    /// `??`.
    pub(super) fn unify(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Null, known) | (known, Self::Null) => Some(known),
            _ if self.converts_to(other).is_some() => Some(other),
            _ if other.converts_to(self).is_some() => Some(self),
            _ => None,
        }
    }
}

/// The types a program may name, for messages.
pub(super) const NAMED: &str = "string, int, long, bool, double, char, object, string[], Guid, DateTime, \
     DateTimeOffset, Jwt, BasicAuthCredentials, IUrl";
