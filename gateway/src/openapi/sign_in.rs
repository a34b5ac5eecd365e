//! How callers of an operation prove who they are, as the document tells it.
//!
//! A specification says it in security schemes, but may say it wrong: it was written for another
//! environment, or says nothing. What the gateway checks is in its policies, and where to sign in
//! is in the discovery document that such a policy names. So an operation with `validate-jwt`
//! always asks for a sign-in here, with the specification's own scopes where it has some, at the
//! provider's own addresses where they are known.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::{Map, Value, json};
use weir_policy::Api;
use weir_policy::plan::{Action, Plan, TokenSource, ValidateJwt};
use weir_token::{Providers, ProvidersError};

use super::names::Names;
use super::scheme::{self, Scheme};

/// One way to be admitted: scopes by the name of each scheme that is needed.
type Requirement = Map<String, Value>;

/// The schemes of all APIs, as far as they have been gone through.
pub(super) struct Schemes<'p> {
    providers: &'p Providers,
    pub(super) list: Vec<Scheme>,
    /// Names of those that no specification has, by the discovery URL; empty for keys in the
    /// policy.
    generated: Vec<(String, String)>,
}

/// The schemes of one API's specification.
pub(super) struct Own {
    /// Their places in the list.
    places: Range<usize>,
    /// The first one with which people sign in, and its scopes.
    oauth2: Option<(String, Value)>,
}

impl<'p> Schemes<'p> {
    pub(super) fn new(providers: &'p Providers) -> Self {
        Self {
            providers,
            list: Vec::new(),
            generated: Vec::new(),
        }
    }

    /// Takes over the schemes of an API's specification. A provider's addresses take the place of
    /// those written if there is no doubt which provider is meant.
    pub(super) fn add(&mut self, api: &Api, names: &Names<'_>) -> Result<Own, ProvidersError> {
        let policies = api
            .operations
            .iter()
            .filter_map(|operation| demand(&operation.plan));
        let urls: BTreeSet<&String> = policies.flat_map(|policy| &policy.openid_configs).collect();
        let provider = match urls.first() {
            Some(url) if urls.len() == 1 => Some(self.providers.provider(url)?),
            _ => None,
        };
        let start = self.list.len();
        let mut oauth2 = None;
        let written = names
            .specification
            .pointer("/components/securitySchemes")
            .and_then(Value::as_object);
        for (name, text) in written.into_iter().flatten() {
            let mut scheme = Scheme {
                name: names.name(name),
                written: Some(names.copy(text)),
                provider: None,
            };
            if scheme.is_oauth2() {
                scheme.provider.clone_from(&provider);
                let flows = text
                    .get("flows")
                    .and_then(Value::as_object)
                    .map(scheme::scopes)
                    .unwrap_or_default();
                oauth2
                    .get_or_insert_with(|| (scheme.name.clone(), flows.keys().cloned().collect()));
            }
            self.list.push(scheme);
        }
        Ok(Own {
            places: start..self.list.len(),
            oauth2,
        })
    }

    /// The ways to be admitted to an operation with `plan`; `None` if nothing is known. `written`
    /// are those of the specification, with the names of the document.
    pub(super) fn requirements(
        &mut self,
        own: &Own,
        written: Option<&Vec<Value>>,
        plan: &Plan,
    ) -> Result<Option<Vec<Requirement>>, ProvidersError> {
        let schemes = &self.list[own.places.clone()];
        let written: Option<Vec<_>> = written.map(|ways| {
            ways.iter()
                .filter_map(|way| defined(way, schemes))
                .collect()
        });
        let Some(policy) = demand(plan) else {
            return Ok(written);
        };
        let mut ways = written
            .filter(|ways| !ways.is_empty())
            .unwrap_or_else(|| vec![Requirement::new()]);
        let named = |name: &str, fits: fn(&Scheme) -> bool| {
            schemes.iter().any(|s| s.name == name && fits(s))
        };
        // Nobody can be sent to keys in the policy to sign in: the bare token is all there is to
        // ask for.
        let bare = policy.openid_configs.is_empty();
        let enough = |name: &String| {
            named(name, Scheme::is_sign_in) || (bare && named(name, Scheme::is_bearer))
        };
        let mut lacking = Vec::new();
        for (place, way) in ways.iter_mut().enumerate() {
            if !way.keys().any(enough) {
                // What is sent is the same token: to say it twice would be to ask for it twice.
                way.retain(|name, _| !named(name, Scheme::is_bearer));
                lacking.push(place);
            }
        }
        if !lacking.is_empty() {
            let (name, scopes) = match &own.oauth2 {
                Some(sign_in) => sign_in.clone(),
                None => (self.generate(policy)?, json!([])),
            };
            for place in lacking {
                ways[place].insert(name.clone(), scopes.clone());
            }
        }
        let mut all: Vec<Requirement> = Vec::new();
        for way in ways {
            if !all.contains(&way) {
                all.push(way);
            }
        }
        Ok(Some(all))
    }

    /// The name of the scheme for a policy whose API has none: one for each provider, shared by all
    /// APIs.
    fn generate(&mut self, policy: &ValidateJwt) -> Result<String, ProvidersError> {
        let url = policy
            .openid_configs
            .first()
            .map(String::as_str)
            .unwrap_or_default();
        if let Some((_, name)) = self.generated.iter().find(|(known, _)| known == url) {
            return Ok(name.clone());
        }
        let provider = if url.is_empty() {
            None
        } else {
            Some(self.providers.provider(url)?)
        };
        let base = if url.is_empty() { "bearer" } else { "sign-in" };
        let mut name = base.to_owned();
        let mut number = 1;
        while self.list.iter().any(|scheme| scheme.name == name) {
            number += 1;
            name = format!("{base}-{number}");
        }
        self.list.push(Scheme {
            name: name.clone(),
            written: None,
            provider,
        });
        self.generated.push((url.to_owned(), name.clone()));
        Ok(name)
    }
}

/// The policy that asks every caller for a token in `Authorization`, if there is one. One inside
/// `choose` may not ask.
fn demand(plan: &Plan) -> Option<&ValidateJwt> {
    plan.inbound.iter().find_map(|step| {
        let Action::ValidateJwt(policy) = &step.action else {
            return None;
        };
        match &policy.source {
            TokenSource::Header(name) => name
                .literal()
                .is_some_and(|name| name.eq_ignore_ascii_case("authorization"))
                .then_some(&**policy),
            TokenSource::QueryParameter(_) | TokenSource::Value(_) => None,
        }
    })
}

/// The requirement without schemes that do not exist; `None` if it has no others. An empty one is
/// one: no proof needed.
fn defined(requirement: &Value, schemes: &[Scheme]) -> Option<Requirement> {
    let written = requirement.as_object()?;
    let mut kept = written.clone();
    kept.retain(|name, _| schemes.iter().any(|scheme| scheme.name == *name));
    (kept.is_empty() == written.is_empty()).then_some(kept)
}
