//! What a policy expression can see of a request in flight: `context` in the policy language.
//!
//! Plain data, owned by the caller (the gateway), read by expressions and changed by the steps of a
//! plan. It uses the `http` crate's types so that nothing is converted per request; there is no I/O
//! and no clock in here. Members are those of
//! <https://learn.microsoft.com/azure/api-management/api-management-policy-expressions>.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, Method, StatusCode, Uri};
use uuid::Uuid;

use crate::value::{Jwt, Value};

/// `context`: the state of one request while its plan runs.
#[derive(Debug)]
pub struct Context {
    /// `context.Request`.
    pub request: Request,
    /// `context.Response`: absent until the backend answered or an error is pending.
    pub response: Option<Response>,
    /// `context.Variables`.
    pub variables: Variables,
    /// `context.LastError`: present in `on-error`.
    pub last_error: Option<LastError>,
    /// `context.Api`.
    pub api: Arc<ApiInfo>,
    /// `context.Operation`.
    pub operation: Arc<OperationInfo>,
    /// `context.Deployment`.
    pub deployment: Arc<Deployment>,
    /// `context.RequestId`.
    pub request_id: Uuid,
    /// `context.Timestamp`: when the request was received.
    pub timestamp: SystemTime,
    /// The token that `validate-jwt` found good last: `AsJwt()` of the same text need not read it
    /// again.
    pub verified_token: Option<VerifiedToken>,
}

/// A token that was verified in this request. `Debug` shows nothing of it.
pub struct VerifiedToken {
    /// The token, without scheme.
    pub text: Box<str>,
    /// What it says.
    pub jwt: Arc<Jwt>,
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken").finish_non_exhaustive()
    }
}

/// `context.Request`.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The client's address, after trusted proxies were taken into account.
    pub ip: IpAddr,
    /// The headers; steps of `inbound` change them.
    pub headers: HeaderMap,
    /// `Url`: absolute, as it will be sent to the backend.
    pub url: Uri,
    /// `OriginalUrl`: absolute, as it was received.
    pub original_url: Uri,
    /// `MatchedParameters`: template parameter name → decoded value.
    pub matched_parameters: Vec<(Arc<str>, String)>,
    /// `Certificate`: what the client has shown and the listener found good.
    pub certificate: Option<Arc<Certificate>>,
}

/// A client's certificate, `X509Certificate2` in expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// `Subject`, e.g. `CN=gateway, O=Example`.
    pub subject: Arc<str>,
    /// `Issuer`, likewise.
    pub issuer: Arc<str>,
    /// `SerialNumber`, in upper-case hexadecimal digits.
    pub serial_number: Arc<str>,
    /// `Thumbprint`: the SHA-1 of its DER in upper-case hexadecimal digits.
    pub thumbprint: Arc<str>,
    /// `NotBefore`.
    pub not_before: SystemTime,
    /// `NotAfter`.
    pub not_after: SystemTime,
}

/// `context.Response`.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// `StatusReason`; `None` means the standard phrase.
    pub reason: Option<Arc<str>>,
    /// The headers; steps of `outbound` and `on-error` change them.
    pub headers: HeaderMap,
}

/// `context.LastError`: <https://learn.microsoft.com/azure/api-management/api-management-error-handling-policies>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// The policy or built-in step that failed, e.g. `validate-jwt`.
    pub source: Arc<str>,
    /// The machine-readable code, e.g. `TokenExpired`.
    pub reason: Option<Arc<str>>,
    /// The text for people.
    pub message: Arc<str>,
    /// `global`, `api` or `operation`.
    pub scope: Option<Arc<str>>,
    /// `inbound`, `backend`, `outbound` or `on-error`.
    pub section: Option<Arc<str>>,
    /// The nesting, e.g. `choose[3]/when[2]`.
    pub path: Option<Arc<str>>,
    /// The `id` attribute of the policy element.
    pub policy_id: Option<Arc<str>>,
}

/// `context.Api`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiInfo {
    /// The resource id: the folder's name.
    pub id: Arc<str>,
    /// `displayName`.
    pub name: Arc<str>,
    /// The URL suffix under which the API is served, without slashes at its ends; may be empty.
    pub path: Arc<str>,
    /// `apiRevision`.
    pub revision: Option<Arc<str>>,
    /// `apiVersion`.
    pub version: Option<Arc<str>>,
    /// The base URL of the backend.
    pub service_url: Option<Arc<str>>,
}

/// `context.Operation`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationInfo {
    /// The normalised operation id.
    pub id: Arc<str>,
    /// The method, upper case.
    pub method: Arc<str>,
    /// The display name.
    pub name: Arc<str>,
    /// The URL template, e.g. `/hello/{name}`.
    pub url_template: Arc<str>,
}

/// `context.Deployment`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployment {
    /// `GatewayId`.
    pub gateway_id: Arc<str>,
    /// `Region`.
    pub region: Arc<str>,
    /// `ServiceName`.
    pub service_name: Arc<str>,
}

/// `context.Variables`: few per request, so a list searched in order beats a hash map.
#[derive(Debug, Default)]
pub struct Variables(Vec<(Arc<str>, Value)>);

impl Variables {
    /// The value of `name`, if it was set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(n, _)| &**n == name).map(|(_, v)| v)
    }

    /// Sets `name`, replacing an earlier value.
    pub fn set(&mut self, name: &Arc<str>, value: Value) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, slot)) => *slot = value,
            None => self.0.push((Arc::clone(name), value)),
        }
    }
}
