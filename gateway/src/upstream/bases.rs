//! Every base URL a configuration names, taken apart before the first request; what cannot be
//! called is an error of the configuration with its place.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use http::Uri;
use weir_policy::plan::{Action, SetBackendService, Step};
use weir_policy::{Configuration, Diagnostic, Location};

use super::target::{BadBase, Base};

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
    /// Takes all URLs apart; every one that cannot be used is reported, once for every plan it
    /// stands in.
    pub(crate) fn new(configuration: &Configuration, problems: &mut Vec<Diagnostic>) -> Self {
        let mut bases = Self {
            apis: Vec::new(),
            backends: HashMap::default(),
            literals: HashMap::default(),
        };
        for api in &configuration.apis {
            let base = api
                .service_url
                .as_ref()
                .and_then(|url| keep(Base::new(url), &api.service_url_at, problems));
            bases.apis.push(base);
        }
        for backend in configuration.backends.values() {
            if let Some(base) = keep(Base::of_backend(backend), &backend.url_at, problems) {
                bases.backends.insert(Arc::clone(&backend.id), base);
            }
        }
        for step in configuration.steps() {
            if let Some(text) = literal(step)
                && !bases.literals.contains_key(text)
            {
                let base = text
                    .parse::<Uri>()
                    .map_err(|_| BadBase::NotAbsolute)
                    .and_then(|url| Base::new(&url));
                let at = Location {
                    file: Arc::clone(&step.origin.file),
                    position: step.origin.position,
                };
                if let Some(base) = keep(base, &at, problems) {
                    bases.literals.insert(text.into(), base);
                }
            }
        }
        bases
    }
}

fn literal(step: &Step) -> Option<&str> {
    let Action::SetBackendService(service) = &step.action else {
        return None;
    };
    let SetBackendService::BaseUrl(setting) = &**service else {
        return None;
    };
    setting.literal().map(String::as_str)
}

/// The URL itself is not told: it may come from a secret named value.
fn keep(
    base: Result<Base, BadBase>,
    at: &Location,
    problems: &mut Vec<Diagnostic>,
) -> Option<Arc<Base>> {
    match base {
        Ok(base) => Some(Arc::new(base)),
        Err(why) => {
            let message = format!("the backend's URL cannot be used: {why}");
            problems.push(Diagnostic::new(&at.file, at.position, message).with_help(why.help()));
            None
        }
    }
}
