//! The validator against real HTTP providers and real keys: what must pass, what must not, and what
//! happens around rotations and outages.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod algorithms;
mod attacks;
mod connections;
mod documents;
mod issuers;
mod key_sets;
mod keys_over_time;
mod log;
mod policy;
mod signer;
mod stub;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use weir_telemetry::Ops;
use weir_token::{
    Jwt, KeySources, Provider, Providers, ProvidersConfig, Requirements, SigningKey, TokenError,
    Validator, ValidatorConfig,
};

use signer::Signer;
use stub::Stub;

/// The time in all tests, in seconds since 1970.
const NOW: u64 = 1_800_000_000;

/// The audience in all tests.
const API: &str = "f8a5b3c1-6d2e-4b7a-9c40-2f1d8e6a7b53";

/// One provider and a validator that trusts it.
struct World {
    stub: Stub,
    ops: Ops,
    providers: Providers,
    provider: Arc<Provider>,
    validator: Validator,
}

impl World {
    async fn with(signers: &[&Signer]) -> Self {
        Self::build(
            signers.iter().map(|signer| signer.jwk()).collect(),
            Vec::new(),
            ProvidersConfig::default(),
        )
        .await
    }

    async fn build(
        published: Vec<Value>,
        inline: Vec<SigningKey>,
        config: ProvidersConfig,
    ) -> Self {
        let stub = Stub::start(published).await;
        let ops = Ops::new("test");
        let providers = Providers::new(config, &ops).unwrap();
        let provider = providers.provider(&stub.url()).unwrap();
        let sources = KeySources {
            providers: vec![Arc::clone(&provider)],
            keys: inline,
        };
        let config = ValidatorConfig {
            metrics: providers.metrics(),
            ..Default::default()
        };
        let validator = Validator::new(sources, config).unwrap();
        Self {
            stub,
            ops,
            providers,
            provider,
            validator,
        }
    }

    /// The claims of a good token.
    fn claims(&self) -> Value {
        json!({"iss": self.stub.issuer(), "aud": API, "sub": "alice", "exp": NOW + 3600, "nbf": NOW, "scp": "Hello"})
    }

    /// The claims of a good token with one changed, or removed by `null`.
    fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        claims
    }

    async fn validate(&self, token: &str) -> Result<Arc<Jwt>, TokenError> {
        let audiences = [API.to_owned()];
        self.validate_against(
            token,
            &Requirements {
                audiences: &audiences,
                ..demands()
            },
        )
        .await
    }

    /// Every validation ends: what waits, waits for a bounded time.
    async fn validate_against(
        &self,
        token: &str,
        requirements: &Requirements<'_>,
    ) -> Result<Arc<Jwt>, TokenError> {
        let judged = self.validator.validate(token, requirements);
        tokio::time::timeout(Duration::from_secs(7200), judged)
            .await
            .expect("validation ends")
    }
}

/// Signed, with `exp`, now.
fn demands() -> Requirements<'static> {
    Requirements::at(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
}

/// Waits until `condition` holds; a minute is for loaded machines, not a duration anything depends
/// on.
async fn eventually(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .expect("the condition comes true");
}
