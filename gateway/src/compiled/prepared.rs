//! Everything a start makes of a configuration without asking anybody: routes, backends, what
//! tokens must be checked with.
//!
//! It is made when a configuration is loaded, by `weir check` as by a start and a reload, so that
//! all of them find the same errors, each with its place; and again when the configuration is put
//! to work.

use weir_policy::configuration::Configuration;
use weir_policy::plan::Action;
use weir_policy::{Diagnostic, Diagnostics};

use crate::compiled::jwt_check::JwtRules;
use crate::compiled::route::{Route, routes};
use crate::compiled::router::Router;
use crate::upstream::bases::Bases;
use crate::upstream::tls::TlsFiles;

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
    pub(crate) fn new(
        configuration: &Configuration,
        files: &TlsFiles,
    ) -> Result<Self, Diagnostics> {
        let mut problems = Vec::new();
        let bases = Bases::new(configuration, files, &mut problems);
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
    for step in configuration.steps() {
        if let Action::ValidateJwt(policy) = &step.action
            && let Some(slot @ None) = rules.get_mut(policy.index)
        {
            *slot = Some(JwtRules::new(policy, &step.origin, problems));
        }
    }
    rules
}
