//! Users by the whole way: sign up with a password, allow the application, redeem the code with
//! PKCE.
//!
//! The pages are those of weir's development identity. The endpoints come from its discovery
//! document, and each has to be as near as the identity itself.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::ORIGIN;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::browser::{Browser, Visit, client, hidden};
use super::{Identity, SubjectsError, is_token};
use crate::target::{self, Demands};

/// Pages between the sign-up and the code: consent, and redirects around it.
const MOST_STEPS: usize = 8;

/// Where people sign up.
pub(super) struct Counter<'a> {
    identity: &'a Identity,
    authorization: Url,
    token: Url,
    client: reqwest::Client,
}

/// A failed step: which, and what came instead.
type Step<T> = Result<T, (&'static str, String)>;

impl<'a> Counter<'a> {
    /// Reads the discovery document.
    pub(super) async fn open(
        identity: &'a Identity,
        demands: Demands,
    ) -> Result<Self, SubjectsError> {
        let unreachable = |source| SubjectsError::Unreachable {
            url: identity.url.clone(),
            source,
        };
        let client = client().map_err(unreachable)?;
        let response = client
            .get(identity.discovery.clone())
            .send()
            .await
            .map_err(unreachable)?;
        let document: Value = response.json().await.map_err(unreachable)?;
        let endpoint = |name: &str| {
            document[name]
                .as_str()
                .and_then(|text| Url::parse(text).ok())
                .ok_or_else(|| SubjectsError::SignIn {
                    user: 1,
                    step: "reading the discovery document",
                    problem: format!("{} has no {name}", identity.discovery),
                })
        };
        let (authorization, token) = (
            endpoint("authorization_endpoint")?,
            endpoint("token_endpoint")?,
        );
        for url in [&authorization, &token] {
            target::checked_addresses(url, demands).await?;
        }
        Ok(Self {
            identity,
            authorization,
            token,
            client,
        })
    }

    /// Signs one user up; an access token.
    pub(super) async fn sign_up(&self, user: usize, name: &str) -> Result<String, SubjectsError> {
        let verifier = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let walk = async {
            let code = self.code(name, &verifier).await?;
            self.redeem(&code, &verifier).await
        };
        walk.await.map_err(|(step, problem)| SubjectsError::SignIn {
            user,
            step,
            problem,
        })
    }

    async fn code(&self, name: &str, verifier: &str) -> Step<String> {
        let mut browser = Browser::new(self.client.clone());
        let start = self.authorization_request(verifier);
        const BEGIN: &str = "opening the sign-in page";
        let Visit::Redirect(mut form) = browser
            .get(&start)
            .await
            .map_err(|e| (BEGIN, e.to_string()))?
        else {
            return Err((BEGIN, "no redirect to it".to_owned()));
        };
        form.set_path(&form.path().replace("/sign-in", "/sign-up"));
        let html = page(browser.get(&form).await, "opening the sign-up page")?;
        const SUBMIT: &str = "signing up";
        let csrf = hidden(&html, "csrf").ok_or((SUBMIT, "the page has no form".to_owned()))?;
        // Every kind of character that a password rule may ask for, and chance.
        let password = format!("Aa1!{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 18]>()));
        let email = format!("{name}@example.com");
        let fields = [
            ("csrf", csrf),
            ("email", &email),
            ("display_name", name),
            ("new_password", &password),
            ("confirm_password", &password),
        ];
        match browser
            .post(&form, &fields)
            .await
            .map_err(|e| (SUBMIT, e.to_string()))?
        {
            Visit::Redirect(next) => self.to_code(&mut browser, next).await,
            Visit::Page { status, .. } => {
                Err((SUBMIT, format!("the form was refused with {status}")))
            }
        }
    }

    /// Follows redirects and allows the application until the code comes.
    async fn to_code(&self, browser: &mut Browser, mut next: Url) -> Step<String> {
        const ALLOW: &str = "allowing the application";
        for _ in 0..MOST_STEPS {
            if next.as_str().starts_with(&self.identity.redirect_uri) {
                let parameter = |name| {
                    next.query_pairs()
                        .find(|(key, _)| key == name)
                        .map(|(_, value)| value.into_owned())
                };
                let refusal = || {
                    parameter("error").unwrap_or_else(|| "neither a code nor an error".to_owned())
                };
                return parameter("code").ok_or_else(|| ("receiving the code", refusal()));
            }
            next = match browser
                .get(&next)
                .await
                .map_err(|e| (ALLOW, e.to_string()))?
            {
                Visit::Redirect(to) => to,
                Visit::Page { html, .. } => {
                    let csrf =
                        hidden(&html, "csrf").ok_or((ALLOW, "the page has no form".to_owned()))?;
                    match browser
                        .post(&next, &[("csrf", csrf), ("action", "allow")])
                        .await
                    {
                        Ok(Visit::Redirect(to)) => to,
                        Ok(Visit::Page { status, .. }) => {
                            return Err((ALLOW, format!("answered with {status}")));
                        }
                        Err(error) => return Err((ALLOW, error.to_string())),
                    }
                }
            };
        }
        Err((ALLOW, "too many redirects".to_owned()))
    }

    async fn redeem(&self, code: &str, verifier: &str) -> Step<String> {
        const REDEEM: &str = "redeeming the code";
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &self.identity.client_id),
            ("code", code),
            ("redirect_uri", &self.identity.redirect_uri),
            ("code_verifier", verifier),
        ];
        // A single-page application redeems from its page, and its codes are good for nobody else.
        let request = self
            .client
            .post(self.token.clone())
            .header(ORIGIN, self.identity.redirect_uri.trim_end_matches('/'))
            .form(&form);
        let response = request.send().await.map_err(|e| (REDEEM, e.to_string()))?;
        let status = response.status();
        let answer: Value = response.json().await.unwrap_or_default();
        match answer["access_token"].as_str() {
            Some(token) if is_token(token) => Ok(token.to_owned()),
            _ => Err((REDEEM, format!("answered {status} without a token"))),
        }
    }

    fn authorization_request(&self, verifier: &str) -> Url {
        let mut url = self.authorization.clone();
        url.query_pairs_mut().extend_pairs([
            ("client_id", &*self.identity.client_id),
            ("redirect_uri", &self.identity.redirect_uri),
            ("response_type", "code"),
            ("scope", &self.identity.scope),
            ("state", "loadtest"),
            (
                "code_challenge",
                &URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
            ),
            ("code_challenge_method", "S256"),
        ]);
        url
    }
}

fn page(visit: Result<Visit, reqwest::Error>, step: &'static str) -> Step<String> {
    match visit.map_err(|error| (step, error.to_string()))? {
        Visit::Page { status, html } if status.is_success() => Ok(html),
        Visit::Page { status, .. } => Err((step, format!("answered with {status}"))),
        Visit::Redirect(to) => Err((step, format!("redirected to {}", to.path()))),
    }
}
