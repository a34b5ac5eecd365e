//! Everything that is ready before the first request: routes, backends, key sources, counters.
//!
//! Building it takes the configuration apart once, so that a request only looks things up; nothing in here changes
//! afterwards. A new configuration makes a new gateway out of the same [`Parts`]; a request runs to its end on the one it
//! began with.

use std::sync::Arc;

use arc_swap::ArcSwap;
use weir_policy::configuration::Configuration;
use weir_policy::context::{ApiInfo, Deployment, OperationInfo};
use weir_policy::plan::{Action, Plan, Step};

use crate::bases::Bases;
use crate::client_address::TrustedProxies;
use crate::config::{ClientLimits, UpstreamLimits};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::openapi::{OpenApi, PublicUrl, RequestPath};
use crate::pipeline::jwt_check::JwtCheck;
use crate::proxy::Proxy;
use crate::router::Router;
use crate::run::Error;
use crate::target::Base;

/// What a request that matches an operation runs; also what one that matches none does.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) api: Arc<ApiInfo>,
    pub(crate) operation: Arc<OperationInfo>,
    pub(crate) plan: Arc<Plan>,
    /// `serviceUrl`.
    pub(crate) base: Option<Arc<Base>>,
    /// Its number in [`Metrics`].
    pub(crate) meter: usize,
    /// Whether steps after the call of the backend may look at the request's headers: then they are copied for it.
    pub(crate) reads_request_later: bool,
}

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
    pub(crate) proxy: Arc<Proxy>,
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
    pub(crate) proxy: Arc<Proxy>,
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
    /// Takes `configuration` apart. The counters of `previous` go on where they count the same.
    pub(crate) fn new(configuration: &Configuration, parts: &Parts, previous: Option<&Self>) -> Result<Self, Error> {
        let steps = all_steps(configuration);
        let bases = Bases::new(configuration)?;
        let (router, routes) = routes(configuration, &bases);
        let unmatched = Route {
            api: Arc::default(),
            operation: Arc::default(),
            plan: Arc::clone(&configuration.global),
            base: None,
            meter: routes.len(),
            reads_request_later: true,
        };
        let meters = routes.iter().chain([&unmatched]);
        let meters = meters.map(|route| (Arc::clone(&route.api.id), Arc::clone(&route.operation.id)));
        let limits = steps.iter().filter_map(|step| match &step.action {
            Action::RateLimitByKey(limit) => Some(Arc::clone(&limit.name)),
            _ => None,
        });
        Ok(Self {
            metrics: Arc::new(Metrics::new(meters, limits, previous.map(|previous| &*previous.metrics))),
            live: Arc::clone(&parts.live),
            bases,
            jwt_checks: jwt_checks(&steps, configuration.validate_jwt_count, &parts.providers)?,
            proxy: Arc::clone(&parts.proxy),
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

impl Parts {
    fn openapi(&self, configuration: &Configuration) -> Result<Option<OpenApi>, Error> {
        let Some(path) = self.openapi_path.clone() else { return Ok(None) };
        Ok(Some(OpenApi::new(configuration, &self.providers, path, self.public_url.clone())?))
    }
}

fn routes(configuration: &Configuration, bases: &Bases) -> (Router, Vec<Route>) {
    let mut router = Router::default();
    let mut routes = Vec::new();
    for (api, base) in configuration.apis.iter().zip(&bases.apis) {
        let first = routes.len();
        let numbered = api.operations.iter().enumerate().map(|(i, o)| (&o.method, &o.template, first + i));
        router.add(&api.info.path, numbered);
        for operation in &api.operations {
            routes.push(Route {
                api: Arc::clone(&api.info),
                operation: Arc::clone(&operation.info),
                plan: Arc::clone(&operation.plan),
                base: base.clone(),
                meter: routes.len(),
                reads_request_later: reads_request_later(&operation.plan),
            });
        }
    }
    (router, routes)
}

fn jwt_checks(
    steps: &[&Step],
    count: usize,
    providers: &weir_token::Providers,
) -> Result<Vec<Option<JwtCheck>>, Error> {
    let mut checks: Vec<Option<JwtCheck>> = (0..count).map(|_| None).collect();
    for step in steps {
        if let Action::ValidateJwt(policy) = &step.action
            && let Some(slot @ None) = checks.get_mut(policy.index)
        {
            *slot = Some(JwtCheck::new(policy, &step.origin, providers)?);
        }
    }
    Ok(checks)
}

/// Every step of every plan, those inside `choose` included.
pub(crate) fn all_steps(configuration: &Configuration) -> Vec<&Step> {
    fn collect<'a>(steps: &'a [Step], into: &mut Vec<&'a Step>) {
        for step in steps {
            into.push(step);
            if let Action::Choose(choose) = &step.action {
                choose.whens.iter().for_each(|when| collect(&when.steps, into));
                collect(&choose.otherwise, into);
            }
        }
    }
    let mut all = Vec::new();
    let operations = configuration.apis.iter().flat_map(|api| &api.operations);
    for plan in operations.map(|operation| &operation.plan).chain([&configuration.global]) {
        for section in [&plan.inbound, &plan.backend, &plan.outbound, &plan.on_error] {
            collect(section, &mut all);
        }
    }
    all
}

fn reads_request_later(plan: &Plan) -> bool {
    fn defers(steps: &[Step]) -> bool {
        steps.iter().any(|step| match &step.action {
            Action::RateLimitByKey(limit) => limit.is_deferred(),
            Action::Choose(choose) => choose.whens.iter().any(|w| defers(&w.steps)) || defers(&choose.otherwise),
            _ => false,
        })
    }
    let only_forwards = matches!(&plan.backend[..], [] | [Step { action: Action::ForwardRequest(_), .. }]);
    !plan.outbound.is_empty() || !plan.on_error.is_empty() || !only_forwards || defers(&plan.inbound)
}
