//! Which key may sign in whose name: every signer with every issuer under every list.

mod over_time;

use serde_json::json;
use weir_token::{SigningKey, TokenError};

use super::*;
use crate::log;
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

    /// Over these providers and the inline key.
    fn validator(&self, providers: &[Arc<Provider>]) -> Validator {
        let secret = b"a secret of thirty-two bytes, ok".to_vec().into();
        let id = Some("inline".into());
        over(providers, vec![SigningKey::Hmac { id, secret }])
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

fn over(providers: &[Arc<Provider>], keys: Vec<SigningKey>) -> Validator {
    let sources = KeySources {
        providers: providers.to_vec(),
        keys,
    };
    Validator::new(sources, ValidatorConfig::default()).unwrap()
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
async fn with_one_provider_alone_every_listed_name_is_its_own() {
    let pair = Pair::start().await;
    // Named twice, it is still one.
    let twice = [
        Arc::clone(&pair.providers[0]),
        Arc::clone(&pair.providers[0]),
    ];
    for providers in [&pair.providers[..1], &twice] {
        let (alone, beside_inline) = (over(providers, Vec::new()), pair.validator(providers));
        for who in [Who::A, Who::Inline, Who::Nobody] {
            for issuer in ISSUERS {
                let token = pair.token(who, issuer);
                for listed in lists() {
                    let is_listed = listed.contains(&issuer);
                    let say = |allowed| {
                        if allowed {
                            Ok(())
                        } else {
                            Err(TokenError::IssuerNotAllowed)
                        }
                    };
                    // Beside inline keys there is somebody whom it could impersonate.
                    let is_own = issuer == A || (is_listed && (who != Who::A || issuer == A_V1));
                    assert_eq!(
                        verdict(&beside_inline, &token, &listed).await,
                        say(is_own),
                        "{who:?} as {issuer}: {listed:?}"
                    );
                    if who != Who::Inline {
                        assert_eq!(
                            verdict(&alone, &token, &listed).await,
                            say(issuer == A || is_listed),
                            "{who:?} as {issuer}, alone: {listed:?}"
                        );
                    }
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
async fn a_key_is_the_same_whatever_stands_beside_its_numbers() {
    let pair = Pair::start().await;
    let plain = pair.a.jwk();
    for (member, value) in [("alg", json!("ES256")), ("kid", json!(null))] {
        let mut other = plain.clone();
        other[member] = value;
        for [of_a, of_b] in [[&plain, &other], [&other, &plain]] {
            pair.stubs[0].set_keys(vec![of_a.clone()]);
            pair.stubs[1].set_keys(vec![of_b.clone()]);
            for provider in &pair.providers {
                provider.refresh().await;
            }
            let validator = over(&pair.providers, Vec::new());
            for issuer in [A, B] {
                assert_eq!(
                    verdict(&validator, &pair.token(Who::A, issuer), &[]).await,
                    Ok(()),
                    "{member} as {issuer}"
                );
            }
        }
    }
}

/// Keys of a provider that stand in the policy as well, without their ids.
#[tokio::test]
async fn a_published_key_that_is_inline_too_is_an_inline_key() {
    let pair = Pair::start().await;
    let signer = Signer::rsa("both");
    pair.stubs[0].set_keys(vec![signer.jwk()]);
    for provider in &pair.providers {
        provider.refresh().await;
    }
    let (n, e) = signer.rsa_components();
    let validator = over(&pair.providers, vec![SigningKey::Rsa { id: None, n, e }]);
    let token = signer.token(&json!({"iss": ALIAS, "exp": NOW + 60}));
    assert_eq!(verdict(&validator, &token, &[ALIAS]).await, Ok(()));
    assert_eq!(
        verdict(&validator, &pair.token(Who::B, ALIAS), &[ALIAS]).await,
        Err(TokenError::IssuerNotAllowed)
    );
}

#[tokio::test]
async fn googles_two_names_are_one() {
    let pair = Pair::start().await;
    let google = ["https://accounts.google.com", "accounts.google.com"];
    pair.stubs[0].set_issuer(google[0]);
    let validator = over(&pair.providers, Vec::new());
    assert_eq!(
        verdict(&validator, &pair.token(Who::A, google[1]), &google).await,
        Ok(())
    );
    for (who, listed) in [(Who::A, &[][..]), (Who::B, &google)] {
        assert_eq!(
            verdict(&validator, &pair.token(who, google[1]), listed).await,
            Err(TokenError::IssuerNotAllowed)
        );
    }
}

#[tokio::test]
async fn a_listed_issuer_that_matches_nobody_is_named_once() {
    log::start();
    let pair = Pair::start().await;
    pair.stubs[1].set_mode(Mode::Down);
    let issuers = [A, A_V1, B, ALIAS].map(str::to_owned);
    let requirements = Requirements {
        issuers: &issuers,
        ..demands()
    };
    let (several, inline) = (
        over(&pair.providers, Vec::new()),
        pair.validator(&pair.providers),
    );
    let alone = over(&pair.providers[..1], Vec::new());
    let token = pair.token(Who::A, A);
    let told = |level| log::lines(level, "a listed issuer");
    for validator in [&several, &inline] {
        assert!(validator.validate(&token, &requirements).await.is_ok());
    }
    assert!(told("").is_empty(), "before every provider is known");

    pair.stubs[1].set_mode(Mode::Well);
    pair.providers[1].refresh().await;
    for _ in 0..3 {
        for validator in [&several, &inline, &alone] {
            assert!(validator.validate(&token, &requirements).await.is_ok());
        }
    }
    for (level, text) in [("WARN", "matches no token"), ("INFO", "inline keys")] {
        let lines = told(level);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(
            lines[0].contains(ALIAS) && lines[0].contains(text),
            "{lines:#?}"
        );
    }
}
