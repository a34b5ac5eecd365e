//! The compiled form of a policy document: what the gateway runs per request.
//!
//! A plan is made once, at load, from the documents of all scopes with every `<base/>` already replaced, every named
//! value filled in and every expression parsed. Running one is a single exhaustive `match` over [`Action`]; adding a
//! policy adds a variant and the compiler then names every place that has to handle it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Method};

use crate::diagnostic::Position;
use crate::setting::Setting;

/// The effective policy of one operation (or, for requests that match none, of the global scope).
#[derive(Debug, Default)]
pub struct Plan {
    /// Before the backend is called.
    pub inbound: Vec<Step>,
    /// Around the call of the backend. Empty of [`Action::ForwardRequest`] means: nothing is forwarded.
    pub backend: Vec<Step>,
    /// After the backend answered.
    pub outbound: Vec<Step>,
    /// After an error in any section.
    pub on_error: Vec<Step>,
    /// The `cors` policy that answers preflights and decorates every response: the first one that is a direct child
    /// of the effective `inbound`. The same policy also stands in `inbound` as a step.
    pub cors: Option<Arc<Cors>>,
}

/// One policy element at its place. `Debug` shows the place only: what a step does may hold secret named values.
pub struct Step {
    /// What to do.
    pub action: Action,
    /// Where it stands, for `context.LastError`, traces and logs.
    pub origin: Origin,
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Step").field("origin", &self.origin).finish_non_exhaustive()
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
    /// The nesting as APIM writes it, e.g. `choose[3]/when[2]`; the element's own name and ordinal included.
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
    /// `set-body` (inside `return-response`, and in `outbound`/`on-error` where it replaces the body)
    SetBody(Setting<String>),
    /// `set-variable`
    SetVariable(Box<SetVariable>),
    /// `set-backend-service`
    SetBackendService(Box<SetBackendService>),
    /// `rewrite-uri`
    RewriteUri(Box<RewriteUri>),
    /// `choose`
    Choose(Choose),
    /// `return-response`
    ReturnResponse(Box<ReturnResponse>),
    /// `forward-request`
    ForwardRequest(Box<ForwardRequest>),
}

/// `cors`, sections 3.3 and 5 of the APIM reference.
#[derive(Debug)]
pub struct Cors {
    /// `allow-credentials`, default false.
    pub allow_credentials: Setting<bool>,
    /// `terminate-unmatched-request`, default true.
    pub terminate_unmatched: Setting<bool>,
    /// `allowed-origins`.
    pub origins: CorsOrigins,
    /// `allowed-methods`; `None` means `*`. Absent in the document means GET and POST.
    pub methods: Option<Vec<Method>>,
    /// `preflight-result-max-age` in seconds; absent means no `Access-Control-Max-Age`.
    pub max_age: Option<Setting<u64>>,
    /// `allowed-headers`; `None` means `*`.
    pub headers: Option<Vec<HeaderName>>,
    /// `expose-headers`: `None` means `*`; an absent element is an empty list.
    pub expose: Option<Vec<HeaderName>>,
}

/// `allowed-origins`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigins {
    /// `*`
    Any,
    /// Normalised as a browser sends them: lower case `scheme://host[:port]`, default port and trailing slash removed.
    List(Vec<String>),
}

