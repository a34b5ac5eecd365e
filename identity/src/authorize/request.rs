//! Checking an authorization request.
//!
//! The order matters: until client and redirect URI are known to belong together nothing may be
//! sent to that URI, or the provider would redirect anybody anywhere. From then on every error goes
//! to the application.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::authorize::answer::{Answer, Failure, Reply, ResponseMode};
use crate::clients::Client;
use crate::clock::until;
use crate::parameters::Parameters;
use crate::pkce::Challenge;
use crate::provider::Provider;
use crate::scopes::Granted;
use crate::sessions::Session;
use crate::tenant::Place;

/// What an application asked for, checked.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizeRequest {
    pub(crate) client_id: String,
    pub(crate) client_name: &'static str,
    pub(crate) confidential: bool,
    pub(crate) policy: Arc<str>,
    pub(crate) redirect_uri: String,
    pub(crate) granted: Granted,
    pub(crate) challenge: Challenge,
    pub(crate) nonce: Option<String>,
    pub(crate) prompt: Prompt,
    /// Consent is asked for even if it was given before.
    pub(crate) asks_consent: bool,
    /// How old a sign-in may be.
    pub(crate) max_age: Option<Duration>,
    /// The e-mail address to begin with.
    pub(crate) login_hint: Option<String>,
    /// Where and how the answer goes.
    pub(crate) reply: Reply,
}

/// Whether the person may or must be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// Only without a session.
    IfNeeded,
    /// Never.
    None,
    /// Always.
    Login,
}

/// Why a request is refused, and who is told.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The person, on a page: there is no address that could be trusted.
    Page(&'static str),
    /// The application.
    Application(Reply, Answer),
}

impl AuthorizeRequest {
    /// Checks a request to the endpoint of `place`.
    pub(crate) fn check(
        provider: &Provider,
        place: &Place,
        parameters: &Parameters,
    ) -> Result<Self, Refusal> {
        let (client, redirect_uri) =
            client_and_redirect_uri(provider, parameters).map_err(Refusal::Page)?;
        let mut reply = Reply {
            redirect_uri: redirect_uri.to_owned(),
            mode: ResponseMode::Query,
            state: parameters.get("state").map(str::to_owned),
        };
        match parameters.get("response_mode") {
            None => {}
            Some(mode) => match ResponseMode::parse(mode) {
                Some(mode) => reply.mode = mode,
                None => {
                    let problem = "response_mode must be query, fragment or form_post.";
                    return Err(Refusal::Application(
                        reply,
                        Answer::error(Failure::InvalidRequest, problem),
                    ));
                }
            },
        }
        Self::check_rest(provider, place, parameters, client, &reply)
            .map_err(|answer| Refusal::Application(reply, answer))
    }

    /// Everything whose failure goes to the application.
    fn check_rest(
        provider: &Provider,
        place: &Place,
        parameters: &Parameters,
        client: &Client,
        reply: &Reply,
    ) -> Result<Self, Answer> {
        let invalid = |problem: &str| Err(Answer::error(Failure::InvalidRequest, problem));
        if let Some(name) = parameters.repeated() {
            return invalid(&format!(
                "The parameter {} is there more than once.",
                printable(name)
            ));
        }
        for (name, failure) in [
            ("request", Failure::RequestNotSupported),
            ("request_uri", Failure::RequestUriNotSupported),
            ("registration", Failure::RegistrationNotSupported),
        ] {
            if parameters.get(name).is_some() {
                return Err(Answer::error(
                    failure,
                    &format!("The parameter {name} is not supported."),
                ));
            }
        }
        match parameters.get("response_type") {
            Some("code") => {}
            Some(_) => {
                return Err(Answer::error(
                    Failure::UnsupportedResponseType,
                    "response_type must be code.",
                ));
            }
            None => return invalid("The parameter response_type is missing."),
        }
        let challenge = challenge(parameters)?;
        let scope = parameters.get("scope").unwrap_or_default();
        let granted = Granted::new(&provider.clients, client, scope)
            .map_err(|error| Answer::error(Failure::InvalidScope, &error.to_string()))?;
        let max_age = match parameters.get("max_age").map(str::parse) {
            None => None,
            Some(Ok(seconds)) => Some(Duration::from_secs(seconds)),
            Some(Err(_)) => return invalid("max_age must be a number of seconds."),
        };
        let (prompt, asks_consent) = prompt(parameters)?;
        Ok(Self {
            client_id: client.id.clone(),
            client_name: client.name,
            confidential: client.is_confidential(),
            policy: Arc::clone(&place.policy),
            redirect_uri: reply.redirect_uri.clone(),
            granted,
            challenge,
            nonce: parameters.get("nonce").map(str::to_owned),
            prompt,
            asks_consent,
            max_age,
            login_hint: parameters
                .get("login_hint")
                .filter(|hint| hint.len() <= 254)
                .map(str::to_owned),
            reply: reply.clone(),
        })
    }

