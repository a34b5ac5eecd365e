//! The provider's addresses: which tenant, policy and endpoint a path names, and the URLs it
//! publishes in return.
//!
//! A policy stands in the path (`/{tenant}/{policy}/…`, also below `/tfp`) or in the query
//! (`/{tenant}/…?p={policy}`), and a document answers in the form it was asked in. Tenant and
//! policy are matched without regard to case, because client libraries lower-case them; a tenant
//! may be named by its GUID.

use std::sync::Arc;

use url::{Host, Url};

use crate::config::{Config, Issuer};
use crate::error::Error;
use crate::parameters::Parameters;

/// The tenant with its policies and its public URL.
pub(crate) struct Tenant {
    /// Without a trailing slash.
    public_url: String,
    /// Without a trailing slash, too.
    internal_url: Option<String>,
    name: String,
    id: String,
    issuer: Issuer,
    policies: Vec<Arc<str>>,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Discovery,
    Keys,
    Authorize,
    Token,
    Logout,
}

/// How the request named its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Path,
    Tfp,
    Query,
}

/// A policy and the form in which it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// In its configured case, as it stands in `tfp`.
    pub(crate) policy: Arc<str>,
    form: Form,
}

impl Endpoint {
    fn path(self) -> &'static str {
        match self {
            Self::Discovery => "v2.0/.well-known/openid-configuration",
            Self::Keys => "discovery/v2.0/keys",
            Self::Authorize => "oauth2/v2.0/authorize",
            Self::Token => "oauth2/v2.0/token",
            Self::Logout => "oauth2/v2.0/logout",
        }
    }

    fn of_path(path: &str) -> Option<Self> {
        [
            Self::Discovery,
            Self::Keys,
            Self::Authorize,
            Self::Token,
            Self::Logout,
        ]
        .into_iter()
        .find(|endpoint| endpoint.path() == path)
    }
}

impl Tenant {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        for (setting, value) in [
            ("tenant name", &config.tenant_name),
            ("tenant id", &config.tenant_id),
        ] {
            check_segment(setting, value)?;
        }
        for policy in &config.policies {
            check_segment("policy", policy)?;
        }
        if config.policies.is_empty() {
            return Err(Error::Setting {
                setting: "policies",
                problem: "are missing: name at least one".to_owned(),
            });
        }
        Ok(Self {
            public_url: origin("public URL", &config.public_url)?,
            internal_url: config
                .internal_url
                .as_deref()
                .map(|url| origin("internal URL", url))
                .transpose()?,
            name: config.tenant_name.clone(),
            id: config.tenant_id.clone(),
            issuer: config.issuer,
            policies: config
                .policies
                .iter()
                .map(|policy| policy.as_str().into())
                .collect(),
        })
    }

    /// What a path and query are for, if they are this tenant's.
    pub(crate) fn locate(&self, path: &str, query: Option<&str>) -> Option<(Endpoint, Place)> {
        let path = path.strip_prefix('/')?;
        let (tfp, path) = path
            .strip_prefix("tfp/")
            .map_or((false, path), |rest| (true, rest));
        let (tenant, rest) = path.split_once('/')?;
        if !tenant.eq_ignore_ascii_case(&self.name) && !tenant.eq_ignore_ascii_case(&self.id) {
            return None;
        }
        if let Some(endpoint) = Endpoint::of_path(rest) {
            let parameters = Parameters::parse(query.unwrap_or_default().as_bytes()).ok()?;
            let policy = self.policy(parameters.get("p")?)?;
            return Some((
                endpoint,
                Place {
                    policy,
                    form: Form::Query,
                },
            ));
        }
        let (policy, rest) = rest.split_once('/')?;
        let form = if tfp { Form::Tfp } else { Form::Path };
        Some((
            Endpoint::of_path(rest)?,
            Place {
                policy: self.policy(policy)?,
                form,
            },
        ))
    }

    fn policy(&self, name: &str) -> Option<Arc<str>> {
        self.policies
            .iter()
            .find(|policy| policy.eq_ignore_ascii_case(name))
            .cloned()
    }

    /// The address of an endpoint, in the form of `place`.
    pub(crate) fn url(&self, endpoint: Endpoint, place: &Place) -> String {
        self.url_at(&self.public_url, endpoint, place)
    }

    /// The address of the key set for somebody who asked `host` for it: where they reach the
    /// provider. Only the two configured addresses are ever named, so a forged `Host` leads nowhere
    /// else.
    pub(crate) fn keys_url(&self, place: &Place, host: Option<&str>) -> String {
        let internal = self
            .internal_url
            .as_deref()
            .filter(|url| host.is_some_and(|host| is_at(url, host)));
        self.url_at(internal.unwrap_or(&self.public_url), Endpoint::Keys, place)
    }

    fn url_at(&self, base: &str, endpoint: Endpoint, place: &Place) -> String {
        let (tenant, path) = (&self.name, endpoint.path());
        let policy = place.policy.to_ascii_lowercase();
        match place.form {
            Form::Path => format!("{base}/{tenant}/{policy}/{path}"),
            Form::Tfp => format!("{base}/tfp/{tenant}/{policy}/{path}"),
            Form::Query => format!("{base}/{tenant}/{path}?p={policy}"),
        }
    }

    /// The issuer of a policy's tokens, byte for byte as in discovery.
    pub(crate) fn issuer(&self, policy: &str) -> String {
        match self.issuer {
            Issuer::Tenant => format!("{}/{}/v2.0/", self.public_url, self.id),
            Issuer::Policy => {
                format!(
                    "{}/tfp/{}/{}/v2.0/",
                    self.public_url,
                    self.id,
                    policy.to_ascii_lowercase()
                )
            }
        }
    }

    /// Scheme, host and port under which browsers reach the provider.
    pub(crate) fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The tenant's GUID.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The policy that development tokens name, and where its discovery document is.
    pub(crate) fn first_place(&self) -> Place {
        Place {
            policy: Arc::clone(&self.policies[0]),
            form: Form::Path,
        }
    }
}

