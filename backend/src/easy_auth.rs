//! The token check in front of every function, and who the caller is for those behind it.
//!
//! Signature, issuer, audience and lifetime are checked. Scopes and roles are not: as in App
//! Service Authentication, that is the function's affair, or the gateway's.

mod challenge;
mod identity_headers;
mod principal;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{self, HeaderMap};
use http::request::Parts;
use weir_token::{
    KeySources, Providers, Requirements, Scheme, TokenError, Validator, ValidatorConfig,
    from_authorization,
};

use crate::config::Config;
use crate::error::Error;
use crate::host::{Path, Refusal};
use challenge::Challenge;
pub(crate) use identity_headers::strip_identity;
pub use principal::{Claim, Principal};

/// The check, configured.
pub(crate) struct EasyAuth {
    validator: Validator,
    audiences: Vec<String>,
    clock_skew: Duration,
    excluded: Vec<Excluded>,
    challenge: Challenge,
}

impl EasyAuth {
    pub(crate) fn new(config: &Config, providers: &Providers) -> Result<Self, Error> {
        let client_id = config
            .audiences
            .first()
            .filter(|audience| !audience.is_empty())
            .ok_or(Error::NoAudience)?;
        let provider = providers.provider(&config.openid_config)?;
        let sources = KeySources {
            providers: vec![provider],
            keys: Vec::new(),
        };
        let validation = ValidatorConfig {
            metrics: providers.metrics(),
            ..ValidatorConfig::default()
        };
        let authorization_uri = config.authorization_uri.as_deref();
        Ok(Self {
            validator: Validator::new(sources, validation)?,
            audiences: config.audiences.clone(),
            clock_skew: config.limits.clock_skew,
            excluded: config
                .excluded_paths
                .iter()
                .map(|path| Excluded::parse(path))
                .collect::<Result<_, _>>()?,
            challenge: Challenge::new(authorization_uri, &config.openid_config, client_id),
        })
    }

    /// Who calls; `None` on a path that needs no token.
    pub(crate) async fn authenticate(
        &self,
        path: Option<&Path>,
        request: &Parts,
    ) -> Result<Option<Arc<Principal>>, Refusal> {
        if path.is_some_and(|path| self.excluded.iter().any(|excluded| excluded.covers(path))) {
            return Ok(None);
        }
        match self.validate(&request.headers).await {
            Ok(principal) => Ok(Some(principal)),
            Err(TokenError::KeysUnavailable(provider)) => {
                tracing::debug!(
                    provider,
                    "a token cannot be judged without the provider's keys"
                );
                Err(Refusal::KeysUnavailable)
            }
            Err(reason) => Err(Refusal::Token {
                reason,
                challenge: self.challenge.for_request(request),
            }),
        }
    }

    async fn validate(&self, headers: &HeaderMap) -> Result<Arc<Principal>, TokenError> {
        let requirements = Requirements {
            audiences: &self.audiences,
            clock_skew: self.clock_skew,
            ..Requirements::at(SystemTime::now())
        };
        let jwt = self
            .validator
            .validate(
                bearer(headers).ok_or(TokenError::NotPresent)?,
                &requirements,
            )
            .await?;
        Ok(Arc::new(Principal::of(&jwt)))
    }
}

/// The one bearer token of a request. Two `Authorization` lines are none: which of them was meant
/// is a guess.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    match (lines.next().map(header::HeaderValue::to_str), lines.next()) {
        (Some(Ok(value)), None) => from_authorization(value, Scheme::Required("Bearer")),
        _ => None,
    }
}

/// A path that needs no token.
#[derive(Debug)]
struct Excluded {
    path: Path,
    /// With everything below it.
    below: bool,
}

impl Excluded {
    fn parse(text: &str) -> Result<Self, Error> {
        let (path, below) = match text.strip_suffix("/*") {
            Some(parent) => (parent, true),
            None => (text, false),
        };
        let path = Path::decode(path)
            .filter(|path| !path.segments().iter().any(|segment| segment.contains('*')));
        let path = path.ok_or_else(|| Error::ExcludedPath {
            path: text.to_owned(),
        })?;
        Ok(Self { path, below })
    }

    fn covers(&self, path: &Path) -> bool {
        let (own, other) = (self.path.segments(), path.segments());
        let starts = other.len() >= own.len()
            && own
                .iter()
                .zip(other)
                .all(|(one, two)| one.eq_ignore_ascii_case(two));
        starts && (self.below || own.len() == other.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn excluded_paths_cover_themselves_or_all_below() {
        let covers = |excluded: &str, path: &str| {
            Path::decode(path).is_some_and(|path| Excluded::parse(excluded).unwrap().covers(&path))
        };
        assert!(covers("/api/status", "/API/Status"));
        assert!(!covers("/api/status", "/api/status/x"));
        assert!(covers("/api/public/*", "/api/public/x/y"));
        assert!(!covers("/api/public/*", "/api/publicity"));
        assert!(!covers("/api/public/*", "/api/public/../hello"));
        assert!(!covers("/api/public/*", "/api/public%2Fx"));
        assert!(!covers("/api/public/*", "/api/private"));
    }

    #[test]
    fn an_excluded_path_that_is_not_understood_is_refused() {
        for path in [
            "",
            "api/status",
            "/*",
            "/api/*/x",
            "/api/pub*",
            "/api/../hello",
            "/api/%ff",
        ] {
            assert!(
                matches!(Excluded::parse(path), Err(Error::ExcludedPath { .. })),
                "{path}"
            );
        }
    }
}
