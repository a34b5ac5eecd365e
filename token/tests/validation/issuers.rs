//! Which key may sign in whose name: every signer with every issuer under every list.

use serde_json::json;
use weir_token::{SigningKey, TokenError};

use super::*;
use crate::signer::unsigned;
use crate::stub::Mode;

/// Provider A is an Entra tenant whose discovery document is of version 2.
const A: &str = "https://login.microsoftonline.com/f8a5b3c1-6d2e-4b7a-9c40-2f1d8e6a7b53/v2.0";
/// What A's tokens of version 1 say instead.
const A_V1: &str = "https://sts.windows.net/f8a5b3c1-6d2e-4b7a-9c40-2f1d8e6a7b53/";
/// Another tenant's name in that form.
const STRANGER_V1: &str = "https://sts.windows.net/0d5b0f5e-52f1-4c8e-8a51-6cfd0dd8a001/";
const B: &str = "https://b.example/";
const ALIAS: &str = "https://alias.example/";
const OTHER: &str = "https://other.example/";
const ISSUERS: [&str; 6] = [A, A_V1, STRANGER_V1, B, ALIAS, OTHER];

/// Who signs a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    A,
    B,
    Inline,
    Nobody,
}

/// Two providers and a validator over some of them.
struct Pair {
    a: Signer,
    b: Signer,
    inline: Signer,
    stubs: [Stub; 2],
    providers: [Arc<Provider>; 2],
}

impl Pair {
    async fn start() -> Self {
        let (a, b) = (Signer::new("a"), Signer::new("b"));
        let stubs = [
            Stub::start(vec![a.jwk()]).await,
            Stub::start(vec![b.jwk()]).await,
        ];
        stubs[0].set_issuer(A);
        stubs[1].set_issuer(B);
        let registry = Providers::new(ProvidersConfig::default(), &Ops::new("test")).unwrap();
        let providers = [
            registry.provider(&stubs[0].url()).unwrap(),
            registry.provider(&stubs[1].url()).unwrap(),
        ];
        Self {
            a,
            b,
            inline: Signer::secret("inline", b"a secret of thirty-two bytes, ok"),
            stubs,
            providers,
        }
    }

    fn validator(&self, providers: &[Arc<Provider>]) -> Validator {
        let secret = b"a secret of thirty-two bytes, ok".to_vec().into();
        let keys = vec![SigningKey::Hmac {
            id: Some("inline".into()),
            secret,
        }];
        Validator::new(
            KeySources {
                providers: providers.to_vec(),
                keys,
            },
            ValidatorConfig::default(),
        )
        .unwrap()
    }

    fn token(&self, who: Who, issuer: &str) -> String {
        let claims = json!({"iss": issuer, "exp": NOW + 60});
        match who {
            Who::A => self.a.token(&claims),
            Who::B => self.b.token(&claims),
            Who::Inline => self.inline.token(&claims),
            Who::Nobody => format!("{}.", unsigned(&json!({"alg": "none"}), &claims)),
        }
    }
}

async fn verdict(validator: &Validator, token: &str, listed: &[&str]) -> Result<(), TokenError> {
    let issuers: Vec<String> = listed.iter().map(|issuer| (*issuer).to_owned()).collect();
    let requirements = Requirements {
        issuers: &issuers,
        require_signed: false,
        ..demands()
    };
    validator.validate(token, &requirements).await.map(|_| ())
}

/// Every list of up to all of these issuers.
fn lists() -> impl Iterator<Item = Vec<&'static str>> {
    (0..1 << ISSUERS.len()).map(|chosen: usize| {
        (0..ISSUERS.len())
            .filter(|bit| chosen & (1 << bit) != 0)
            .map(|bit| ISSUERS[bit])
            .collect()
    })
}

