//! Scopes: what was asked for, what is granted, and whose token that makes it.

use crate::clients::{Client, Clients};

/// Scopes without a resource of their own.
const STANDARD: [&str; 4] = ["openid", "offline_access", "profile", "email"];

/// What a client got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    /// As they were asked for, in that order: client libraries look tokens up by exactly these.
    scopes: Vec<String>,
    /// The client ID that the access token is for.
    audience: String,
}

/// Why nothing is granted. The texts begin with the codes of Azure AD B2C.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScopeError {
    #[error("The parameter scope is missing.")]
    Missing,
    #[error("AADB2C90117: The scope '{0}' is not supported.")]
    Unknown(String),
    #[error(
        "AADB2C90146: The scope asks for more than one resource, and a token has only one audience."
    )]
    SeveralApis,
    #[error(
        "AADB2C90205: This application does not have sufficient permissions for this resource."
    )]
    NotPermitted,
    #[error("The scope '{0}' was not granted at sign-in.")]
    Wider(String),
}

impl Granted {
    /// What of `requested`, separated by spaces, the client may have. Asking for more than is
    /// permitted is fine as long as something is.
    pub(crate) fn new(
        clients: &Clients,
        client: &Client,
        requested: &str,
    ) -> Result<Self, ScopeError> {
        let mut scopes: Vec<String> = Vec::new();
        let mut audience: Option<&str> = None;
        let mut refused = false;
        for scope in requested.split(' ').filter(|scope| !scope.is_empty()) {
            if scopes.iter().any(|known| known == scope) {
                continue;
            }
            if !STANDARD.contains(&scope) {
                let owner = owner(clients, client, scope)
                    .ok_or_else(|| ScopeError::Unknown(scope.to_owned()))?;
                if audience.is_some_and(|audience| audience != owner) {
                    return Err(ScopeError::SeveralApis);
                }
                audience = Some(owner);
                if owner != client.id
                    && !client
                        .permissions
                        .iter()
                        .any(|permitted| permitted == scope)
                {
                    refused = true;
                    continue;
                }
            }
            scopes.push(scope.to_owned());
        }
        match (scopes.is_empty(), refused) {
            (true, true) => Err(ScopeError::NotPermitted),
            (true, false) => Err(ScopeError::Missing),
            _ => {
                let has_api = scopes
                    .iter()
                    .any(|scope| !STANDARD.contains(&scope.as_str()));
                let audience = audience
                    .filter(|_| has_api)
                    .unwrap_or(&client.id)
                    .to_owned();
                Ok(Self { scopes, audience })
            }
        }
    }

    /// Those of the granted scopes that a refresh asks for, or all of them.
    pub(crate) fn narrow(
        &self,
        requested: Option<&str>,
        client_id: &str,
    ) -> Result<Self, ScopeError> {
        let Some(requested) = requested else {
            return Ok(self.clone());
        };
        let mut scopes: Vec<String> = Vec::new();
        for scope in requested.split(' ').filter(|scope| !scope.is_empty()) {
            if !self.has(scope) {
                return Err(ScopeError::Wider(scope.to_owned()));
            }
            if !scopes.iter().any(|known| known == scope) {
                scopes.push(scope.to_owned());
            }
        }
        if scopes.is_empty() {
            return Ok(self.clone());
        }
        let has_api = scopes
            .iter()
            .any(|scope| !STANDARD.contains(&scope.as_str()));
        let audience = if has_api {
            self.audience.clone()
        } else {
            client_id.to_owned()
        };
        Ok(Self { scopes, audience })
    }

