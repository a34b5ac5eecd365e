//! `weir gateway`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use weir_gateway::{BackendTls, Config, LiveKeys, PublicUrl, Reload, ReloadError};
use weir_limiter::{ClientConfig, FailureMode};
use weir_policy::Configuration;
use weir_policy::artifacts::NamedValueOverrides;

use crate::backend_tls::BackendTlsArgs;
use crate::development::{self, FUNCTION_KEY, FUNCTION_KEY_NAME, address};
use crate::error::Error;
use crate::listen::{Address, announce, bind_all};
use crate::named_values::NamedValueArgs;
use crate::reload;
use crate::roles::tls::{Flags, https_args, tls_args};
use crate::roles::{duration, jwks, jwks_interval, network};

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir gateway
  weir gateway --listen 0.0.0.0:8080 --config ./apim --trusted-proxies 10.0.1.0/24 --proxy-protocol \\
      --limiter http://limiter-1:8081,http://limiter-2:8081 \\
      --named-value-file function-key=/run/secrets/function-key";

/// Where TLS is served beside --listen.
const TLS_PORT: u16 = 8443;

tls_args!(TlsArgs, "GATEWAY");
https_args!(HttpsArgs, "GATEWAY");

/// The flags of `weir gateway`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Where to serve the APIs
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_GATEWAY_LISTEN", default_value = address::GATEWAY)]
    listen: SocketAddr,
    /// Where to serve /healthz, /readyz, /metrics and the page /live
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_GATEWAY_OPS_LISTEN", default_value = address::GATEWAY_OPS)]
    ops_listen: SocketAddr,
    /// The configuration folder: policy.xml, apis/, backends/, named values/
    #[arg(
        long,
        value_name = "DIR",
        env = "WEIR_GATEWAY_CONFIG",
        default_value = "config"
    )]
    config: PathBuf,
    /// The limiters; a name stands for all its addresses
    #[arg(
        long,
        value_name = "URL,…",
        env = "WEIR_GATEWAY_LIMITER",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:8081"
    )]
    limiter: Vec<String>,
    /// While no limiter answers: `local` enforces the limits in this replica's memory, `allow`
    /// admits, `deny` refuses
    #[arg(
        long,
        value_name = "local|allow|deny",
        env = "WEIR_GATEWAY_ON_LIMITER_FAILURE",
        default_value = "local"
    )]
    on_limiter_failure: FailureMode,
    /// How long asking the limiters may take before that holds, e.g. 250ms
    #[arg(long, value_name = "DURATION", env = "WEIR_GATEWAY_LIMITER_TIMEOUT", default_value = "250ms", value_parser = duration)]
    limiter_timeout: Duration,
    /// How often the keys of OpenID providers are fetched again, and so how long a withdrawn key is
    /// believed, e.g. 10m
    #[arg(long, value_name = "DURATION", env = "WEIR_GATEWAY_JWKS_REFRESH", default_value = "60m", value_parser = jwks_interval)]
    jwks_refresh: Duration,
    /// How often tokens of an unknown key may have a provider asked for its keys, at most, e.g. 1m
    #[arg(long, value_name = "DURATION", env = "WEIR_GATEWAY_JWKS_UNKNOWN_KID", default_value = "5m", value_parser = jwks_interval)]
    jwks_unknown_kid: Duration,
    /// Load balancers whose X-Forwarded-For is believed
    #[arg(long, value_name = "CIDR,…", env = "WEIR_GATEWAY_TRUSTED_PROXIES", value_delimiter = ',', value_parser = network)]
    trusted_proxies: Vec<IpNet>,
    /// The trusted proxies begin each connection with a PROXY protocol header, version 1 or 2; no
    /// other peer may
    #[arg(
        long,
        env = "WEIR_GATEWAY_PROXY_PROTOCOL",
        requires = "trusted_proxies"
    )]
    proxy_protocol: bool,
    /// The URL clients reach this gateway at, for the OpenAPI document; default: what each request
    /// says
    #[arg(long, value_name = "URL", env = "WEIR_GATEWAY_PUBLIC_URL")]
    public_url: Option<PublicUrl>,
    /// Do not serve /openapi.json
    #[arg(long, env = "WEIR_GATEWAY_NO_OPENAPI")]
    no_openapi: bool,
    /// How /live on the operations port shows refused keys: `hashed` as codes, `plain` as they are
    #[arg(
        long,
        value_name = "hashed|plain",
        env = "WEIR_GATEWAY_LIVE_KEYS",
        default_value_t
    )]
    live_keys: LiveKeys,
    /// Read the configuration again, and ask for keys, when a file of it changes, as on SIGHUP
    #[arg(long, env = "WEIR_GATEWAY_WATCH")]
    watch: bool,
    #[command(flatten)]
    named_values: NamedValueArgs,
    #[command(flatten)]
    backend_tls: BackendTlsArgs,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    https: HttpsArgs,
}

