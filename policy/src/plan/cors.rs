//! `cors` as a plan holds it.

use http::{HeaderName, Method};

use crate::setting::Setting;

/// `cors`: <https://learn.microsoft.com/azure/api-management/cors-policy>.
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
    /// Normalised as a browser sends them: lower case `scheme://host[:port]`, default port and
    /// trailing slash removed.
    List(Vec<String>),
}