/// `validate-jwt`, sections 3.2 and 6 of the APIM reference.
#[derive(Debug)]
pub struct ValidateJwt {
    /// A number unique within the configuration: the caller keeps what it builds per element (key sources) under it.
    pub index: usize,
    /// Where the token comes from.
    pub source: TokenSource,
    /// `require-scheme`: looked at only for the `Authorization` header.
    pub require_scheme: Option<Setting<String>>,
    /// `failed-validation-httpcode`, default 401.
    pub failed_status: Setting<u16>,
    /// `failed-validation-error-message`; absent: depends on the failure.
    pub failed_message: Option<Setting<String>>,
    /// `require-expiration-time`, default true.
    pub require_expiration: Setting<bool>,
    /// `require-signed-tokens`, default true.
    pub require_signed: Setting<bool>,
    /// `clock-skew` in seconds, default 0.
    pub clock_skew: Setting<u64>,
    /// `output-token-variable-name`.
    pub output_variable: Option<Arc<str>>,
    /// `openid-config url`, in order.
    pub openid_configs: Vec<String>,
    /// `issuer-signing-keys`.
    pub keys: Vec<SigningKey>,
    /// `audiences`: any one matches; empty: not checked.
    pub audiences: Vec<Setting<String>>,
    /// `issuers`: any one matches, together with those of the discovery documents.
    pub issuers: Vec<Setting<String>>,
    /// `required-claims`: all must hold.
    pub required_claims: Vec<RequiredClaim>,
}

/// Where `validate-jwt` finds the token.
#[derive(Debug)]
pub enum TokenSource {
    /// `header-name`
    Header(Setting<String>),
    /// `query-parameter-name`
    QueryParameter(Setting<String>),
    /// `token-value`
    Value(Setting<String>),
}

/// `issuer-signing-keys/key`. Key bytes are secret: `Debug` shows none of them.
pub enum SigningKey {
    /// Base64 text: an HMAC secret.
    Symmetric {
        /// `id`, matched with `kid`.
        id: Option<String>,
        /// The decoded secret.
        secret: secrecy::SecretSlice<u8>,
    },
    /// `n` and `e`: an RSA public key, big-endian.
    Rsa {
        /// `id`, matched with `kid`.
        id: Option<String>,
        /// Modulus.
        n: Vec<u8>,
        /// Exponent.
        e: Vec<u8>,
    },
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, id) = match self {
            Self::Symmetric { id, .. } => ("Symmetric", id),
            Self::Rsa { id, .. } => ("Rsa", id),
        };
        f.debug_struct(kind).field("id", id).finish_non_exhaustive()
    }
}

/// `required-claims/claim`.
#[derive(Debug, Clone)]
pub struct RequiredClaim {
    /// `name`
    pub name: String,
    /// `match`: `true` for `all` (the default), `false` for `any`.
    pub all: bool,
    /// `separator`: splits a string claim into several values.
    pub separator: Option<String>,
    /// The values; empty: presence is enough.
    pub values: Vec<Setting<String>>,
}

/// `rate-limit-by-key`, sections 3.1 and 4 of the APIM reference.
#[derive(Debug)]
pub struct RateLimitByKey {
    /// The limit's name in metrics, logs and traces: the element's `id`, else `<scope>/rate-limit-by-key[n]`.
    pub name: Arc<str>,
    /// `calls`: at least 1.
    pub calls: Setting<u64>,
    /// `renewal-period` in seconds: 1 to 300 as a literal; an expression is held to the same bounds when it runs.
    pub renewal_period: Setting<u64>,
    /// `counter-key`. `None` from an expression (a null) counts as the empty string.
    pub counter_key: Setting<Option<String>>,
    /// `increment-condition`, default true. An expression defers the count to the end of `outbound`.
    pub increment_condition: Option<Setting<bool>>,
    /// `increment-count`, default 1. An expression defers the count to the end of `outbound`.
    pub increment_count: Option<Setting<u64>>,
    /// `increment-after-response`: defers as well.
    pub increment_after_response: bool,
    /// `retry-after-header-name`, default `Retry-After`.
    pub retry_after_header: HeaderName,
    /// `retry-after-variable-name`
    pub retry_after_variable: Option<Arc<str>>,
    /// `remaining-calls-header-name`: on admitted answers.
    pub remaining_header: Option<HeaderName>,
    /// `remaining-calls-variable-name`
    pub remaining_variable: Option<Arc<str>>,
    /// `total-calls-header-name`: on every answer.
    pub total_header: Option<HeaderName>,
}

