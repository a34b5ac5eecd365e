//! The compiled form of a policy document: what the gateway runs per request.
//!
//! A plan is made once, at load, from the documents of all scopes with every `<base/>` already
//! replaced, every named value filled in and every expression parsed. Running one is a single
//! exhaustive `match` over [`Action`]; adding a policy adds a variant and the compiler then names
//! every place that has to handle it.

mod cors;
mod rate_limit_by_key;
mod request;
mod validate_jwt;

use std::sync::Arc;

use crate::diagnostic::Position;
use crate::setting::Setting;

pub use cors::{Cors, CorsOrigins};
pub use rate_limit_by_key::RateLimitByKey;
pub use request::*;
pub use validate_jwt::{KeyMaterial, RequiredClaim, SigningKey, TokenSource, ValidateJwt};

/// The effective policy of one operation (or, for requests that match none, of the global scope).
#[derive(Debug, Default)]
pub struct Plan {
    /// Before the backend is called.
    pub inbound: Vec<Step>,
    /// Around the call of the backend. Empty of [`Action::ForwardRequest`] means: nothing is
    /// forwarded.
    pub backend: Vec<Step>,
    /// After the backend answered.
    pub outbound: Vec<Step>,
    /// After an error in any section.
    pub on_error: Vec<Step>,
    /// The `cors` policy that answers preflights and decorates every response: the first one that
    /// is a direct child of the effective `inbound`. The same policy also stands in `inbound` as a
    /// step.
    pub cors: Option<Arc<Cors>>,
}

/// One policy element at its place. `Debug` shows the place only: what a step does may hold secret
/// named values.
pub struct Step {
    /// What to do.
    pub action: Action,
    /// Where it stands, for `context.LastError`, traces and logs.
    pub origin: Origin,
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Step")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// Where a step stands.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The element's name, e.g. `rate-limit-by-key`.
    pub policy: &'static str,
    /// `global`, `api` or `operation`.
    pub scope: Scope,
    /// The section of the document.
    pub section: Section,
    /// The nesting as APIM writes it, e.g. `choose[3]/when[2]`; the element's own name and ordinal
    /// included.
    pub path: Arc<str>,
    /// The element's `id`.
    pub id: Option<Arc<str>>,
    /// The file, relative to the configuration's root.
    pub file: Arc<str>,
    /// The element's place in the file.
    pub position: Position,
}

/// The scope a document belongs to, from broad to narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// All APIs.
    Global,
    /// One API.
    Api,
    /// One operation.
    Operation,
}

impl Scope {
    /// The name used in `context.LastError.Scope`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Api => "api",
            Self::Operation => "operation",
        }
    }
}

/// A section of a policy document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// `<inbound>`
    Inbound,
    /// `<backend>`
    Backend,
    /// `<outbound>`
    Outbound,
    /// `<on-error>`
    OnError,
}

impl Section {
    /// The element's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Backend => "backend",
            Self::Outbound => "outbound",
            Self::OnError => "on-error",
        }
    }
}

/// What a step does. One variant per supported policy.
#[derive(Debug)]
pub enum Action {
    /// `cors`
    Cors(Arc<Cors>),
    /// `validate-jwt`
    ValidateJwt(Box<ValidateJwt>),
    /// `rate-limit-by-key`
    RateLimitByKey(Box<RateLimitByKey>),
    /// `ip-filter`
    IpFilter(Box<IpFilter>),
    /// `check-header`
    CheckHeader(Box<CheckHeader>),
    /// `set-header`
    SetHeader(Box<SetHeader>),
    /// `set-status`
    SetStatus(Box<SetStatus>),
    /// `set-body` (inside `return-response`, and in `outbound`/`on-error` where it replaces the
    /// body)
    SetBody(Setting<String>),
    /// `set-variable`
    SetVariable(Box<SetVariable>),
    /// `set-backend-service`
    SetBackendService(Box<SetBackendService>),
    /// `authentication-certificate`
    AuthenticationCertificate(Box<AuthenticationCertificate>),
    /// `rewrite-uri`
    RewriteUri(Box<RewriteUri>),
    /// `choose`
    Choose(Choose),
    /// `return-response`
    ReturnResponse(Box<ReturnResponse>),
    /// `forward-request`
    ForwardRequest(Box<ForwardRequest>),
}
