//! `set-backend-service` and `authentication-certificate`, and where a request goes without them.

use std::sync::Arc;

use http::Uri;
use weir_policy::plan::{AuthenticationCertificate, CertificateName, Scope, SetBackendService};

use crate::exchange::{Exchange, Stop};
use crate::failure::Failure;
use crate::upstream::target::Base;

impl Exchange<'_> {
    /// A `backend-id` chosen in a broader scope can only be replaced by another `backend-id`, as the
    /// policy's page in API Management says: who set it meant the entity with its credentials, not
    /// an address.
    pub(in crate::exchange) fn set_backend_service(
        &mut self,
        policy: &SetBackendService,
        scope: Scope,
    ) -> Result<(), Stop> {
        match policy {
            SetBackendService::BaseUrl(_)
                if self
                    .target
                    .chosen_by_id
                    .is_some_and(|chosen| chosen < scope) =>
            {
                tracing::debug!("base-url is ignored: a broader scope chose a backend-id");
                return Ok(());
            }
            SetBackendService::BaseUrl(url) => {
                let text = url.get(&self.context)?;
                let base = match self.gateway.bases.literals.get(text.as_str()) {
                    Some(base) => Arc::clone(base),
                    None => Arc::new(parse(&text)?),
                };
                self.target.base = Some(base);
            }
            SetBackendService::BackendId(id) => {
                let id = id.get(&self.context)?;
                let base = self.gateway.bases.backends.get(id.as_str());
                let base = base.ok_or_else(|| {
                    Failure::internal("BackendNotFound", format!("no backend `{id}`"))
                })?;
                self.target.base = Some(Arc::clone(base));
                self.target.chosen_by_id = Some(scope);
            }
        }
        self.aim()
    }

    /// Chooses the certificate to show to a backend that asks for one, before that of the backend
    /// entity. Whether it comes to that is for the connection to tell.
    pub(in crate::exchange) fn authentication_certificate(
        &mut self,
        policy: &AuthenticationCertificate,
    ) -> Result<(), Stop> {
        let name = match policy {
            AuthenticationCertificate::Thumbprint(text) => {
                CertificateName::Thumbprint(text.get(&self.context)?.into_owned())
            }
            AuthenticationCertificate::Id(id) => {
                CertificateName::Id(id.get(&self.context)?.into_owned())
            }
        };
        let found = self.gateway.tls_files.certificates.find(&name);
        let found = found.ok_or_else(|| {
            Failure::internal("CertificateNotFound", format!("no certificate {name}"))
        })?;
        self.certificate = Some(Arc::clone(found));
        Ok(())
    }

    /// Shows policies the URL that will be asked for.
    pub(in crate::exchange) fn aim(&mut self) -> Result<(), Stop> {
        if let Some(base) = &self.target.base {
            let url = base.url(&self.target.relative);
            self.context.request.url =
                url.map_err(|error| Failure::internal("InvalidUrl", error.to_string()))?;
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<Base, Box<Failure>> {
    let refuse = |why: String| {
        Failure::internal("InvalidUrl", format!("the base-url cannot be used: {why}"))
    };
    let url: Uri = text
        .parse()
        .map_err(|error: http::uri::InvalidUri| refuse(error.to_string()))?;
    Base::new(&url).map_err(|why| refuse(why.to_string()))
}
