//! Access restrictions: which addresses may connect at all.
//!
//! The address is the peer of the TCP connection and nothing else. `X-Forwarded-For` can narrow a
//! rule ([`HeaderFilter`]), never widen one: whoever is not in a rule's networks cannot claim to
//! be.

use std::net::IpAddr;
use std::str::FromStr;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use weir_serve::Networks;

/// What a rule does to the addresses it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// They may call.
    Allow,
    /// They get 403.
    Deny,
}

/// One access rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// For the log.
    pub name: String,
    /// The rule with the lowest number comes first; equal numbers in the order listed. The first
    /// that matches decides.
    pub priority: u32,
    /// What happens then.
    pub action: Action,
    /// The networks it names; empty: any address.
    pub networks: Networks,
    /// What the request's headers must hold besides; all of them must match.
    pub headers: Vec<HeaderFilter>,
}

/// The headers a rule can look at. They only ever narrow it.
#[derive(Debug, Clone)]
pub enum HeaderFilter {
    /// An address of `X-Forwarded-For` lies in one of these.
    ForwardedFor(Networks),
    /// A value of `X-Forwarded-Host` is one of these, without regard to case.
    ForwardedHost(Vec<String>),
    /// `X-Azure-FDID` is one of these.
    FrontDoorId(Vec<String>),
    /// `X-FD-HealthProbe` is one of these.
    FrontDoorProbe(Vec<String>),
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FRONT_DOOR_ID: HeaderName = HeaderName::from_static("x-azure-fdid");
const FRONT_DOOR_PROBE: HeaderName = HeaderName::from_static("x-fd-healthprobe");

/// The rules of one host, sorted.
#[derive(Debug)]
pub(crate) struct AccessRestrictions {
    rules: Vec<Rule>,
    unmatched: Action,
}

impl AccessRestrictions {
    /// Without `unmatched`, an address no rule names is denied as soon as there is a rule, even one
    /// that only denies.
    pub(crate) fn new(mut rules: Vec<Rule>, unmatched: Option<Action>) -> Self {
        rules.sort_by_key(|rule| rule.priority);
        let otherwise = if rules.is_empty() {
            Action::Allow
        } else {
            Action::Deny
        };
        Self {
            rules,
            unmatched: unmatched.unwrap_or(otherwise),
        }
    }

    /// Whether the connection's peer, in its canonical form, may make this request.
    pub(crate) fn allows(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let decides = |rule: &&Rule| rule.matches(peer, headers);
        self.rules
            .iter()
            .find(decides)
            .map_or(self.unmatched, |rule| rule.action)
            == Action::Allow
    }
}

impl Rule {
    /// The priority of the rule that `--allow` makes: room before it and behind it.
    pub const DEFAULT_PRIORITY: u32 = 100;

    /// An `Allow` rule for `networks`.
    pub fn allow(networks: Vec<IpNet>) -> Self {
        let (name, headers) = ("allow".to_owned(), Vec::new());
        Self {
            name,
            priority: Self::DEFAULT_PRIORITY,
            action: Action::Allow,
            networks: networks.into(),
            headers,
        }
    }

    fn matches(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let named = self.networks.is_empty() || self.networks.contains(peer);
        named && self.headers.iter().all(|filter| filter.matches(headers))
    }
}

impl HeaderFilter {
    fn matches(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::ForwardedFor(networks) => values(headers, FORWARDED_FOR)
                .filter_map(|value| IpAddr::from_str(value).ok())
                .any(|address| networks.contains(address)),
            Self::ForwardedHost(hosts) => values(headers, FORWARDED_HOST)
                .any(|value| hosts.iter().any(|host| host.eq_ignore_ascii_case(value))),
            Self::FrontDoorId(ids) => {
                values(headers, FRONT_DOOR_ID).any(|value| ids.iter().any(|id| id == value))
            }
            Self::FrontDoorProbe(probes) => values(headers, FRONT_DOOR_PROBE)
                .any(|value| probes.iter().any(|probe| probe == value)),
        }
    }
}

/// The elements of a list header, over all its lines.
fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests;
