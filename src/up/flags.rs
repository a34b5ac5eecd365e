//! The flags of `weir up`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use secrecy::SecretString;

use crate::backend_tls::BackendTlsArgs;
use crate::development::address;
use crate::named_values::NamedValueArgs;
use crate::roles::{duration, jwks_interval};

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir up
  weir up --watch
  weir up --redis redis://127.0.0.1:6379
  weir up --config ./apim --gateway-listen 127.0.0.1:9000";

/// The flags of `weir up`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The configuration folder: policy.xml, apis/, backends/, named values/
    #[arg(
        long,
        value_name = "DIR",
        env = "WEIR_UP_CONFIG",
        default_value = "config"
    )]
    pub(crate) config: PathBuf,
    /// Keep the counters in this Redis instead of memory
    #[arg(
        long,
        value_name = "URL",
        env = "WEIR_UP_REDIS",
        hide_env_values = true
    )]
    pub(crate) redis: Option<SecretString>,
    /// How long the gateway waits for the limiter before it enforces the limits alone, e.g. 250ms
    #[arg(long, value_name = "DURATION", env = "WEIR_UP_LIMITER_TIMEOUT", default_value = "250ms", value_parser = duration)]
    pub(crate) limiter_timeout: Duration,
    /// How long the limiter waits for Redis before it counts in memory, e.g. 100ms
    #[arg(long, value_name = "DURATION", env = "WEIR_UP_STORE_TIMEOUT", default_value = "100ms", value_parser = duration)]
    pub(crate) store_timeout: Duration,
    /// How often the keys of OpenID providers are fetched again, and so how long a withdrawn key is
    /// believed, e.g. 10m
    #[arg(long, value_name = "DURATION", env = "WEIR_UP_JWKS_REFRESH", default_value = "60m", value_parser = jwks_interval)]
    pub(crate) jwks_refresh: Duration,
    /// How often tokens of an unknown key may have a provider asked for its keys, at most, e.g. 1m
    #[arg(long, value_name = "DURATION", env = "WEIR_UP_JWKS_UNKNOWN_KID", default_value = "5m", value_parser = jwks_interval)]
    pub(crate) jwks_unknown_kid: Duration,
    /// The origin of the single-page app that may call the gateway and sign in; default:
    /// http://localhost and the port of --web-listen
    #[arg(long, value_name = "ORIGIN", env = "WEIR_UP_SPA_ORIGIN")]
    pub(crate) spa_origin: Option<String>,
    /// Read the gateway's configuration again when a file of it changes, as on SIGHUP
    #[arg(long, env = "WEIR_UP_WATCH")]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) named_values: NamedValueArgs,
    #[command(flatten)]
    pub(crate) backend_tls: BackendTlsArgs,

    /// Where the gateway serves the APIs
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_UP_GATEWAY_LISTEN", default_value = address::GATEWAY)]
    pub(crate) gateway_listen: SocketAddr,
    /// The gateway's /healthz, /readyz, /metrics and the page /live
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_UP_GATEWAY_OPS_LISTEN", default_value = address::GATEWAY_OPS)]
    pub(crate) gateway_ops_listen: SocketAddr,
    /// Where the limiter serves gRPC
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_UP_LIMITER_LISTEN", default_value = address::LIMITER)]
    pub(crate) limiter_listen: SocketAddr,
    /// The limiter's /healthz, /readyz and /metrics
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_UP_LIMITER_OPS_LISTEN", default_value = address::LIMITER_OPS)]
    pub(crate) limiter_ops_listen: SocketAddr,
    /// Where the backend serves its functions
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_UP_BACKEND_LISTEN", default_value = address::BACKEND)]
    pub(crate) backend_listen: SocketAddr,
    /// The backend's /healthz, /readyz and /metrics
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_UP_BACKEND_OPS_LISTEN", default_value = address::BACKEND_OPS)]
    pub(crate) backend_ops_listen: SocketAddr,
    /// Where the identity serves sign-in and tokens
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_UP_IDENTITY_LISTEN", default_value = address::IDENTITY)]
    pub(crate) identity_listen: SocketAddr,
    /// The identity's /healthz, /readyz and /metrics
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_UP_IDENTITY_OPS_LISTEN", default_value = address::IDENTITY_OPS)]
    pub(crate) identity_ops_listen: SocketAddr,
    /// Where the browser app is served
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_UP_WEB_LISTEN", default_value = address::WEB)]
    pub(crate) web_listen: SocketAddr,
    /// The browser app's /healthz, /readyz and /metrics
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_UP_WEB_OPS_LISTEN", default_value = address::WEB_OPS)]
    pub(crate) web_ops_listen: SocketAddr,
}
