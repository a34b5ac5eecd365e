//! Claims against requirements, at chosen times.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use serde_json::{Map, json};

use super::*;

fn jwt(claims: Value) -> Jwt {
    let Value::Object(claims) = claims else {
        panic!("claims are an object")
    };
    Jwt {
        header: Map::new(),
        claims,
    }
}

fn at(millis: u64) -> Requirements<'static> {
    Requirements::at(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
}

fn claim(name: &str, mode: Match, separator: Option<&str>, values: &[&str]) -> RequiredClaim {
    RequiredClaim {
        name: name.into(),
        mode,
        separator: separator.map(str::to_owned),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    }
}

fn check_claim(claims: Value, required: RequiredClaim) -> Result<(), TokenError> {
    let required = [required];
    let requirements = Requirements {
        required_claims: &required,
        require_expiration: false,
        ..at(0)
    };
    check(&jwt(claims), &requirements)
}

#[test]
fn a_token_ends_exactly_at_exp() {
    let token = jwt(json!({"exp": 1000}));
    assert_eq!(check(&token, &at(999_999)), Ok(()));
    assert_eq!(check(&token, &at(1_000_000)), Err(TokenError::Expired));
    let fractional = jwt(json!({"exp": 1000.5}));
    assert_eq!(check(&fractional, &at(1_000_499)), Ok(()));
    assert_eq!(check(&fractional, &at(1_000_500)), Err(TokenError::Expired));
}

#[test]
fn a_token_starts_exactly_at_nbf() {
    let token = jwt(json!({"exp": 9000, "nbf": 1000}));
    assert_eq!(check(&token, &at(999_999)), Err(TokenError::NotYetValid));
    assert_eq!(check(&token, &at(1_000_000)), Ok(()));
}

#[test]
fn clock_skew_widens_both_ends() {
    let skewed = |millis| Requirements {
        clock_skew: Duration::from_secs(300),
        ..at(millis)
    };
    let token = jwt(json!({"exp": 2000, "nbf": 1000}));
    assert_eq!(
        check(&token, &skewed(699_999)),
        Err(TokenError::NotYetValid)
    );
    assert_eq!(check(&token, &skewed(700_000)), Ok(()));
    assert_eq!(check(&token, &skewed(2_299_999)), Ok(()));
    assert_eq!(check(&token, &skewed(2_300_000)), Err(TokenError::Expired));
}

#[test]
fn exp_is_demanded_unless_the_policy_says_otherwise() {
    let eternal = jwt(json!({}));
    assert_eq!(
        check(&eternal, &at(0)),
        Err(TokenError::ClaimMissing(vec!["exp".into()]))
    );
    assert_eq!(
        check(
            &eternal,
            &Requirements {
                require_expiration: false,
                ..at(0)
            }
        ),
        Ok(())
    );
    let expired = jwt(json!({"exp": 1}));
    assert_eq!(
        check(
            &expired,
            &Requirements {
                require_expiration: false,
                ..at(2000)
            }
        ),
        Err(TokenError::Expired)
    );
}

#[test]
fn times_of_any_size_are_compared_and_other_types_refused() {
    assert_eq!(
        check(&jwt(json!({"exp": 1e300, "nbf": -1e300})), &at(1)),
        Ok(())
    );
    assert_eq!(check(&jwt(json!({"exp": u64::MAX})), &at(1)), Ok(()));
    assert_eq!(
        check(&jwt(json!({"exp": -5})), &at(1)),
        Err(TokenError::Expired)
    );
    for odd in [json!("99999999999"), json!(null), json!([1]), json!(true)] {
        assert!(
            matches!(
                check(&jwt(json!({ "exp": odd })), &at(1)),
                Err(TokenError::Malformed(_))
            ),
            "{odd}"
        );
        assert!(
            matches!(
                check(&jwt(json!({"exp": 9, "nbf": odd})), &at(1)),
                Err(TokenError::Malformed(_))
            ),
            "{odd}"
        );
    }
}

