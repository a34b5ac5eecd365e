//! `weir identity`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use tokio_util::sync::CancellationToken;
use weir_identity::{Accounts, Config, Issuer};

use crate::development::{self, address};
use crate::error::Error;
use crate::listen::{Address, address_of, announce, bind_all, https_localhost_url, localhost_url};
use crate::reload;
use crate::roles::tls::{Flags, https_args, tls_args};
use crate::secret_file;

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir identity --development-tokens
  weir identity --accounts sqlite:accounts.db --public-url http://localhost:8090";

/// Where TLS is served beside --listen.
const TLS_PORT: u16 = 8453;

tls_args!(TlsArgs, "IDENTITY");
https_args!(HttpsArgs, "IDENTITY");

/// The flags of `weir identity`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Where to serve sign-in, discovery and tokens
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_IDENTITY_LISTEN", default_value = address::IDENTITY)]
    listen: SocketAddr,
    /// Where to serve /healthz, /readyz and /metrics
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_IDENTITY_OPS_LISTEN", default_value = address::IDENTITY_OPS)]
    ops_listen: SocketAddr,
    /// The URL browsers use, without a path; default: http://localhost and the port; with TLS,
    /// https://localhost and that of --tls-listen
    #[arg(long, value_name = "URL", env = "WEIR_IDENTITY_PUBLIC_URL")]
    public_url: Option<String>,
    /// The URL gateways and backends in a private network use, if it is another one
    #[arg(long, value_name = "URL", env = "WEIR_IDENTITY_INTERNAL_URL")]
    internal_url: Option<String>,
    /// Where accounts live: memory, or sqlite:PATH
    #[arg(
        long,
        value_name = "STORE",
        env = "WEIR_IDENTITY_ACCOUNTS",
        default_value = "memory"
    )]
    accounts: Accounts,
    /// The issuer of tokens: `tenant` as Azure AD B2C does unless told otherwise, or `policy`,
    /// which strict OpenID clients insist on
    #[arg(long, value_name = "tenant|policy", env = "WEIR_IDENTITY_ISSUER", default_value = "tenant", value_parser = issuer)]
    issuer: Issuer,
    /// The origins of the single-page apps that sign in here
    #[arg(long, value_name = "ORIGIN,…", env = "WEIR_IDENTITY_SPA_ORIGIN", value_delimiter = ',', default_value = weir_development::SPA_ORIGIN)]
    spa_origin: Vec<String>,
    /// Where the signing key is kept (PEM; made if missing); default: beside the SQLite file, or in
    /// memory
    #[arg(long, value_name = "FILE", env = "WEIR_IDENTITY_SIGNING_KEY_FILE")]
    signing_key_file: Option<PathBuf>,
    /// A file with the backend application's client secret; without it the development secret is
    /// used, on loopback only
    #[arg(long, value_name = "FILE", env = "WEIR_IDENTITY_CLIENT_SECRET_FILE")]
    client_secret_file: Option<PathBuf>,
    /// Hand out access tokens to `weir token` on this machine without a sign-in
    #[arg(long, env = "WEIR_IDENTITY_DEVELOPMENT_TOKENS")]
    development_tokens: bool,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    https: HttpsArgs,
}

fn issuer(text: &str) -> Result<Issuer, String> {
    match text {
        "tenant" => Ok(Issuer::Tenant),
        "policy" => Ok(Issuer::Policy),
        _ => Err("write tenant or policy".to_owned()),
    }
}

/// Runs the role until `shutdown`.
pub(crate) async fn run(args: Args, shutdown: CancellationToken) -> Result<(), Error> {
    reload::nothing(&shutdown);
    let mut config = Config {
        internal_url: args.internal_url,
        accounts: args.accounts,
        issuer: args.issuer,
        development_tokens: args.development_tokens,
        spa_origins: args.spa_origin,
        signing_key_file: args.signing_key_file,
        ..Config::default()
    };
    if let Some(path) = &args.client_secret_file {
        config.backend_client_secret = secret_file::read(path)?;
    }
    let tls = Flags::from(args.tls);
    development::guard(
        "identity",
        tls.outermost(args.listen, TLS_PORT),
        &config.development_secrets(),
        "--client-secret-file FILE",
    )?;
    let secure = tls.load(args.listen, TLS_PORT, vec![b"http/1.1".to_vec()], &shutdown)?;
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
    config.public_url = args.public_url.unwrap_or_else(|| match &listeners.tls {
        Some(secure) => https_localhost_url(address_of(&secure.listener)),
        None => localhost_url(address_of(&listeners.service)),
    });
    announce("identity", "http", &listeners);
    Ok(weir_identity::run(config, listeners, shutdown).await?)
}
