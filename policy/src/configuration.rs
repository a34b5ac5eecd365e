//! A loaded configuration: APIs, their operations, the plan of each, and the backends. Everything
//! in it has been checked; running it needs no file.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Uri};

use crate::context::{ApiInfo, OperationInfo};
use crate::diagnostic::Location;
use crate::plan::{Action, CertificateName, Plan, Step};
use crate::template::UrlTemplate;

/// Everything a gateway serves.
#[derive(Debug)]
pub struct Configuration {
    /// The APIs; their `info.path` are unique.
    pub apis: Vec<Api>,
    /// Backend entities by resource id.
    pub backends: BTreeMap<Arc<str>, Arc<Backend>>,
    /// The global document alone: what applies to a request that matches no operation.
    pub global: Arc<Plan>,
    /// How many `validate-jwt` elements there are: their `index` runs from 0 below this.
    pub validate_jwt_count: usize,
}

impl Configuration {
    /// Every step of every plan, those inside `choose` included. An element stands in the plan of
    /// each operation below its scope.
    #[must_use]
    pub fn steps(&self) -> Vec<&Step> {
        let operations = self.apis.iter().flat_map(|api| &api.operations);
        let mut all = Vec::new();
        for plan in operations
            .map(|operation| &operation.plan)
            .chain([&self.global])
        {
            for section in [&plan.inbound, &plan.backend, &plan.outbound, &plan.on_error] {
                collect(section, &mut all);
            }
        }
        all
    }
}

fn collect<'a>(steps: &'a [Step], into: &mut Vec<&'a Step>) {
    for step in steps {
        into.push(step);
        if let Action::Choose(choose) = &step.action {
            for when in &choose.whens {
                collect(&when.steps, into);
            }
            collect(&choose.otherwise, into);
        }
    }
}

/// One API.
#[derive(Debug)]
pub struct Api {
    /// What expressions see of it.
    pub info: Arc<ApiInfo>,
    /// `serviceUrl`, parsed.
    pub service_url: Option<Uri>,
    /// Where `serviceUrl` stands; without one, where the API's properties do.
    pub service_url_at: Location,
    /// From the OpenAPI specification.
    pub operations: Vec<Operation>,
    /// The OpenAPI document as it was read, for documentation.
    pub specification: Arc<serde_json::Value>,
}

/// One operation of an API.
#[derive(Debug)]
pub struct Operation {
    /// What expressions see of it.
    pub info: Arc<OperationInfo>,
    /// The method and the template, parsed.
    pub method: http::Method,
    /// The path part of the template, relative to the API's path.
    pub template: UrlTemplate,
    /// Its effective policy.
    pub plan: Arc<Plan>,
}

/// A backend entity: `backends/{name}/backendInformation.json`.
pub struct Backend {
    /// The resource id.
    pub id: Arc<str>,
    /// The base URL; an operation's path is appended.
    pub url: Uri,
    /// Where `url` stands.
    pub url_at: Location,
    /// `credentials.header`: set on every request to it (for example `x-functions-key`). Values are
    /// marked sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `credentials.query`: appended to every request to it. Secret: not shown by `Debug`.
    pub query: Vec<(String, secrecy::SecretString)>,
    /// `credentials.certificate` or `credentials.certificateIds`: the certificate to show it, and
    /// where it is named.
    pub certificate: Option<(CertificateName, Location)>,
    /// `tls.validateCertificateChain`: whether its certificate must come from an authority that is
    /// believed, and be valid now. Default true.
    pub validate_certificate_chain: bool,
    /// `tls.validateCertificateName`: whether its certificate must be for the host in `url`. Default
    /// true.
    pub validate_certificate_name: bool,
}

impl Backend {
    /// The checks of its certificate that are switched off; none if it has no TLS.
    #[must_use]
    pub fn unchecked(&self) -> Vec<&'static str> {
        let checks = [
            (self.validate_certificate_chain, "validateCertificateChain"),
            (self.validate_certificate_name, "validateCertificateName"),
        ];
        let is_off = |(holds, _): &(bool, &str)| !holds && self.url.scheme_str() == Some("https");
        checks
            .into_iter()
            .filter(is_off)
            .map(|(_, name)| name)
            .collect()
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend")
            .field("id", &self.id)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
