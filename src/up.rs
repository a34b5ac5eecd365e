//! `weir up`: every role in one process on loopback, with development secrets.
//!
//! All ports are bound and the configuration is checked before any role starts, so a failure leaves
//! nothing half-started. The roles are the same code as on their own and talk over real sockets;
//! only their secrets are the development ones.

mod addresses;
mod banner;
mod flags;

use std::net::SocketAddr;
use std::path::Path;

use secrecy::ExposeSecret;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use weir_gateway::{BackendTls, Reload};
use weir_limiter::{ClientConfig, StoreConfig};
use weir_policy::Configuration;
use weir_policy::artifacts::NamedValueOverrides;
use weir_serve::Listeners;

use crate::development::{self, AUDIENCE};
use crate::error::Error;
use crate::listen::{Address, address_of, bind_both};
use crate::named_values::NamedValueArgs;
use crate::reload;
use crate::roles::gateway::{fill_function_key, reloading, watched};
use crate::roles::jwks;
use crate::roles::web::{development_settings, warn_beyond_loopback};
use addresses::Addresses;
pub(crate) use flags::{Args, EXAMPLES};

/// Runs every role until `shutdown`, or until one of them fails.
pub(crate) async fn run(args: Args, shutdown: CancellationToken) -> Result<(), Error> {
    let ports = Ports::bind(&args)?;
    let secrets = fill_function_key(
        &mut args.named_values.overrides()?,
        address_of(&ports.gateway.service),
    );
    ports.guard(&secrets)?;
    let addresses = Addresses::new(&ports, &args);
    let load = {
        let (directory, named_values) = (args.config.clone(), args.named_values.clone());
        let (gateway, addresses) = (address_of(&ports.gateway.service), addresses.clone());
        let backend_tls = args.backend_tls.files();
        move || load(&directory, &named_values, &backend_tls, gateway, &addresses)
    };
    let watched = args
        .watch
        .then(|| watched(&args.config, &args.named_values, &args.backend_tls));
    let requests = reload::requests(watched, &shutdown);
    let configuration = load()?;

    let limiter = limiter(&args)?;
    let call = addresses.first_call(&configuration);
    let web = weir_web::Config::new(development_settings(
        &call,
        &addresses.gateway,
        &addresses.identity,
    )?);
    let banner = banner::Banner::new(&ports, &addresses, &args, call, web.has_files())?;
    let limiters = ClientConfig {
        endpoints: vec![addresses.limiter.clone()],
        timeout: args.limiter_timeout,
        ..ClientConfig::default()
    };
    let providers = jwks(args.jwks_refresh, args.jwks_unknown_kid);
    let backend = weir_backend::Config {
        openid_config: development::openid_config(&addresses.identity),
        providers: providers.clone(),
        refresh_keys: Some(requests.clone()),
        ..weir_backend::Config::default()
    };
    let gateway = weir_gateway::Config {
        providers,
        backend_tls: args.backend_tls.files(),
        reload: Some(Reload {
            load: reloading(load),
            requests,
        }),
        ..weir_gateway::Config::new(configuration, limiters)
    };
    let mut roles = start(limiter, backend, gateway, web, ports, addresses, &shutdown);
    let ended = tokio::select! {
        () = banner.print_when_ready(&shutdown) => roles.join_next().await,
        ended = roles.join_next() => ended,
    };
    // Whichever ended first, by itself or by Ctrl-C: the others stop too, and the first error is
    // the one to tell.
    shutdown.cancel();
    let mut result = flatten(ended);
    while let Some(next) = roles.join_next().await {
        result = result.and(flatten(Some(next)));
    }
    result
}

/// The gateway's configuration, at the start and whenever it is read again.
fn load(
    directory: &Path,
    named_values: &NamedValueArgs,
    backend_tls: &BackendTls,
    gateway: SocketAddr,
    addresses: &Addresses,
) -> Result<Configuration, Error> {
    let mut overrides = named_values.overrides()?;
    fill_function_key(&mut overrides, gateway);
    fill_addresses(&mut overrides, addresses);
    weir_gateway::load_with(directory, &overrides, backend_tls).map_err(Error::Configuration)
}

type Ended = Option<Result<Result<(), Error>, tokio::task::JoinError>>;

fn flatten(ended: Ended) -> Result<(), Error> {
    match ended {
        None => Ok(()),
        Some(Ok(result)) => result,
        Some(Err(panicked)) => Err(Error::RolePanicked(panicked)),
    }
}

