//! What a request runs: the plan of its operation, and where it goes if no policy says otherwise.

use std::sync::Arc;

use weir_policy::configuration::Configuration;
use weir_policy::context::{ApiInfo, OperationInfo};
use weir_policy::plan::{Action, Plan, Step};

use crate::compiled::router::Router;
use crate::upstream::bases::Bases;
use crate::upstream::target::Base;

/// What a request that matches an operation runs; also what one that matches none does.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) api: Arc<ApiInfo>,
    pub(crate) operation: Arc<OperationInfo>,
    pub(crate) plan: Arc<Plan>,
    /// `serviceUrl`.
    pub(crate) base: Option<Arc<Base>>,
    /// Its number in [`Metrics`](crate::metrics::Metrics).
    pub(crate) meter: usize,
    /// Whether steps after the call of the backend may look at the request's headers: then they are
    /// copied for it.
    pub(crate) reads_request_later: bool,
}

impl Route {
    /// What a request runs that matches no operation; `meter` is its number in
    /// [`Metrics`](crate::metrics::Metrics).
    pub(crate) fn unmatched(configuration: &Configuration, meter: usize) -> Self {
        Self {
            api: Arc::default(),
            operation: Arc::default(),
            plan: Arc::clone(&configuration.global),
            base: None,
            meter,
            reads_request_later: true,
        }
    }
}

/// The table of all operations, and what each of them runs, by the table's numbers.
pub(crate) fn routes(configuration: &Configuration, bases: &Bases) -> (Router, Vec<Route>) {
    let mut router = Router::default();
    let mut routes = Vec::new();
    for (api, base) in configuration.apis.iter().zip(&bases.apis) {
        let first = routes.len();
        let numbered = api
            .operations
            .iter()
            .enumerate()
            .map(|(i, o)| (&o.method, &o.template, first + i));
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

fn reads_request_later(plan: &Plan) -> bool {
    fn defers(steps: &[Step]) -> bool {
        steps.iter().any(|step| match &step.action {
            Action::RateLimitByKey(limit) => limit.is_deferred(),
            Action::Choose(choose) => {
                choose.whens.iter().any(|w| defers(&w.steps)) || defers(&choose.otherwise)
            }
            // Whoever decides before the request is forwarded has read it by then.
            Action::Cors(_)
            | Action::ValidateJwt(_)
            | Action::IpFilter(_)
            | Action::CheckHeader(_)
            | Action::SetHeader(_)
            | Action::SetStatus(_)
            | Action::SetBody(_)
            | Action::SetVariable(_)
            | Action::SetBackendService(_)
            | Action::AuthenticationCertificate(_)
            | Action::RewriteUri(_)
            | Action::ReturnResponse(_)
            | Action::ForwardRequest(_) => false,
        })
    }
    let only_forwards = matches!(
        &plan.backend[..],
        [] | [Step {
            action: Action::ForwardRequest(_),
            ..
        }]
    );
    !plan.outbound.is_empty()
        || !plan.on_error.is_empty()
        || !only_forwards
        || defers(&plan.inbound)
}
