//! Every base URL a configuration names, taken apart before the first request, and every certificate
//! it shows to backends; what cannot be called, or is not there, is an error of the configuration
//! with its place.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use http::Uri;
use weir_policy::plan::{
    Action, AuthenticationCertificate, CertificateName, SetBackendService, Step,
};
use weir_policy::{Configuration, Diagnostic, Location};

use super::target::{BadBase, Base};
use super::tls::{Certificates, TlsFiles};

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
    /// Takes all URLs apart and looks for all certificates; every one that cannot be used is
    /// reported, once for every plan it stands in.
    pub(crate) fn new(
        configuration: &Configuration,
        files: &TlsFiles,
        problems: &mut Vec<Diagnostic>,
    ) -> Self {
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
            if let Some((name, at)) = &backend.certificate {
                expect(&files.certificates, name, at, problems);
            }
            let base = Base::of_backend(backend, &files.certificates);
            if let Some(base) = keep(base, &backend.url_at, problems) {
                bases.backends.insert(Arc::clone(&backend.id), base);
            }
        }
        for step in configuration.steps() {
            let at = Location {
                file: Arc::clone(&step.origin.file),
                position: step.origin.position,
            };
            if let Some(name) = certificate(step) {
                expect(&files.certificates, &name, &at, problems);
            }
            if let Some(text) = literal(step)
                && !bases.literals.contains_key(text)
            {
                let base = text
                    .parse::<Uri>()
                    .map_err(|_| BadBase::NotAbsolute)
                    .and_then(|url| Base::new(&url));
                if let Some(base) = keep(base, &at, problems) {
                    bases.literals.insert(text.into(), base);
                }
            }
        }
        if bases.have_tls() {
            files.prepare();
        }
        bases
    }

    fn have_tls(&self) -> bool {
        let apis = self.apis.iter().flatten();
        let others = self.backends.values().chain(self.literals.values());
        apis.chain(others).any(|base| base.has_tls())
    }
}

/// The certificate that a step names literally.
fn certificate(step: &Step) -> Option<CertificateName> {
    let Action::AuthenticationCertificate(certificate) = &step.action else {
        return None;
    };
    match &**certificate {
        AuthenticationCertificate::Thumbprint(text) => {
            text.literal().cloned().map(CertificateName::Thumbprint)
        }
        AuthenticationCertificate::Id(id) => id.literal().cloned().map(CertificateName::Id),
    }
}

/// Reports a certificate that is not there.
fn expect(
    certificates: &Certificates,
    name: &CertificateName,
    at: &Location,
    problems: &mut Vec<Diagnostic>,
) {
    if certificates.find(name).is_none() {
        let message = format!("there is no certificate {name}");
        let help = "put `name.pem` (certificate and key), or `name.crt` and `name.key`, into the folder that \
                    --backend-certificates names";
        problems.push(Diagnostic::new(&at.file, at.position, message).with_help(help));
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
