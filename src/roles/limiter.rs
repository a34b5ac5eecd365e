//! `weir limiter`.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use weir_limiter::{Config, FailureMode, MemoryConfig, StoreConfig, StoreReload};

use crate::development::address;
use crate::error::Error;
use crate::listen::{Address, announce, bind_all};
use crate::operate;
use crate::reload;
use crate::roles::duration;
use crate::roles::tls::{Flags, tls_args};
use crate::secret_file;

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir limiter
  weir limiter --listen 0.0.0.0:8081 --store redis://redis:6379 --on-store-failure deny
  weir limiter --store-file /run/secrets/redis-url
  weir limiter --store rediss-sentinel://10.0.0.1,10.0.0.2,10.0.0.3/mymaster --store-ca ca.pem --store-wait-replicas 1
  weir limiter --store redis-cluster://redis-1:6379,redis-2:6379,redis-3:6379
  weir limiter inspect 60:alice
  weir limiter top --limiter http://limiter-1:8081,http://limiter-2:8081";

/// Where TLS is served beside --listen.
const TLS_PORT: u16 = 8444;

tls_args!(TlsArgs, "LIMITER");

/// The flags of `weir limiter`.
#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Ask running limiters instead of running one
    #[command(subcommand)]
    ask: Option<operate::Command>,
    /// Where to serve gRPC
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_LIMITER_LISTEN", default_value = address::LIMITER)]
    listen: SocketAddr,
    /// Where to serve /healthz, /readyz and /metrics
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_LIMITER_OPS_LISTEN", default_value = address::LIMITER_OPS)]
    ops_listen: SocketAddr,
    /// Where counters live: memory, or redis://user:password@host:port/database (user and database
    /// are optional), redis-cluster://…@host:port,…, redis-sentinel://…@host:port,…/master-name;
    /// with TLS rediss://, rediss-cluster://, rediss-sentinel://
    #[arg(
        long,
        value_name = "STORE",
        env = "WEIR_LIMITER_STORE",
        default_value = "memory",
        hide_env_values = true
    )]
    store: SecretString,
    /// Read the store's URL from a file, because it may hold a password
    #[arg(
        long,
        value_name = "FILE",
        env = "WEIR_LIMITER_STORE_FILE",
        conflicts_with = "store"
    )]
    store_file: Option<PathBuf>,
    /// Read --store-file again when it changes, as on SIGHUP
    #[arg(long, env = "WEIR_LIMITER_WATCH", requires = "store_file")]
    watch: bool,
    /// With TLS to the store: believe these authorities (PEM) instead of the machine's
    #[arg(long, value_name = "FILE", env = "WEIR_LIMITER_STORE_CA")]
    store_ca: Option<PathBuf>,
    /// Replicas that must have a count before it is answered; with fewer in time, the store counts
    /// as not answering
    #[arg(
        long,
        value_name = "NUMBER",
        env = "WEIR_LIMITER_STORE_WAIT_REPLICAS",
        default_value_t = 0
    )]
    store_wait_replicas: u32,
    /// While the store does not answer: `local` enforces the limits in this replica's memory,
    /// `allow` admits, `deny` refuses
    #[arg(
        long,
        value_name = "local|allow|deny",
        env = "WEIR_LIMITER_ON_STORE_FAILURE",
        default_value = "local"
    )]
    on_store_failure: FailureMode,
    /// How long a store operation may take, e.g. 100ms
    #[arg(long, value_name = "DURATION", env = "WEIR_LIMITER_STORE_TIMEOUT", default_value = "100ms", value_parser = duration)]
    store_timeout: Duration,
    /// How many keys may count in this process's memory at once; further ones are refused until one
    /// expires
    #[arg(
        long,
        value_name = "N",
        env = "WEIR_LIMITER_MEMORY_KEYS",
        default_value = "1000000"
    )]
    memory_keys: NonZeroUsize,
    /// Lease hot keys under limits of more calls than this: take calls ahead, many in one round
    /// trip. For keys that are called thousands of times a second; limits of up to 1,000 calls, or
    /// a period below 10 s, are never leased
    #[arg(long, value_name = "CALLS", env = "WEIR_LIMITER_LEASE_CALLS_ABOVE")]
    lease_calls_above: Option<u64>,
    /// How many keys are counted for `weir limiter top`; 0 counts none
    #[arg(long, value_name = "N", env = "WEIR_LIMITER_TOP_KEYS", default_value_t = weir_limiter::DEFAULT_TOP_KEYS, value_parser = top_keys)]
    top_keys: usize,
    #[command(flatten)]
    tls: TlsArgs,
}

/// Above this many, memory is better spent on counters.
const MOST_TOP_KEYS: usize = 100_000;

fn top_keys(text: &str) -> Result<usize, String> {
    let keys = text
        .parse()
        .map_err(|_| "write a whole number".to_owned())?;
    if keys <= MOST_TOP_KEYS {
        Ok(keys)
    } else {
        Err(format!("at most {MOST_TOP_KEYS}"))
    }
}

impl Args {
    /// Whether this runs the role, and does not ask one.
    pub(crate) fn is_role(&self) -> bool {
        self.ask.is_none()
    }
}

/// Runs the role until `shutdown`.
pub(crate) async fn run(args: Args, shutdown: CancellationToken) -> Result<(), Error> {
    if let Some(command) = args.ask {
        return operate::run(command).await;
    }
    // Parsed here and not by the command line, which would print a URL that it cannot read,
    // password and all.
    let (store, reload) = match args.store_file {
        Some(path) => {
            let requests = reload::requests(args.watch.then(|| vec![path.clone()]), &shutdown);
            let store = from_file(&path)?;
            let load = move || from_file(&path).map_err(Into::into);
            (
                store,
                Some(StoreReload {
                    load: Arc::new(load),
                    requests,
                }),
            )
        }
        None => {
            reload::nothing(&shutdown);
            (parse(&args.store, "--store")?, None)
        }
    };
    let config = Config {
        // Counters do not move between memory and Redis.
        reload: reload.filter(|_| matches!(store, StoreConfig::Redis(_))),
        store,
        on_store_failure: args.on_store_failure,
        store_timeout: args.store_timeout,
        memory: MemoryConfig {
            max_keys: args.memory_keys.get(),
            ..MemoryConfig::default()
        },
        top_keys: args.top_keys,
        store_authorities: args.store_ca.map(read_authorities).transpose()?,
        store_wait_replicas: args.store_wait_replicas,
        lease_calls_above: args.lease_calls_above,
        ..Config::default()
    };
    let tls = Flags::from(args.tls);
    let secure = tls.load(args.listen, TLS_PORT, vec![b"h2".to_vec()], &shutdown)?;
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
    announce("limiter", "http", &listeners);
    Ok(weir_limiter::run(config, listeners, shutdown).await?)
}

fn from_file(path: &Path) -> Result<StoreConfig, Error> {
    parse(&secret_file::read(path)?, "--store-file")
}

fn parse(store: &SecretString, flag: &'static str) -> Result<StoreConfig, Error> {
    store
        .expose_secret()
        .parse()
        .map_err(|source| Error::Store { flag, source })
}

fn read_authorities(path: PathBuf) -> Result<Vec<u8>, Error> {
    std::fs::read(&path).map_err(|source| Error::StoreAuthorities { path, source })
}