impl RateLimitByKey {
    /// Whether the charge waits for the end of `outbound`: the check then only asks whether there is room.
    #[must_use]
    pub fn is_deferred(&self) -> bool {
        self.increment_after_response
            || self.increment_condition.as_ref().is_some_and(Setting::is_expression)
            || self.increment_count.as_ref().is_some_and(Setting::is_expression)
    }
}

/// `ip-filter`
#[derive(Debug)]
pub struct IpFilter {
    /// `action`: `allow` (only these) or `forbid`.
    pub action: Setting<String>,
    /// The addresses, ends included.
    pub ranges: Vec<AddressRange>,
}

/// `address` or `address-range`.
#[derive(Debug)]
pub enum AddressRange {
    /// One address, maybe computed.
    One(Setting<String>),
    /// `from`–`to`, both included and of one family.
    Range(IpAddr, IpAddr),
}

/// `check-header`
#[derive(Debug)]
pub struct CheckHeader {
    /// `name`
    pub name: Setting<String>,
    /// `failed-check-httpcode`
    pub failed_status: Setting<u16>,
    /// `failed-check-error-message`
    pub failed_message: Setting<String>,
    /// `ignore-case`, for values.
    pub ignore_case: Setting<bool>,
    /// Any one suffices; empty: presence is enough.
    pub values: Vec<Setting<String>>,
}

/// `set-header`
#[derive(Debug)]
pub struct SetHeader {
    /// `name`
    pub name: Setting<String>,
    /// `exists-action`, default `override`.
    pub exists_action: Setting<String>,
    /// The values, joined with `,` unless the header is one of those that need lines of their own.
    pub values: Vec<Setting<Option<String>>>,
}

/// `set-status`
#[derive(Debug)]
pub struct SetStatus {
    /// `code`
    pub code: Setting<u16>,
    /// `reason`
    pub reason: Option<Setting<String>>,
}

/// `set-variable`
#[derive(Debug)]
pub struct SetVariable {
    /// `name`
    pub name: Arc<str>,
    /// `value`: a literal is a string.
    pub value: Setting<crate::value::Value>,
}

/// `set-backend-service`
#[derive(Debug)]
pub enum SetBackendService {
    /// `base-url`
    BaseUrl(Setting<String>),
    /// `backend-id`, resolved at load if it is a literal.
    BackendId(Setting<String>),
}

/// `rewrite-uri`
#[derive(Debug)]
pub struct RewriteUri {
    /// `template`: path and query, with `{param}` from the operation's template.
    pub template: Setting<String>,
    /// `copy-unmatched-params`, default true.
    pub copy_unmatched: bool,
}

/// `choose`
#[derive(Debug)]
pub struct Choose {
    /// Tried in order; the first whose condition is true runs.
    pub whens: Vec<When>,
    /// Runs if no condition was true.
    pub otherwise: Vec<Step>,
}

/// `when`
#[derive(Debug)]
pub struct When {
    /// `condition`
    pub condition: Setting<bool>,
    /// The steps inside.
    pub steps: Vec<Step>,
}

/// `return-response`
#[derive(Debug)]
pub struct ReturnResponse {
    /// `set-status`; absent: 200.
    pub status: Option<SetStatus>,
    /// `set-header`, in order.
    pub headers: Vec<SetHeader>,
    /// `set-body`
    pub body: Option<Setting<Option<String>>>,
}

/// `forward-request`
#[derive(Debug)]
pub struct ForwardRequest {
    /// `timeout` or `timeout-ms`, until response headers; default 300 s.
    pub timeout: Setting<Duration>,
    /// `follow-redirects`: only the literal `false` is supported, anything else is refused at load.
    pub follow_redirects: bool,
    /// `fail-on-error-status-code`, default false: a backend status of 400–599 runs `on-error`.
    pub fail_on_error_status: bool,
}
