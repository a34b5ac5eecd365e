//! What a gateway can be told.

use ipnet::IpNet;
use weir_policy::Configuration;

use crate::limits::{ClientLimits, UpstreamLimits};
use crate::live::LiveKeys;
use crate::openapi::{PublicUrl, RequestPath};
use crate::reload::Reload;
use crate::upstream::tls::BackendTls;

/// Everything [`crate::run()`] needs besides its sockets.
#[derive(Debug)]
pub struct Config {
    /// The loaded APIs and policies, from [`crate::load`].
    pub configuration: Configuration,
    /// Where the limiter is and what holds while it does not answer.
    pub limiter: weir_limiter::ClientConfig,
    /// How OpenID providers are read.
    pub providers: weir_token::ProvidersConfig,
    /// Peers that may say who the client is.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether those peers begin each connection with a PROXY protocol header (version 1 or 2).
    /// They must then, and the address they announce takes the place of theirs: what it may say in
    /// `X-Forwarded-For` depends on whether it is trusted itself.
    pub proxy_protocol: bool,
    /// What a client may do to a connection.
    pub clients: ClientLimits,
    /// How backends are called.
    pub upstream: UpstreamLimits,
    /// What TLS to backends needs.
    pub backend_tls: BackendTls,
    /// Where the OpenAPI document of all APIs is served, `/openapi.json` by default; `None`:
    /// nowhere. An operation with that path goes before it.
    pub openapi_path: Option<RequestPath>,
    /// The URL that clients reach the gateway at, for that document. `None`: as each request says
    /// (`Host`, and what trusted proxies say in `X-Forwarded-Host` and `X-Forwarded-Proto`).
    pub public_url: Option<PublicUrl>,
    /// How the live page shows the keys that are refused most.
    pub live_keys: LiveKeys,
    /// How the configuration is read again while the gateway runs; `None`: never.
    pub reload: Option<Reload>,
}

impl Config {
    /// A gateway for `configuration` with every limit at its default and no trusted proxy.
    #[must_use]
    pub fn new(configuration: Configuration, limiter: weir_limiter::ClientConfig) -> Self {
        Self {
            configuration,
            limiter,
            providers: weir_token::ProvidersConfig::default(),
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            clients: ClientLimits::default(),
            upstream: UpstreamLimits::default(),
            backend_tls: BackendTls::default(),
            openapi_path: Some(RequestPath::of_openapi()),
            public_url: None,
            live_keys: LiveKeys::default(),
            reload: None,
        }
    }
}
