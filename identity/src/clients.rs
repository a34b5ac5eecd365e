//! The registered applications: the backend, which exposes the scope, and the single-page
//! application, which asks for it.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::config::Config;
use crate::crypto;
use crate::development;
use crate::error::Error;
use crate::tenant;

/// One registered application.
pub(crate) struct Client {
    pub(crate) id: String,
    /// What people are told they sign in to.
    pub(crate) name: &'static str,
    pub(crate) kind: ClientKind,
    /// Compared byte for byte; sign-out redirects to the same list.
    redirect_uris: Vec<String>,
    /// What it exposes to others, if it is an API.
    pub(crate) api: Option<Api>,
    /// The full URIs of the scopes an administrator has granted it.
    pub(crate) permissions: Vec<String>,
}

/// Whether the application can keep a secret.
pub(crate) enum ClientKind {
    /// It runs in a browser: no secret, but its pages may call the token endpoint from their
    /// origin.
    SinglePage,
    /// It runs on a server and must prove who it is.
    Confidential(SecretString),
}

/// An API and its scopes.
pub(crate) struct Api {
    /// Its App ID URI, the prefix of its scopes.
    pub(crate) uri: &'static str,
    /// Short names.
    pub(crate) scopes: &'static [&'static str],
}

impl Client {
    /// Whether the URI is registered, byte for byte.
    pub(crate) fn has_redirect_uri(&self, uri: &str) -> bool {
        self.redirect_uris
            .iter()
            .any(|registered| registered == uri)
    }

    pub(crate) fn is_confidential(&self) -> bool {
        matches!(self.kind, ClientKind::Confidential(_))
    }

    /// Whether this is the client's secret. A client without one has no right secret.
    pub(crate) fn has_secret(&self, presented: &str) -> bool {
        match &self.kind {
            ClientKind::Confidential(secret) => {
                crypto::same_secret(secret.expose_secret(), presented)
            }
            ClientKind::SinglePage => false,
        }
    }
}

#[cfg(test)]
impl Client {
    /// An application that may nothing.
    pub(crate) fn stranger() -> Self {
        Self {
            id: "stranger".to_owned(),
            name: "Stranger",
            kind: ClientKind::SinglePage,
            redirect_uris: Vec::new(),
            api: None,
            permissions: Vec::new(),
        }
    }
}

/// All registered applications.
pub(crate) struct Clients(Vec<Client>);

impl Clients {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let mut redirect_uris = Vec::new();
        for text in &config.spa_origins {
            let origin = tenant::origin("SPA origin", text)?;
            if !tenant::is_secure(&origin) {
                let problem = format!(
                    "must be https, or http on localhost, and not {text:?}: browsers give other pages no cryptography"
                );
                return Err(Error::Setting {
                    setting: "SPA origin",
                    problem,
                });
            }
            redirect_uris.push(format!("{origin}{}", development::CONSOLE_REDIRECT_PATH));
            // Pages send their origin with or without a slash, depending on the library; nothing is
            // added or removed when URIs are compared, so both are registered.
            redirect_uris.push(format!("{origin}/"));
            redirect_uris.push(origin);
        }
        let frontend = Client {
            id: development::FRONTEND_CLIENT_ID.to_owned(),
            name: "Frontend Application",
            kind: ClientKind::SinglePage,
            redirect_uris,
            api: None,
            permissions: vec![development::SCOPE.to_owned()],
        };
        let backend = Client {
            id: development::BACKEND_CLIENT_ID.to_owned(),
            name: "Backend Application",
            kind: ClientKind::Confidential(config.backend_client_secret.clone()),
            redirect_uris: vec![development::BACKEND_REDIRECT_URI.to_owned()],
            api: Some(Api {
                uri: development::APP_ID_URI,
                scopes: &[development::SCOPE_NAME],
            }),
            permissions: vec![development::SCOPE.to_owned()],
        };
        Ok(Self(vec![backend, frontend]))
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Client> {
        self.0
            .iter()
            .find(|client| client.id.eq_ignore_ascii_case(id))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Client> {
        self.0.iter()
    }

    /// Whether scripts of this origin may call the token endpoint.
    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        self.iter()
            .filter(|client| !client.is_confidential())
            .flat_map(|client| &client.redirect_uris)
            .any(|uri| origin_of(uri).as_deref() == Some(origin))
    }
}

/// The origin of a registered URI.
pub(crate) fn origin_of(uri: &str) -> Option<String> {
    Url::parse(uri)
        .ok()
        .map(|url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uris_are_compared_byte_for_byte() {
        let clients = Clients::new(&Config::default()).unwrap();
        let spa = clients.find(development::FRONTEND_CLIENT_ID).unwrap();
        for good in [
            "http://localhost:3000",
            "http://localhost:3000/",
            "http://localhost:3000/developer/oauth2-redirect.html",
        ] {
            assert!(spa.has_redirect_uri(good), "{good}");
        }
        for bad in [
            "http://localhost:3000//",
            "http://LOCALHOST:3000",
            "https://localhost:3000",
            "http://localhost:3001",
            "http://localhost",
            "http://localhost:3000.evil.example",
            "http://localhost:3000/%2e",
            "http://localhost:3000/?a=b",
            "http://localhost:3000/#",
            "http://user@localhost:3000/",
            "http://localhost:3000@evil.example/",
            "http://127.0.0.1:3000/",
            " http://localhost:3000",
            "",
        ] {
            assert!(!spa.has_redirect_uri(bad), "{bad}");
        }
    }

    #[test]
    fn an_origin_without_encryption_is_refused_beyond_this_machine() {
        for (origin, accepted) in [
            ("http://127.0.0.1:3000", true),
            ("http://[::1]:3000", true),
            ("https://app.example.com", true),
            ("http://app.example.com", false),
            ("http://localhost.example.com", false),
            ("http://localhost:3000/path", false),
        ] {
            let config = Config {
                spa_origins: vec![origin.to_owned()],
                ..Config::default()
            };
            assert_eq!(Clients::new(&config).is_ok(), accepted, "{origin}");
        }
    }

    #[test]
    fn only_origins_of_single_page_applications_may_call() {
        let clients = Clients::new(&Config::default()).unwrap();
        assert!(clients.allows_origin("http://localhost:3000"));
        for origin in ["http://localhost:7071", "http://localhost:3001", "null", ""] {
            assert!(!clients.allows_origin(origin), "{origin}");
        }
    }

    #[test]
    fn a_client_without_a_secret_accepts_none() {
        let clients = Clients::new(&Config::default()).unwrap();
        let backend = clients.find(development::BACKEND_CLIENT_ID).unwrap();
        assert!(backend.has_secret(development::BACKEND_CLIENT_SECRET));
        assert!(!backend.has_secret("guess"));
        assert!(
            !clients
                .find(development::FRONTEND_CLIENT_ID)
                .unwrap()
                .has_secret("")
        );
    }
}
