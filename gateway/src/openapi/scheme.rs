//! One way to sign in, as the document tells it: what a specification has, at the addresses of the
//! identity provider.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use weir_token::{Endpoints, Provider};

/// A security scheme of the document.
#[derive(Debug)]
pub(super) struct Scheme {
    pub(super) name: String,
    /// As a specification has it; absent if none does.
    pub(super) written: Option<Value>,
    /// Whose addresses belong into it.
    pub(super) provider: Option<Arc<Provider>>,
}

impl Scheme {
    /// Where the provider has people sign in, once that is known.
    pub(super) fn endpoints(&self) -> Option<Endpoints> {
        self.provider
            .as_ref()
            .and_then(|provider| provider.endpoints())
    }

    /// The scheme with the provider's addresses in place of those written. Until they are known, a
    /// scheme that nobody wrote asks for the bare token: the discovery document's own address is
    /// nobody's business.
    pub(super) fn describe(&self, endpoints: Option<&Endpoints>) -> Value {
        match (&self.written, endpoints) {
            (Some(written), Some(endpoints)) => with_addresses(written.clone(), endpoints),
            (Some(written), None) => written.clone(),
            (None, Some(endpoints)) => {
                with_addresses(json!({ "type": "oauth2", "flows": {} }), endpoints)
            }
            (None, None) => json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" }),
        }
    }

    /// Whether it was written as one with which people sign in.
    pub(super) fn is_sign_in(&self) -> bool {
        self.is_oauth2() || self.is("openIdConnect")
    }

    pub(super) fn is_oauth2(&self) -> bool {
        self.is("oauth2")
    }

    fn is(&self, kind: &str) -> bool {
        self.written
            .as_ref()
            .and_then(|written| written.get("type"))
            .is_some_and(|written| written == kind)
    }

    /// Whether it was written as the bare token.
    pub(super) fn is_bearer(&self) -> bool {
        let scheme = self
            .written
            .as_ref()
            .and_then(|written| written.get("scheme"))
            .and_then(Value::as_str);
        self.is("http") && scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))
    }
}

/// An `oauth2` scheme at these addresses, with the authorization code flow.
fn with_addresses(mut scheme: Value, endpoints: &Endpoints) -> Value {
    let Some(Value::Object(flows)) = scheme.get_mut("flows") else {
        return scheme;
    };
    if !flows.contains_key("authorizationCode") {
        flows.insert(
            "authorizationCode".to_owned(),
            json!({ "scopes": scopes(flows) }),
        );
    }
    for (kind, flow) in flows.iter_mut() {
        let Value::Object(flow) = flow else { continue };
        let mut put = |name: &str, url: &str| flow.insert(name.to_owned(), url.into());
        if matches!(kind.as_str(), "implicit" | "authorizationCode") {
            put("authorizationUrl", &endpoints.authorization);
        }
        if matches!(
            kind.as_str(),
            "password" | "clientCredentials" | "authorizationCode"
        ) {
            put("tokenUrl", &endpoints.token);
        }
        if flow.contains_key("refreshUrl") {
            flow.insert("refreshUrl".to_owned(), endpoints.token.as_str().into());
        }
    }
    scheme
}

/// The scopes of the authorization code flow, else those of another.
pub(super) fn scopes(flows: &Map<String, Value>) -> Map<String, Value> {
    let flow = flows
        .get("authorizationCode")
        .into_iter()
        .chain(flows.values());
    let mut scopes = flow.filter_map(|flow| flow.get("scopes").and_then(Value::as_object));
    scopes.next().cloned().unwrap_or_default()
}