#[tokio::test]
async fn with_two_providers_a_key_speaks_for_its_own_whatever_is_listed() {
    let pair = Pair::start().await;
    let validator = pair.validator(&pair.providers);
    for who in [Who::A, Who::B, Who::Inline, Who::Nobody] {
        for issuer in ISSUERS {
            let token = pair.token(who, issuer);
            for listed in lists() {
                let is_listed = listed.contains(&issuer);
                let allowed = match who {
                    Who::A => issuer == A || (is_listed && issuer == A_V1),
                    Who::B => issuer == B,
                    Who::Inline | Who::Nobody => is_listed || issuer == A || issuer == B,
                };
                let expected = if allowed {
                    Ok(())
                } else {
                    Err(TokenError::IssuerNotAllowed)
                };
                // From the second list on, the token is a remembered one.
                assert_eq!(
                    verdict(&validator, &token, &listed).await,
                    expected,
                    "{who:?} as {issuer}: {listed:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn with_one_provider_every_listed_name_is_its_own() {
    let pair = Pair::start().await;
    // Named twice, it is still one.
    let twice = [
        Arc::clone(&pair.providers[0]),
        Arc::clone(&pair.providers[0]),
    ];
    for validator in [pair.validator(&pair.providers[..1]), pair.validator(&twice)] {
        for who in [Who::A, Who::Inline, Who::Nobody] {
            for issuer in ISSUERS {
                let token = pair.token(who, issuer);
                for listed in lists() {
                    let allowed = issuer == A || listed.contains(&issuer);
                    let expected = if allowed {
                        Ok(())
                    } else {
                        Err(TokenError::IssuerNotAllowed)
                    };
                    assert_eq!(
                        verdict(&validator, &token, &listed).await,
                        expected,
                        "{who:?} as {issuer}: {listed:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_document_for_all_tenants_admits_those_that_are_listed() {
    let pair = Pair::start().await;
    pair.stubs[0].set_issuer("https://login.microsoftonline.com/{tenantid}/v2.0");
    let (one, two) = (
        pair.validator(&pair.providers[..1]),
        pair.validator(&pair.providers),
    );
    for issuer in [A, A_V1, STRANGER_V1] {
        let token = pair.token(Who::A, issuer);
        for validator in [&one, &two] {
            assert_eq!(
                verdict(validator, &token, &[]).await,
                Err(TokenError::IssuerNotAllowed),
                "{issuer}"
            );
            assert_eq!(
                verdict(validator, &token, &[issuer]).await,
                Ok(()),
                "{issuer}"
            );
        }
        let forged = pair.token(Who::B, issuer);
        assert_eq!(
            verdict(&two, &forged, &[issuer]).await,
            Err(TokenError::IssuerNotAllowed),
            "{issuer}"
        );
    }
    // A tenant that has a provider of its own here is that provider's.
    pair.stubs[1].set_issuer(A_V1);
    pair.providers[1].refresh().await;
    assert_eq!(
        verdict(&two, &pair.token(Who::A, A_V1), &[A_V1]).await,
        Err(TokenError::IssuerNotAllowed)
    );
    assert_eq!(
        verdict(&two, &pair.token(Who::B, A_V1), &[A_V1]).await,
        Ok(())
    );
}

#[tokio::test]
async fn a_listed_name_waits_for_the_provider_whose_it_may_be() {
    let pair = Pair::start().await;
    let validator = pair.validator(&pair.providers);
    pair.stubs[1].set_mode(Mode::Down);
    let unavailable = Err(TokenError::KeysUnavailable(pair.stubs[1].url()));
    for issuer in [B, A_V1, ALIAS] {
        assert_eq!(
            verdict(&validator, &pair.token(Who::A, issuer), &[issuer]).await,
            unavailable,
            "{issuer}"
        );
        let unlisted = verdict(&validator, &pair.token(Who::A, issuer), &[]).await;
        assert_eq!(unlisted, Err(TokenError::IssuerNotAllowed), "{issuer}");
    }
    assert_eq!(
        verdict(&validator, &pair.token(Who::A, A), &[B]).await,
        Ok(()),
        "its own name needs nobody else"
    );
    assert_eq!(
        verdict(&validator, &pair.token(Who::Inline, OTHER), &[]).await,
        unavailable
    );

    pair.stubs[1].set_mode(Mode::Well);
    pair.providers[1].refresh().await;
    assert_eq!(
        verdict(&validator, &pair.token(Who::A, B), &[B]).await,
        Err(TokenError::IssuerNotAllowed)
    );
    assert_eq!(
        verdict(&validator, &pair.token(Who::A, A_V1), &[A_V1]).await,
        Ok(())
    );
}