/// Every listener of every role, bound.
struct Ports {
    gateway: Listeners,
    limiter: Listeners,
    backend: Listeners,
    identity: Listeners,
    web: Listeners,
}

impl Ports {
    fn bind(args: &Args) -> Result<Self, Error> {
        let address = |at, flag| Address { at, flag };
        Ok(Self {
            gateway: bind_both(
                address(args.gateway_listen, "--gateway-listen"),
                address(args.gateway_ops_listen, "--gateway-ops-listen"),
            )?,
            limiter: bind_both(
                address(args.limiter_listen, "--limiter-listen"),
                address(args.limiter_ops_listen, "--limiter-ops-listen"),
            )?,
            backend: bind_both(
                address(args.backend_listen, "--backend-listen"),
                address(args.backend_ops_listen, "--backend-ops-listen"),
            )?,
            identity: bind_both(
                address(args.identity_listen, "--identity-listen"),
                address(args.identity_ops_listen, "--identity-ops-listen"),
            )?,
            web: bind_both(
                address(args.web_listen, "--web-listen"),
                address(args.web_ops_listen, "--web-ops-listen"),
            )?,
        })
    }

    /// Development secrets are for loopback: all roles refuse anything else. The browser app has
    /// none.
    fn guard(&self, gateway_secrets: &[&str]) -> Result<(), Error> {
        warn_beyond_loopback(address_of(&self.web.service));
        let hint = "each role's own secrets, by running the roles one by one (weir gateway --help)";
        development::guard(
            "gateway",
            address_of(&self.gateway.service),
            gateway_secrets,
            hint,
        )?;
        let backend = weir_backend::Config::default();
        development::guard(
            "backend",
            address_of(&self.backend.service),
            &backend.development_secrets(),
            hint,
        )?;
        let identity = weir_identity::Config::default();
        development::guard(
            "identity",
            address_of(&self.identity.service),
            &identity.development_secrets(),
            hint,
        )
    }
}

/// Where the counters live, and how long the limiter waits for them.
fn limiter(args: &Args) -> Result<weir_limiter::Config, Error> {
    let store = match &args.redis {
        Some(url) => url.expose_secret().parse().map_err(|source| Error::Store {
            flag: "--redis",
            source,
        })?,
        None => StoreConfig::Memory,
    };
    Ok(weir_limiter::Config {
        store,
        store_timeout: args.store_timeout,
        ..weir_limiter::Config::default()
    })
}

/// Tells the policies where the other roles really are, unless the user said otherwise.
fn fill_addresses(overrides: &mut NamedValueOverrides, addresses: &Addresses) {
    let values = [
        ("spa-origin", addresses.spa_origin.clone()),
        (
            "openid-config-url",
            development::openid_config(&addresses.identity),
        ),
        ("backend-client-id", AUDIENCE.to_owned()),
        ("backend-url", format!("{}/api", addresses.backend)),
    ];
    for (name, value) in values {
        if overrides.get(name).is_none() {
            overrides.insert(name, value);
        }
    }
}

fn start(
    limiter: weir_limiter::Config,
    backend: weir_backend::Config,
    gateway: weir_gateway::Config,
    web: weir_web::Config,
    ports: Ports,
    addresses: Addresses,
    shutdown: &CancellationToken,
) -> JoinSet<Result<(), Error>> {
    let identity = weir_identity::Config {
        public_url: addresses.identity,
        development_tokens: true,
        spa_origins: vec![addresses.spa_origin],
        ..weir_identity::Config::default()
    };

    let mut roles = JoinSet::new();
    let token = || shutdown.clone();
    let (stop_limiter, stop_identity, stop_backend) = (token(), token(), token());
    let (stop_gateway, stop_web) = (token(), token());
    roles.spawn(async move { Ok(weir_limiter::run(limiter, ports.limiter, stop_limiter).await?) });
    roles.spawn(
        async move { Ok(weir_identity::run(identity, ports.identity, stop_identity).await?) },
    );
    roles.spawn(async move { Ok(weir_backend::run(backend, ports.backend, stop_backend).await?) });
    roles.spawn(async move { Ok(weir_gateway::run(gateway, ports.gateway, stop_gateway).await?) });
    roles.spawn(async move {
        weir_web::run(web, ports.web, stop_web).await;
        Ok(())
    });
    roles
}
