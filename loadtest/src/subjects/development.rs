//! Users by the development identity's own short way: a token for any name.

use super::browser::client;
use super::{Identity, SubjectsError, is_token};
use url::Url;

/// Asks for tokens.
pub(super) struct Minter<'a> {
    identity: &'a Identity,
    endpoint: Url,
    client: reqwest::Client,
}

impl<'a> Minter<'a> {
    pub(super) fn new(identity: &'a Identity) -> Result<Self, SubjectsError> {
        let mut endpoint = identity.url.clone();
        endpoint.set_path(identity.token_path);
        let unreachable = |source| SubjectsError::Unreachable {
            url: identity.url.clone(),
            source,
        };
        Ok(Self {
            identity,
            endpoint,
            client: client().map_err(unreachable)?,
        })
    }

    /// A token of the user `name`.
    pub(super) async fn token(&self, user: usize, name: &str) -> Result<String, SubjectsError> {
        let unreachable = |source| SubjectsError::Unreachable {
            url: self.identity.url.clone(),
            source,
        };
        let form = [("user", name), ("scope", &self.identity.scope)];
        let response = self
            .client
            .post(self.endpoint.clone())
            .form(&form)
            .send()
            .await
            .map_err(unreachable)?;
        let status = response.status();
        if status == reqwest::StatusCode::NOT_FOUND {
            return Err(SubjectsError::DevelopmentTokensOff {
                url: self.endpoint.clone(),
            });
        }
        let answer: serde_json::Value = response.json().await.unwrap_or_default();
        match answer["access_token"].as_str() {
            Some(token) if status.is_success() && is_token(token) => Ok(token.to_owned()),
            _ => Err(SubjectsError::SignIn {
                user,
                step: "asking for a development token",
                problem: format!("{} answered {status} without a token", self.endpoint),
            }),
        }
    }
}
