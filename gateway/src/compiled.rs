//! Everything that is ready before the first request: routes, backends, key sources, counters.
//!
//! Building it takes the configuration apart once, so that a request only looks things up; nothing
//! in here changes afterwards. A new configuration makes a new gateway out of the same [`Parts`]; a
//! request runs to its end on the one it began with.

pub(crate) mod jwt_check;
pub(crate) mod prepared;
pub(crate) mod route;
pub(crate) mod router;

use std::sync::Arc;

use arc_swap::ArcSwap;
use weir_policy::configuration::Configuration;
use weir_policy::context::Deployment;
use weir_policy::plan::Action;

use crate::client_address::TrustedProxies;
use crate::compiled::jwt_check::{JwtCheck, JwtRules};
use crate::compiled::prepared::Prepared;
use crate::compiled::route::Route;
use crate::compiled::router::Router;
use crate::error::Error;
use crate::limits::{ClientLimits, UpstreamLimits};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::openapi::{OpenApi, PublicUrl, RequestPath};
use crate::upstream::Client;
use crate::upstream::bases::Bases;
use crate::upstream::tls::{BackendTls, TlsFiles};

/// The gateway that holds now.
pub(crate) type Current = Arc<ArcSwap<Gateway>>;

/// A gateway, ready to serve.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) router: Router,
    /// By the router's numbers.
    pub(crate) routes: Vec<Route>,
    /// For requests that match no operation.
    pub(crate) unmatched: Route,
    pub(crate) bases: Bases,
    /// By `ValidateJwt::index`.
    pub(crate) jwt_checks: Vec<Option<JwtCheck>>,
    pub(crate) limiter: weir_limiter::Client,
    /// Calls backends.
    pub(crate) client: Arc<Client>,
    pub(crate) tls_files: TlsFiles,
    pub(crate) trusted: TrustedProxies,
    pub(crate) clients: ClientLimits,
    pub(crate) upstream: UpstreamLimits,
    pub(crate) deployment: Arc<Deployment>,
    /// The document of all APIs, if it is served.
    pub(crate) openapi: Option<OpenApi>,
    metrics: Arc<Metrics>,
    pub(crate) live: Arc<Live>,
}

/// What a gateway is built with besides its configuration; it outlives every configuration.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) limiter: weir_limiter::Client,
    pub(crate) providers: weir_token::Providers,
    /// Keeps the connections to backends.
    pub(crate) client: Arc<Client>,
    /// What TLS to them needs.
    pub(crate) backend_tls: BackendTls,
    pub(crate) trusted: TrustedProxies,
    pub(crate) clients: ClientLimits,
    pub(crate) upstream: UpstreamLimits,
    /// Where the document of all APIs is served, if it is.
    pub(crate) openapi_path: Option<RequestPath>,
    pub(crate) public_url: Option<PublicUrl>,
    /// Shows what every configuration counts.
    pub(crate) live: Arc<Live>,
}

impl Gateway {
    /// Puts `configuration` to work. The counters of `previous` go on where they count the same.
    ///
    /// # Errors
    /// What [`Prepared::new`] finds, and it has found the same when the configuration was loaded.
    pub(crate) fn new(
        configuration: &Configuration,
        tls_files: TlsFiles,
        parts: &Parts,
        previous: Option<&Self>,
    ) -> Result<Self, Error> {
        let Prepared {
            router,
            routes,
            unmatched,
            bases,
            jwt_rules,
        } = Prepared::new(configuration, &tls_files)?;
        warn_of_unchecked(configuration);
        let meters = routes.iter().chain([&unmatched]);
        let meters =
            meters.map(|route| (Arc::clone(&route.api.id), Arc::clone(&route.operation.id)));
        let limits = configuration.steps().into_iter().filter_map(|step| {
            let Action::RateLimitByKey(limit) = &step.action else {
                return None;
            };
            Some(Arc::clone(&limit.name))
        });
        let connect = |rules: Option<JwtRules>| {
            rules
                .map(|rules| rules.connect(&parts.providers))
                .transpose()
        };
        Ok(Self {
            metrics: Arc::new(Metrics::new(
                meters,
                limits,
                previous.map(|previous| &*previous.metrics),
            )),
            live: Arc::clone(&parts.live),
            bases,
            jwt_checks: jwt_rules
                .into_iter()
                .map(connect)
                .collect::<Result<_, _>>()?,
            client: Arc::clone(&parts.client),
            tls_files,
            limiter: parts.limiter.clone(),
            trusted: parts.trusted.clone(),
            clients: parts.clients.clone(),
            upstream: parts.upstream.clone(),
            openapi: parts.openapi(configuration)?,
            deployment: Arc::new(Deployment {
                gateway_id: "weir".into(),
                region: "local".into(),
                service_name: "weir".into(),
            }),
            router,
            routes,
            unmatched,
        })
    }

    /// What it counts, shared.
    pub(crate) fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// The same without sharing it.
    pub(crate) fn counters(&self) -> &Metrics {
        &self.metrics
    }
}

/// Says loudly which backends could be anybody.
fn warn_of_unchecked(configuration: &Configuration) {
    for backend in configuration.backends.values() {
        for check in backend.unchecked() {
            tracing::warn!(
                backend = %backend.id, url = %backend.url,
                "`{check}: false`: this backend's certificate is not checked, so anybody on the way can be it; name its \
                 authority with --backend-ca instead"
            );
        }
    }
}

impl Parts {
    fn openapi(&self, configuration: &Configuration) -> Result<Option<OpenApi>, Error> {
        let Some(path) = self.openapi_path.clone() else {
            return Ok(None);
        };
        Ok(Some(OpenApi::new(
            configuration,
            &self.providers,
            path,
            self.public_url.clone(),
        )?))
    }
}