/// Checks that a setting is an http or https origin and returns it without a trailing slash.
pub(crate) fn origin(setting: &'static str, text: &str) -> Result<String, Error> {
    let refuse = |problem: String| Err(Error::Setting { setting, problem });
    let Ok(url) = Url::parse(text) else {
        return refuse(format!(
            "is no URL: {text:?}. Give scheme, host and port, such as http://localhost:3000"
        ));
    };
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !bare {
        return refuse(format!(
            "must be scheme, host and port only, such as http://localhost:3000, and not {text:?}"
        ));
    }
    Ok(url.origin().ascii_serialization())
}

/// Whether a `Host` header names this origin, which says its port unless it is the scheme's own.
fn is_at(origin: &str, host: &str) -> bool {
    origin
        .split_once("://")
        .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

/// Whether browsers trust an origin with cookies for secure connections and with cryptography: it
/// is https, or it is this machine.
pub(crate) fn is_secure(origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else {
        return false;
    };
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    local || url.scheme() == "https"
}

fn check_segment(setting: &'static str, text: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !text.is_empty() && text.len() <= 128 && text.bytes().all(allowed) {
        return Ok(());
    }
    let problem =
        format!("must be 1 to 128 letters, digits, dots, dashes and underscores, and not {text:?}");
    Err(Error::Setting { setting, problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::development::{
        DISCOVERY_URL, DISCOVERY_URL_WITH_QUERY, POLICY, PUBLIC_URL, TENANT_ID,
    };

    fn locate(target: &str) -> Option<(Endpoint, Place)> {
        let (path, query) = target
            .split_once('?')
            .map_or((target, None), |(path, query)| (path, Some(query)));
        Tenant::new(&Config::default()).unwrap().locate(path, query)
    }

    #[test]
    fn every_way_to_name_the_policy_is_understood() {
        let tenant = Tenant::new(&Config::default()).unwrap();
        for (target, form) in [
            (
                DISCOVERY_URL.strip_prefix(PUBLIC_URL).unwrap().to_owned(),
                Form::Path,
            ),
            (
                DISCOVERY_URL
                    .strip_prefix(PUBLIC_URL)
                    .unwrap()
                    .to_ascii_lowercase(),
                Form::Path,
            ),
            (
                DISCOVERY_URL_WITH_QUERY
                    .strip_prefix(PUBLIC_URL)
                    .unwrap()
                    .to_owned(),
                Form::Query,
            ),
            (
                format!("/{TENANT_ID}/{POLICY}/v2.0/.well-known/openid-configuration"),
                Form::Path,
            ),
            (
                format!("/tfp/{TENANT_ID}/{POLICY}/v2.0/.well-known/openid-configuration"),
                Form::Tfp,
            ),
        ] {
            let (endpoint, place) = locate(&target).unwrap_or_else(|| panic!("{target}"));
            assert_eq!(endpoint, Endpoint::Discovery, "{target}");
            assert_eq!((&*place.policy, place.form), (POLICY, form), "{target}");
            let published = tenant.url(Endpoint::Token, &place);
            let (endpoint, back) = locate(published.strip_prefix(PUBLIC_URL).unwrap()).unwrap();
            assert_eq!((endpoint, back), (Endpoint::Token, place));
        }
    }

    #[test]
    fn other_paths_are_not_ours() {
        for target in [
            "/",
            "/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration",
            "/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration?p=B2C_1_other",
            "/fabrikam.onmicrosoft.com/B2C_1_Frontendapp_signupandsignin/v2.0/.well-known/openid-configuration",
            "/contoso.onmicrosoft.com/B2C_1_Frontendapp_signupandsignin/oauth2/v2.0/authorize/",
            "/contoso.onmicrosoft.com/B2C_1_Frontendapp_signupandsignin/oauth2/v2.0/revoke",
        ] {
            assert_eq!(locate(target), None, "{target}");
        }
    }

    #[test]
    fn keys_are_named_where_they_were_asked_for() {
        let config = Config {
            internal_url: Some("http://identity:8090/".to_owned()),
            ..Config::default()
        };
        let tenant = Tenant::new(&config).unwrap();
        let keys = |host| tenant.keys_url(&tenant.first_place(), host);
        for inside in ["identity:8090", "IDENTITY:8090"] {
            assert!(
                keys(Some(inside)).starts_with("http://identity:8090/contoso"),
                "{inside}"
            );
        }
        for host in [
            None,
            Some("localhost:8090"),
            Some("identity"),
            Some("identity:80"),
            Some("evil.example"),
        ] {
            assert!(keys(host).starts_with(PUBLIC_URL), "{host:?}");
        }
        let none = Tenant::new(&Config::default()).unwrap();
        assert!(
            none.keys_url(&none.first_place(), Some("identity:8090"))
                .starts_with(PUBLIC_URL)
        );
    }

    #[test]
    fn the_public_url_is_an_origin() {
        assert_eq!(
            origin("public URL", "https://id.example.com/").unwrap(),
            "https://id.example.com"
        );
        for bad in [
            "localhost:8090",
            "http://localhost:8090/identity",
            "ftp://x",
            "http://a@b",
            "http://a/?b",
            "",
        ] {
            assert!(origin("public URL", bad).is_err(), "{bad}");
        }
    }
}
