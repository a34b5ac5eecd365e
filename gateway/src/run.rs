//! The role: from a configuration and bound sockets to a served gateway.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use weir_serve::{Http, Listeners, Peer, Protocols, Service};
use weir_telemetry::{Ops, Reloads};

use crate::client_address::TrustedProxies;
use crate::compiled::{Current, Gateway, Parts};
use crate::config::Config;
use crate::error::Error;
use crate::live::Live;
use crate::metrics::Exposition;
use crate::reload::Reloader;
use crate::upstream::Client;
use crate::upstream::body::ResponseBody;

/// Serves `config` on `listeners.service` (and metrics and health on `listeners.ops`) until
/// `shutdown`, then finishes what is in progress.
///
/// # Errors
/// If the configuration cannot be put to work; nothing was served then.
pub async fn run(
    config: Config,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    if config.proxy_protocol && config.trusted_proxies.is_empty() {
        return Err(Error::ProxyProtocolOfNobody);
    }
    let ops = Ops::new("gateway");
    let limiter = weir_limiter::Client::new(config.limiter, &ops)?;
    let providers = weir_token::Providers::new(config.providers, &ops)?;
    let parts = Parts {
        limiter,
        providers: providers.clone(),
        client: Arc::new(Client::new(&config.upstream)),
        backend_tls: config.backend_tls,
        trusted: TrustedProxies::new(config.trusted_proxies.clone()),
        clients: config.clients.clone(),
        upstream: config.upstream,
        openapi_path: config.openapi_path,
        public_url: config.public_url,
        live: Arc::new(Live::new(config.live_keys)),
    };
    let gateway: Current = Arc::new(ArcSwap::from_pointee(Gateway::new(
        &config.configuration,
        parts.backend_tls.read()?,
        &parts,
        None,
    )?));
    let reloads = Reloads::default();
    ops.registry(|registry| {
        let current = Arc::clone(&gateway);
        registry.register_collector(Box::new(Exposition(move || current.load().metrics())));
        reloads.register(registry, "gateway");
    });
    providers.spawn_refresh(shutdown.clone());
    // The other parts report for themselves: the limiter's client (degraded while no limiter
    // answers) and the key sources (not ready until all keys have come once: until then another
    // replica is the better choice).
    ops.readiness("configuration").ready();
    let live = Arc::clone(&parts.live);
    if let Some(reload) = config.reload {
        // On its own: keys are asked for also if the configuration is the same or has errors.
        providers.refresh_when_asked(reload.requests.clone(), shutdown.clone());
        let reloader = Reloader::new(&config.configuration, Arc::clone(&gateway), parts, reloads);
        tokio::spawn(reloader.run(reload, shutdown.clone()));
    }
    let (sockets, ops_listener) = listeners.split(&ops);
    if let Some(listener) = ops_listener {
        let (ops, shutdown) = (ops.clone(), shutdown.clone());
        let current = Arc::clone(&gateway);
        let counters = move || current.load().metrics();
        tokio::spawn(Arc::clone(&live).run(counters, shutdown.clone()));
        let live = crate::live::routes(live, shutdown.clone());
        tokio::spawn(async move {
            weir_serve::operations_with(&ops, listener, live, shutdown).await;
        });
    }
    let how = Http {
        limits: config.clients.connections,
        protocols: Protocols::Http1AndHttp2,
        trusted: config.trusted_proxies.into(),
        proxy_protocol: config.proxy_protocol,
        open: gateway.load().counters().lasting().connections().clone(),
    };
    weir_serve::http(sockets, how, Door(gateway), shutdown).await;
    Ok(())
}

/// Each request is answered by the gateway that holds when it comes.
struct Door(Current);

impl Service for Door {
    type Body = ResponseBody;

    async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Response<ResponseBody> {
        let gateway = self.0.load_full();
        gateway.handle(request, peer).await
    }
}
