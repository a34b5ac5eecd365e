//! What checks and changes a request, as a plan holds it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Step;
use crate::setting::Setting;

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

/// `authentication-certificate`: the certificate to show to a backend that asks for one.
#[derive(Debug)]
pub enum AuthenticationCertificate {
    /// `thumbprint`
    Thumbprint(Setting<String>),
    /// `certificate-id`
    Id(Setting<String>),
}

/// What a certificate of the gateway is called by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateName {
    /// The SHA-1 of the certificate in hexadecimal digits; case, colons and spaces do not matter.
    Thumbprint(String),
    /// Its name.
    Id(String),
}

impl std::fmt::Display for CertificateName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Thumbprint(text) => write!(f, "with the thumbprint `{text}`"),
            Self::Id(id) => write!(f, "`{id}`"),
        }
    }
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
    /// `http-version="1"`: HTTP/2 is not even offered to a backend. Otherwise a backend with TLS
    /// chooses.
    pub only_http1: bool,
    /// `fail-on-error-status-code`, default false: a backend status of 400–599 runs `on-error`.
    pub fail_on_error_status: bool,
}
