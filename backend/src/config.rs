//! What the host can be told, with defaults for development.

use std::time::Duration;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

use crate::access::{Action, Rule};
use crate::function::Function;
use crate::functions;

/// Everything the host needs to start.
#[derive(Debug, Clone)]
pub struct Config {
    /// The host keys: each opens every function of level
    /// [`Level::Function`](crate::Level::Function).
    pub function_keys: Vec<SecretString>,
    /// Opens everything, functions of level [`Level::Admin`](crate::Level::Admin) included. Without
    /// it nothing opens those.
    pub master_key: Option<SecretString>,
    /// The discovery document of the provider whose tokens are accepted.
    pub openid_config: String,
    /// How that provider is asked for its keys.
    pub providers: weir_token::ProvidersConfig,
    /// Every value sent has the provider asked for its keys at once. `None`: nobody can.
    pub refresh_keys: Option<watch::Receiver<()>>,
    /// A token must be meant for one of these. The first is the client id of this application.
    pub audiences: Vec<String>,
    /// Where a caller without a token is told to sign in. Without it, derived from `openid_config`
    /// where that follows the layout of Azure AD B2C and Entra.
    pub authorization_uri: Option<String>,
    /// Paths that need no token, such as `/api/status`, or `/api/public/*` for all below.
    pub excluded_paths: Vec<String>,
    /// Networks that may connect: one `Allow` rule for all of them.
    pub allow: Vec<IpNet>,
    /// Further access rules, taken together with `allow`, which has [priority
    /// 100](crate::Rule::priority).
    pub rules: Vec<Rule>,
    /// What happens to an address that no rule names. `None`: denied as soon as there is any rule.
    pub unmatched: Option<Action>,
    /// The functions served.
    pub functions: Vec<Function>,
    /// How much of everything at most.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            function_keys: vec![SecretString::from(weir_development::FUNCTION_KEY)],
            master_key: None,
            openid_config: weir_development::DISCOVERY_URL.to_owned(),
            providers: weir_token::ProvidersConfig::default(),
            refresh_keys: None,
            audiences: vec![weir_development::BACKEND_CLIENT_ID.to_owned()],
            authorization_uri: None,
            excluded_paths: Vec::new(),
            allow: vec![
                "127.0.0.0/8".parse().expect("a constant network"),
                "::1/128".parse().expect("a constant network"),
            ],
            rules: Vec::new(),
            unmatched: None,
            functions: functions::all(),
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// The names of the secrets that still have their public development value. A host that others
    /// can reach must have none.
    pub fn development_secrets(&self) -> Vec<&'static str> {
        let public = |key: &SecretString| key.expose_secret() == weir_development::FUNCTION_KEY;
        let mut names = Vec::new();
        if self.function_keys.iter().any(public) {
            names.push("function key");
        }
        if self.master_key.as_ref().is_some_and(public) {
            names.push("master key");
        }
        names
    }
}

/// How much of everything at most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// What connections may hold.
    pub connections: weir_serve::Limits,
    /// Bytes of one request's body; more is 413.
    pub body_bytes: usize,
    /// How long a request's body may take; more is 408.
    pub body_time: Duration,
    /// How long a function may take; more is 504.
    pub function_time: Duration,
    /// Functions running at a time; more wait.
    pub executing: usize,
    /// Requests that run or wait to; more get 429 with `X-FUNCTION-SCALEOUT`.
    pub outstanding: usize,
    /// How far the clocks of the provider and of this machine may be apart.
    pub clock_skew: Duration,
}

/// Above the 90 s after which pooling clients drop an idle connection, so that it is theirs to
/// close and no request meets a connection that is just being closed here.
const IDLE: Duration = Duration::from_secs(100);

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: weir_serve::Limits {
                connections: 4096,
                // Twice the gateway's: it adds headers of its own to what a client sent.
                header_bytes: 64 * 1024,
                headers: 100,
                header_timeout: IDLE,
                idle_timeout: IDLE,
                // Bytes that stand still this long will not move again.
                stall_timeout: Duration::from_secs(30),
                // One gateway may well have a single connection, and must be able to use all the
                // places there are (`outstanding`) and to be told when it wants more.
                streams: 256,
                drain: Duration::from_secs(20),
            },
            body_bytes: 1024 * 1024,
            body_time: Duration::from_secs(30),
            // The load balancer in front of Azure Functions cuts every answer at this.
            function_time: Duration::from_secs(230),
            // The defaults of a Consumption plan.
            executing: 100,
            outstanding: 200,
            clock_skew: Duration::from_secs(300),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_secrets_are_named() {
        assert_eq!(Config::default().development_secrets(), ["function key"]);
        let keys = vec![
            SecretString::from("a-real-key"),
            SecretString::from(weir_development::FUNCTION_KEY),
        ];
        assert_eq!(
            Config {
                function_keys: keys,
                ..Config::default()
            }
            .development_secrets(),
            ["function key"]
        );
        let keys = vec![SecretString::from("a-real-key")];
        assert!(
            Config {
                function_keys: keys,
                ..Config::default()
            }
            .development_secrets()
            .is_empty()
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", Config::default()).contains(weir_development::FUNCTION_KEY));
    }
}
