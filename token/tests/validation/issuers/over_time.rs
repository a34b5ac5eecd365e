//! In whose name a key may sign while not every provider has been asked, or not lately.

use super::*;

#[tokio::test]
async fn a_name_waits_for_the_provider_whose_it_may_be() {
    let pair = Pair::start().await;
    let validator = pair.validator(&pair.providers);
    pair.stubs[1].set_mode(Mode::Down);
    let unavailable = Err(TokenError::KeysUnavailable(pair.stubs[1].url()));
    for issuer in [B, ALIAS] {
        for listed in [&[issuer][..], &[]] {
            assert_eq!(
                verdict(&validator, &pair.token(Who::A, issuer), listed).await,
                unavailable,
                "{issuer}: {listed:?}"
            );
        }
    }
    for (issuer, listed) in [(A, &[B][..]), (A_V1, &[A_V1])] {
        assert_eq!(
            verdict(&validator, &pair.token(Who::A, issuer), listed).await,
            Ok(()),
            "its own name needs nobody else: {issuer}"
        );
    }
    assert_eq!(
        verdict(&validator, &pair.token(Who::Inline, OTHER), &[]).await,
        unavailable
    );

    pair.stubs[1].set_mode(Mode::Well);
    pair.providers[1].refresh().await;
    for listed in [&[B][..], &[]] {
        assert_eq!(
            verdict(&validator, &pair.token(Who::A, B), listed).await,
            Err(TokenError::IssuerNotAllowed)
        );
    }
}

/// The documents of versions 1 and 2 of one tenant as two providers, of which only one has been
/// asked since a new key was published.
#[tokio::test]
async fn a_tenants_new_key_is_good_for_both_its_names_at_once() {
    let pair = Pair::start().await;
    let validator = over(&pair.providers, Vec::new());
    pair.stubs[1].set_issuer(A_V1);
    pair.providers[1].refresh().await;
    pair.providers[0].refresh().await;
    let asked = pair.stubs[1].key_fetches();
    for listed in [&[A_V1][..], &[]] {
        assert_eq!(
            verdict(&validator, &pair.token(Who::A, A_V1), listed).await,
            Ok(()),
            "{listed:?}"
        );
    }
    assert_eq!(pair.stubs[1].key_fetches(), asked);
}

/// Two user flows of one tenant publish the same keys, and are not asked at the same moment.
#[tokio::test]
async fn a_provider_that_may_have_a_new_key_is_asked_before_its_name_is_refused() {
    let pair = Pair::start().await;
    let validator = over(&pair.providers, Vec::new());
    for provider in &pair.providers {
        provider.refresh().await;
    }
    let new = Signer::new("new");
    for stub in &pair.stubs {
        stub.set_keys(vec![new.jwk()]);
    }
    pair.providers[0].refresh().await;
    let token = new.token(&json!({"iss": B, "exp": NOW + 60}));
    for listed in [&[][..], &[B]] {
        assert_eq!(verdict(&validator, &token, listed).await, Ok(()));
    }
    assert_eq!(pair.stubs[1].key_fetches(), 2);
}

#[tokio::test]
async fn whoever_signs_in_anothers_name_has_it_asked_once() {
    let pair = Pair::start().await;
    let validator = over(&pair.providers, Vec::new());
    for provider in &pair.providers {
        provider.refresh().await;
    }
    for number in 0..20 {
        let claims = json!({"iss": B, "exp": NOW + 60, "jti": number});
        assert_eq!(
            verdict(&validator, &pair.a.token(&claims), &[B]).await,
            Err(TokenError::IssuerNotAllowed)
        );
    }
    assert_eq!(pair.stubs[1].key_fetches(), 2);
}