    /// As they were asked for, in that order.
    pub(crate) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    pub(crate) fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }

    /// The client ID that the access token is for.
    pub(crate) fn audience(&self) -> &str {
        &self.audience
    }

    /// As they stand in the token endpoint's answer.
    pub(crate) fn as_asked(&self) -> String {
        self.scopes.join(" ")
    }

    /// As they stand in `scp`: short names, without the App ID URI. None if there are none.
    pub(crate) fn short_names(&self) -> Option<String> {
        let names: Vec<_> = self
            .scopes
            .iter()
            .filter_map(|scope| scope.rsplit_once('/'))
            .map(|(_, name)| name)
            .collect();
        (!names.is_empty()).then(|| names.join(" "))
    }
}

/// The ID of the client whose resource a scope names: the asking client itself, or one that exposes
/// the scope.
fn owner<'a>(clients: &'a Clients, client: &'a Client, scope: &str) -> Option<&'a str> {
    if scope == client.id {
        return Some(&client.id);
    }
    let (uri, name) = scope.rsplit_once('/')?;
    clients
        .iter()
        .find(|owner| {
            owner
                .api
                .as_ref()
                .is_some_and(|api| api.uri == uri && api.scopes.contains(&name))
        })
        .map(|owner| owner.id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::development::{APP_ID_URI, BACKEND_CLIENT_ID, FRONTEND_CLIENT_ID, SCOPE};

    fn grant(requested: &str) -> Result<Granted, ScopeError> {
        let clients = Clients::new(&Config::default()).unwrap();
        Granted::new(
            &clients,
            clients.find(FRONTEND_CLIENT_ID).unwrap(),
            requested,
        )
    }

    #[test]
    fn an_api_scope_makes_a_token_for_the_api() {
        let granted = grant(&format!("openid profile offline_access {SCOPE} {SCOPE}")).unwrap();
        assert_eq!(granted.audience(), BACKEND_CLIENT_ID);
        assert_eq!(granted.short_names().as_deref(), Some("Hello"));
        assert_eq!(
            granted.as_asked(),
            format!("openid profile offline_access {SCOPE}")
        );
    }

    #[test]
    fn without_an_api_scope_the_token_is_for_the_client_itself() {
        for requested in ["openid", FRONTEND_CLIENT_ID] {
            let granted = grant(requested).unwrap();
            assert_eq!(
                (granted.audience(), granted.short_names()),
                (FRONTEND_CLIENT_ID, None),
                "{requested}"
            );
        }
    }

    #[test]
    fn what_cannot_be_granted_is_told_apart() {
        assert_eq!(grant(" "), Err(ScopeError::Missing));
        let unknown = format!("{APP_ID_URI}/Goodbye");
        assert_eq!(
            grant(&format!("openid {unknown}")),
            Err(ScopeError::Unknown(unknown))
        );
        assert_eq!(
            grant(&format!("{SCOPE} {FRONTEND_CLIENT_ID}")),
            Err(ScopeError::SeveralApis)
        );
    }

    #[test]
    fn a_scope_without_permission_is_left_out_or_refused() {
        let clients = Clients::new(&Config::default()).unwrap();
        let stranger = Client::stranger();
        assert_eq!(
            Granted::new(&clients, &stranger, SCOPE),
            Err(ScopeError::NotPermitted)
        );
        let granted = Granted::new(&clients, &stranger, &format!("openid {SCOPE}")).unwrap();
        assert_eq!(
            (granted.as_asked().as_str(), granted.audience()),
            ("openid", "stranger")
        );
    }

    #[test]
    fn a_refresh_may_ask_for_less_and_not_for_more() {
        let granted = grant(&format!("openid offline_access {SCOPE}")).unwrap();
        assert_eq!(
            granted.narrow(None, FRONTEND_CLIENT_ID),
            Ok(granted.clone())
        );
        let less = granted.narrow(Some("openid"), FRONTEND_CLIENT_ID).unwrap();
        assert_eq!(
            (less.as_asked().as_str(), less.audience()),
            ("openid", FRONTEND_CLIENT_ID)
        );
        assert_eq!(
            granted.narrow(Some("openid profile"), FRONTEND_CLIENT_ID),
            Err(ScopeError::Wider("profile".to_owned()))
        );
    }
}
