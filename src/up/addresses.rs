//! Where the roles of `weir up` really are, as they tell each other and as a browser on this
//! machine writes it.

use weir_policy::Configuration;

use super::{Args, Ports};
use crate::listen::{address_of, localhost_url};

/// The base URLs of the roles, without a slash at the end.
#[derive(Clone)]
pub(super) struct Addresses {
    pub(super) gateway: String,
    pub(super) limiter: String,
    pub(super) backend: String,
    pub(super) identity: String,
    pub(super) web: String,
    /// The origin of the page that may call the gateway and sign in.
    pub(super) spa_origin: String,
}

impl Addresses {
    pub(super) fn new(ports: &Ports, args: &Args) -> Self {
        let web = localhost_url(address_of(&ports.web.service));
        Self {
            gateway: localhost_url(address_of(&ports.gateway.service)),
            limiter: format!("http://{}", address_of(&ports.limiter.service)),
            backend: format!("http://{}", address_of(&ports.backend.service)),
            identity: localhost_url(address_of(&ports.identity.service)),
            spa_origin: args.spa_origin.clone().unwrap_or_else(|| web.clone()),
            web,
        }
    }

    /// Something to call: the first GET operation without parameters, at the gateway.
    pub(super) fn first_call(&self, configuration: &Configuration) -> String {
        let operations = configuration
            .apis
            .iter()
            .flat_map(|api| api.operations.iter().map(move |op| (api, op)));
        let path = operations
            .filter(|(_, operation)| {
                let has_parameters = operation.info.url_template.contains(['{', '*', '?']);
                operation.method == reqwest::Method::GET && !has_parameters
            })
            .map(|(api, operation)| match &*api.info.path {
                "" => operation.info.url_template.to_string(),
                path => format!("/{path}{}", operation.info.url_template),
            })
            .next()
            .unwrap_or_else(|| "/".to_owned());
        format!("{}{path}", self.gateway)
    }
}
