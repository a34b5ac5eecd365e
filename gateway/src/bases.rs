//! Every base URL a configuration names, taken apart before the first request; what cannot be called is an error of the
//! configuration with its place.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use http::Uri;
use weir_policy::plan::{Action, SetBackendService, Step};
use weir_policy::{Configuration, Diagnostic, Diagnostics, Position};

use crate::gateway::all_steps;
use crate::target::{BadBase, Base};

/// The bases of one configuration.
#[derive(Debug)]
pub(crate) struct Bases {
    /// `serviceUrl`, in the order of the APIs.
    pub(crate) apis: Vec<Option<Arc<Base>>>,
    /// Backend entities by id.
    pub(crate) backends: HashMap<Arc<str>, Arc<Base>, RandomState>,
    /// Every literal `base-url` by its text.
    pub(crate) literals: HashMap<Box<str>, Arc<Base>, RandomState>,
}

impl Bases {
    /// Takes all URLs apart; every one that cannot be used is reported.
    pub(crate) fn new(configuration: &Configuration) -> Result<Self, Diagnostics> {
        let mut bases = Self { apis: Vec::new(), backends: HashMap::default(), literals: HashMap::default() };
        let mut problems = Vec::new();
        for api in &configuration.apis {
            let base = api.service_url.as_ref().and_then(|url| {
                let file = format!("apis/{}/apiInformation.json", api.info.id);
                keep(Base::new(url), file.into(), None, &mut problems)
            });
            bases.apis.push(base);
        }
        for backend in configuration.backends.values() {
            let file = format!("backends/{}/backendInformation.json", backend.id);
            if let Some(base) = keep(Base::of_backend(backend), file.into(), None, &mut problems) {
                bases.backends.insert(Arc::clone(&backend.id), base);
            }
        }
        for step in all_steps(configuration) {
            if let Some(text) = literal(step)
                && !bases.literals.contains_key(text)
            {
                let base = text.parse::<Uri>().map_err(|_| BadBase::NotAbsolute).and_then(|url| Base::new(&url));
                let (file, position) = (Arc::clone(&step.origin.file), Some(step.origin.position));
                if let Some(base) = keep(base, file, position, &mut problems) {
                    bases.literals.insert(text.into(), base);
                }
            }
        }
        // The same element stands in the plan of every operation below its scope.
        problems.sort();
        problems.dedup();
        if problems.is_empty() { Ok(bases) } else { Err(Diagnostics(problems)) }
    }
}

fn literal(step: &Step) -> Option<&str> {
    let Action::SetBackendService(service) = &step.action else { return None };
    let SetBackendService::BaseUrl(setting) = &**service else { return None };
    setting.literal().map(String::as_str)
}

/// The URL itself is not told: it may come from a secret named value.
fn keep(
    base: Result<Base, BadBase>,
    file: Arc<str>,
    position: Option<Position>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Arc<Base>> {
    match base {
        Ok(base) => Some(Arc::new(base)),
        Err(why) => {
            let message = format!("the backend's URL cannot be used: {why}");
            problems.push(Diagnostic { file, position, message, help: Some(why.help().to_owned()) });
            None
        }
    }
}