    /// Whether somebody with this session need not sign in again.
    pub(crate) fn accepts(&self, session: &Session, now: SystemTime) -> bool {
        self.max_age
            .is_none_or(|max_age| until(now, session.signed_in_at) <= max_age)
    }
}

fn client_and_redirect_uri<'a>(
    provider: &'a Provider,
    parameters: &'a Parameters,
) -> Result<(&'a Client, &'a str), &'static str> {
    let client_id = parameters
        .single("client_id")
        .map_err(|_| "The request names its application (client_id) more than once.")?
        .ok_or("The request does not name its application (client_id).")?;
    let client = provider
        .clients
        .find(client_id)
        .ok_or("The application (client_id) is not registered here.")?;
    let redirect_uri = parameters
        .single("redirect_uri")
        .map_err(|_| "The request has more than one redirect URI.")?
        .ok_or("The request has no redirect URI.")?;
    if !client.has_redirect_uri(redirect_uri) {
        return Err(
            "AADB2C90006: The redirect URI in the request is not registered for the application. \
                    It must be the same to the last character, slash included.",
        );
    }
    Ok((client, redirect_uri))
}

fn challenge(parameters: &Parameters) -> Result<Challenge, Answer> {
    let invalid = |problem: &str| Err(Answer::error(Failure::InvalidRequest, problem));
    let Some(text) = parameters.get("code_challenge") else {
        return invalid("AADB2C99059: The request must have a code_challenge.");
    };
    // A challenge without a method means `plain` by the standard: whoever reads the request could
    // redeem the code.
    if parameters.get("code_challenge_method") != Some("S256") {
        return invalid("code_challenge_method must be S256.");
    }
    Challenge::parse(text).ok_or_else(|| {
        Answer::error(
            Failure::InvalidRequest,
            "code_challenge is not what S256 produces.",
        )
    })
}

/// Whether somebody is asked to sign in, and whether they are asked to consent again.
fn prompt(parameters: &Parameters) -> Result<(Prompt, bool), Answer> {
    let invalid = |problem: &str| Err(Answer::error(Failure::InvalidRequest, problem));
    let (mut prompt, mut asks_consent) = (Prompt::IfNeeded, false);
    let values: Vec<_> = parameters
        .get("prompt")
        .unwrap_or_default()
        .split(' ')
        .filter(|it| !it.is_empty())
        .collect();
    for value in &values {
        match *value {
            "none" if values.len() > 1 => return invalid("prompt=none cannot be combined."),
            "none" => prompt = Prompt::None,
            // There is one way to choose an account, and that is to sign in again.
            "login" | "select_account" => prompt = Prompt::Login,
            "consent" => asks_consent = true,
            _ => return invalid("prompt must be none, login, select_account or consent."),
        }
    }
    Ok((prompt, asks_consent))
}

/// A name that is safe to repeat in a description (RFC 6749, appendix A.8).
fn printable(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c))
        .take(40)
        .collect()
}