#[test]
fn any_audience_of_the_token_may_match_any_accepted_one() {
    let accepted = ["api".to_owned(), "other".to_owned()];
    let requirements = Requirements {
        audiences: &accepted,
        require_expiration: false,
        ..at(0)
    };
    for good in [json!("api"), json!(["x", "other"])] {
        assert_eq!(
            check(&jwt(json!({ "aud": good })), &requirements),
            Ok(()),
            "{good}"
        );
    }
    for bad in [
        json!("spa"),
        json!("API"),
        json!(["x"]),
        json!([]),
        json!(1),
        json!({"aud": "api"}),
    ] {
        assert_eq!(
            check(&jwt(json!({ "aud": bad })), &requirements),
            Err(TokenError::AudienceNotAllowed),
            "{bad}"
        );
    }
    assert_eq!(
        check(&jwt(json!({})), &requirements),
        Err(TokenError::AudienceNotAllowed)
    );
}

#[test]
fn all_means_every_value_and_any_means_one() {
    let groups = || json!({"groups": ["a", "b"]});
    assert_eq!(
        check_claim(groups(), claim("groups", Match::All, None, &["a", "b"])),
        Ok(())
    );
    assert_eq!(
        check_claim(groups(), claim("groups", Match::Any, None, &["z", "b"])),
        Ok(())
    );
    assert_eq!(
        check_claim(groups(), claim("groups", Match::All, None, &[])),
        Ok(())
    );
    let refused = Err(TokenError::ClaimNotAllowed {
        name: "groups".into(),
        value: "a, b".into(),
    });
    assert_eq!(
        check_claim(groups(), claim("groups", Match::All, None, &["a", "z"])),
        refused
    );
    assert_eq!(
        check_claim(groups(), claim("groups", Match::Any, None, &["y", "z"])),
        refused
    );
}

#[test]
fn a_separator_splits_one_string() {
    let scopes = || json!({"scp": "Hello Read"});
    assert_eq!(
        check_claim(scopes(), claim("scp", Match::Any, Some(" "), &["Hello"])),
        Ok(())
    );
    assert_eq!(
        check_claim(
            scopes(),
            claim("scp", Match::All, Some(" "), &["Read", "Hello"])
        ),
        Ok(())
    );
    assert!(check_claim(scopes(), claim("scp", Match::Any, None, &["Hello"])).is_err());
    assert!(check_claim(scopes(), claim("scp", Match::Any, Some(""), &["Hello"])).is_err());
    assert!(check_claim(scopes(), claim("scp", Match::Any, Some(" "), &["Hell"])).is_err());
    assert!(
        check_claim(
            json!({"scp": ["Hello Read"]}),
            claim("scp", Match::Any, Some(" "), &["Hello"])
        )
        .is_err()
    );
}

#[test]
fn numbers_and_booleans_compare_by_their_text() {
    assert_eq!(
        check_claim(
            json!({"level": 3}),
            claim("level", Match::All, None, &["3"])
        ),
        Ok(())
    );
    assert_eq!(
        check_claim(
            json!({"admin": true}),
            claim("admin", Match::All, None, &["true"])
        ),
        Ok(())
    );
    assert!(
        check_claim(
            json!({"admin": "True"}),
            claim("admin", Match::All, None, &["true"])
        )
        .is_err()
    );
}

#[test]
fn every_missing_claim_is_named_before_any_wrong_value() {
    let required = [
        claim("tfp", Match::All, None, &["flow"]),
        claim("scp", Match::All, None, &["Hello"]),
        claim("oid", Match::All, None, &[]),
    ];
    let requirements = Requirements {
        required_claims: &required,
        require_expiration: false,
        ..at(0)
    };
    let error = check(&jwt(json!({"tfp": "wrong"})), &requirements).unwrap_err();
    assert_eq!(
        error,
        TokenError::ClaimMissing(vec!["scp".into(), "oid".into()])
    );
    assert_eq!(
        error.to_string(),
        "JWT token is missing the following claims: scp, oid. Access denied."
    );
    assert_eq!(error.reason(), "TokenClaimNotFound");
}

#[test]
fn a_long_refused_value_is_shortened() {
    let error = check_claim(
        json!({"c": "ü".repeat(5000)}),
        claim("c", Match::All, None, &["x"]),
    )
    .unwrap_err();
    let TokenError::ClaimNotAllowed { value, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(value.chars().count(), MAX_SHOWN + 1);
    assert_eq!(error.reason(), "TokenClaimValueNotAllowed");
}
