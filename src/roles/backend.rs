//! `weir backend`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;
use weir_backend::Config;

use crate::development::{self, address};
use crate::error::Error;
use crate::listen::{Address, announce, bind_all};
use crate::reload;
use crate::roles::tls::{Flags, https_args, tls_args};
use crate::roles::{jwks, jwks_interval, network};
use crate::secret_file;

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir backend
  weir backend --listen 0.0.0.0:7071 --function-key-file /run/secrets/function-key \\
      --openid-config https://login.example.com/.well-known/openid-configuration \\
      --audience 11111111-2222-3333-4444-555555555555 --allow 10.0.3.0/24";

/// Where TLS is served beside --listen.
const TLS_PORT: u16 = 7443;

tls_args!(TlsArgs, "BACKEND");
https_args!(HttpsArgs, "BACKEND");

/// The flags of `weir backend`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Where to serve the functions
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_BACKEND_LISTEN", default_value = address::BACKEND)]
    listen: SocketAddr,
    /// Where to serve /healthz, /readyz and /metrics
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_BACKEND_OPS_LISTEN", default_value = address::BACKEND_OPS)]
    ops_listen: SocketAddr,
    /// A file with the function key; without it the development key is used, on loopback only
    #[arg(long, value_name = "FILE", env = "WEIR_BACKEND_FUNCTION_KEY_FILE")]
    function_key_file: Option<PathBuf>,
    /// The OpenID discovery document of the provider whose tokens are accepted
    #[arg(long, value_name = "URL", env = "WEIR_BACKEND_OPENID_CONFIG", default_value_t = development::openid_config("http://localhost:8090"))]
    openid_config: String,
    /// How often the keys of OpenID providers are fetched again, and so how long a withdrawn key is
    /// believed, e.g. 10m
    #[arg(long, value_name = "DURATION", env = "WEIR_BACKEND_JWKS_REFRESH", default_value = "60m", value_parser = jwks_interval)]
    jwks_refresh: Duration,
    /// How often tokens of an unknown key may have a provider asked for its keys, at most, e.g. 1m
    #[arg(long, value_name = "DURATION", env = "WEIR_BACKEND_JWKS_UNKNOWN_KID", default_value = "5m", value_parser = jwks_interval)]
    jwks_unknown_kid: Duration,
    /// The audience a token must have: this API's client id
    #[arg(long, value_name = "ID", env = "WEIR_BACKEND_AUDIENCE", default_value = development::AUDIENCE)]
    audience: String,
    /// Addresses and networks that may connect; all others get 403
    #[arg(long, value_name = "CIDR,…", env = "WEIR_BACKEND_ALLOW", value_delimiter = ',', value_parser = network, default_value = "127.0.0.0/8,::1/128")]
    allow: Vec<IpNet>,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    https: HttpsArgs,
}

/// Runs the role until `shutdown`.
pub(crate) async fn run(args: Args, shutdown: CancellationToken) -> Result<(), Error> {
    // On SIGHUP the provider is asked for its keys at once.
    let refresh_keys = Some(reload::requests(None, &shutdown));
    let mut config = Config {
        openid_config: args.openid_config,
        providers: jwks(args.jwks_refresh, args.jwks_unknown_kid),
        refresh_keys,
        audiences: vec![args.audience],
        allow: args.allow,
        ..Config::default()
    };
    if let Some(path) = &args.function_key_file {
        config.function_keys = vec![secret_file::read(path)?];
    }
    let tls = Flags::from(args.tls);
    development::guard(
        "backend",
        tls.outermost(args.listen, TLS_PORT),
        &config.development_secrets(),
        "--function-key-file FILE",
    )?;
    let secure = tls.load(
        args.listen,
        TLS_PORT,
        weir_serve::TlsConfig::http_protocols(),
        &shutdown,
    )?;
    let secure = secure.map(|secure| args.https.apply(secure));
    let listeners = bind_all(
        Address {
            at: args.listen,
            flag: "--listen",
        },
        secure,
        Address {
            at: args.ops_listen,
            flag: "--ops-listen",
        },
    )?;
    announce("backend", "http", &listeners);
    Ok(weir_backend::run(config, listeners, shutdown).await?)
}