/// Runs the role until `shutdown`.
pub(crate) async fn run(args: Args, shutdown: CancellationToken) -> Result<(), Error> {
    let watched = args
        .watch
        .then(|| watched(&args.config, &args.named_values, &args.backend_tls));
    let requests = reload::requests(watched, &shutdown);
    let tls = Flags::from(args.tls);
    let listen = tls.outermost(args.listen, TLS_PORT);
    let (directory, named_values) = (args.config, args.named_values);
    let backend_tls = args.backend_tls.files();
    let files = backend_tls.clone();
    let load = move || load(&directory, &named_values, &files, listen);
    let configuration = load()?;
    let limiter = ClientConfig {
        endpoints: args.limiter,
        on_failure: args.on_limiter_failure,
        timeout: args.limiter_timeout,
        ..ClientConfig::default()
    };
    let mut config = Config {
        providers: jwks(args.jwks_refresh, args.jwks_unknown_kid),
        trusted_proxies: args.trusted_proxies,
        proxy_protocol: args.proxy_protocol,
        public_url: args.public_url,
        live_keys: args.live_keys,
        backend_tls,
        reload: Some(Reload {
            load: reloading(load),
            requests,
        }),
        ..Config::new(configuration, limiter)
    };
    if args.no_openapi {
        config.openapi_path = None;
    }
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
    announce("gateway", "http", &listeners);
    Ok(weir_gateway::run(config, listeners, shutdown).await?)
}

/// Reads the configuration as the flags say, at the start and whenever it is read again.
fn load(
    directory: &Path,
    named_values: &NamedValueArgs,
    backend_tls: &BackendTls,
    listen: SocketAddr,
) -> Result<Configuration, Error> {
    let mut overrides = named_values.overrides()?;
    let secrets = fill_function_key(&mut overrides, listen);
    development::guard(
        "gateway",
        listen,
        &secrets,
        "--named-value-file function-key=FILE",
    )?;
    weir_gateway::load_with(directory, &overrides, backend_tls).map_err(Error::Configuration)
}

/// What `--watch` looks at.
pub(crate) fn watched(
    directory: &Path,
    named_values: &NamedValueArgs,
    backend_tls: &BackendTlsArgs,
) -> Vec<PathBuf> {
    [directory.to_owned()]
        .into_iter()
        .chain(named_values.paths())
        .chain(backend_tls.paths())
        .collect()
}

/// A command's way to load a configuration as the gateway's way to reload one.
pub(crate) fn reloading(
    load: impl Fn() -> Result<Configuration, Error> + Send + Sync + 'static,
) -> weir_gateway::Load {
    Arc::new(move || {
        load().map_err(|error| match error {
            Error::Configuration(problems) => ReloadError::Configuration(problems),
            other => ReloadError::Source(Box::new(other)),
        })
    })
}

/// On loopback the function key may be missing: the development key takes its place, so that the
/// role fits together with `weir backend`. Returns the names of the secrets that are development
/// ones.
pub(crate) fn fill_function_key(
    overrides: &mut NamedValueOverrides,
    listen: SocketAddr,
) -> Vec<&'static str> {
    match overrides.get(FUNCTION_KEY_NAME) {
        None if listen.ip().to_canonical().is_loopback() => {
            overrides.insert(FUNCTION_KEY_NAME, SecretString::from(FUNCTION_KEY));
        }
        // Beyond loopback the configuration's own check names the missing value and the flag that
        // sets it.
        None => return Vec::new(),
        Some(key) if key.expose_secret() != FUNCTION_KEY => return Vec::new(),
        Some(_) => {}
    }
    vec!["the named value function-key"]
}
