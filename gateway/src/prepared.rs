//! Everything a start makes of a configuration without asking anybody: routes, backends, what
//! tokens must be checked with.
//!
//! It is made when a configuration is loaded, by `weir check` as by a start and a reload, so that
//! all of them find the same errors, each with its place; and again when the configuration is put
//! to work.

use weir_policy::configuration::Configuration;
use weir_policy::plan::{Action, Step};
use weir_policy::{Diagnostic, Diagnostics};

use crate::bases::Bases;
use crate::pipeline::jwt_check::JwtRules;
use crate::route::{Route, routes};
use crate::router::Router;

/// A configuration, taken apart.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) router: Router,
    /// By the router's numbers.
    pub(crate) routes: Vec<Route>,
    /// For requests that match no operation.
    pub(crate) unmatched: Route,
    pub(crate) bases: Bases,
    /// By `ValidateJwt::index`; none for elements that no plan runs.
    pub(crate) jwt_rules: Vec<Option<JwtRules>>,
}

impl Prepared {
    /// Takes `configuration` apart.
    ///
    /// # Errors
    /// Everything that cannot be put to work.
    pub(crate) fn new(configuration: &Configuration) -> Result<Self, Diagnostics> {
        let mut problems = Vec::new();
        let bases = Bases::new(configuration, &mut problems);
        let (router, routes) = routes(configuration, &bases);
        let unmatched = Route::unmatched(configuration, routes.len());
        let jwt_rules = jwt_rules(configuration, &mut problems);
        // The same element stands in the plan of every operation below its scope.
        problems.sort();
        problems.dedup();
        if problems.is_empty() {
            Ok(Self {
                router,
                routes,
                unmatched,
                bases,
                jwt_rules,
            })
        } else {
            Err(Diagnostics(problems))
        }
    }
}

fn jwt_rules(
    configuration: &Configuration,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Option<JwtRules>> {
    let mut rules: Vec<Option<JwtRules>> = (0..configuration.validate_jwt_count)
        .map(|_| None)
        .collect();
    for step in all_steps(configuration) {
        if let Action::ValidateJwt(policy) = &step.action
            && let Some(slot @ None) = rules.get_mut(policy.index)
        {
            *slot = Some(JwtRules::new(policy, &step.origin, problems));
        }
    }
    rules
}

/// Every step of every plan, those inside `choose` included.
pub(crate) fn all_steps(configuration: &Configuration) -> Vec<&Step> {
    fn collect<'a>(steps: &'a [Step], into: &mut Vec<&'a Step>) {
        for step in steps {
            into.push(step);
            if let Action::Choose(choose) = &step.action {
                choose
                    .whens
                    .iter()
                    .for_each(|when| collect(&when.steps, into));
                collect(&choose.otherwise, into);
            }
        }
    }
    let mut all = Vec::new();
    let operations = configuration.apis.iter().flat_map(|api| &api.operations);
    for plan in operations
        .map(|operation| &operation.plan)
        .chain([&configuration.global])
    {
        for section in [&plan.inbound, &plan.backend, &plan.outbound, &plan.on_error] {
            collect(section, &mut all);
        }
    }
    all
}
