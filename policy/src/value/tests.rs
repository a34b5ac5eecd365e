#![allow(clippy::unwrap_used)]
//! Conversions, texts and tokens.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;

fn token(header: &serde_json::Value, claims: &serde_json::Value) -> String {
    let encode = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}.c2ln", encode(header), encode(claims))
}

#[test]
fn numbers_and_truths_are_read_from_text_as_attributes_do() {
    assert_eq!(u64::from_value("15".into()), Ok(15));
    assert_eq!(u64::from_value(" 15 ".into()), Ok(15));
    assert_eq!(u64::from_value(Value::Float(15.0)), Ok(15));
    assert!(u64::from_value(Value::Float(15.5)).is_err());
    assert!(u64::from_value(Value::Int(-1)).is_err());
    assert!(u64::from_value("x".into()).is_err());
    assert_eq!(u16::from_value(Value::Int(429)), Ok(429));
    assert!(u16::from_value(Value::Int(70_000)).is_err());
    assert_eq!(bool::from_value("TRUE".into()), Ok(true));
    assert_eq!(bool::from_value(Value::Bool(false)), Ok(false));
    assert!(bool::from_value(Value::Int(1)).is_err());
    assert_eq!(Duration::from_value("1.5".into()), Ok(Duration::from_millis(1500)));
    assert!(Duration::from_value(Value::Int(-1)).is_err());
    assert!(Duration::from_value("NaN".into()).is_err());
}

#[test]
fn null_is_no_text_but_an_absent_one() {
    assert_eq!(Option::<String>::from_value(Value::Null), Ok(None));
    let error = String::from_value(Value::Null).unwrap_err();
    assert_eq!(error.to_string(), "the expression yields a value of type null where text is needed");
    assert_eq!(String::from_value(Value::Bool(true)), Ok("True".to_owned()));
}

#[test]
fn floats_are_written_as_c_sharp_writes_them() {
    let cases = [
        (0.1, "0.1"),
        (1.0, "1"),
        (-2.5, "-2.5"),
        (0.0, "0"),
        (1e14, "100000000000000"),
        (1e15, "1E+15"),
        (123_456_789_012_345_680.0, "1.2345678901234568E+17"),
        (0.00001, "1E-05"),
        (0.0001, "0.0001"),
        (f64::NAN, "NaN"),
    ];
    for (value, text) in cases {
        assert_eq!(float_text(value), text);
    }
}

#[test]
fn debug_output_shows_no_text() {
    assert_eq!(format!("{:?}", Value::from("hunter2")), "Str(7 bytes)");
    let jwt = Jwt::parse_unverified(&token(&json!({}), &json!({"sub": "alice"}))).unwrap();
    assert!(!format!("{jwt:?}").contains("alice"));
}

#[test]
fn a_token_is_read_bare_or_in_its_header() {
    let token = token(&json!({"alg": "RS256", "typ": "JWT"}), &json!({"sub": "alice", "exp": 1_700_000_000}));
    for text in [token.clone(), format!("Bearer {token}"), format!("bearer  {token} ")] {
        let jwt = Jwt::parse_unverified(&text).unwrap();
        assert_eq!(jwt.claim_text("sub").as_deref(), Some("alice"));
        assert_eq!(jwt.algorithm().as_deref(), Some("RS256"));
        let expires = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(jwt.claim_time("exp"), Some(expires));
        assert_eq!(jwt.claims()["sub"], "alice");
        // The same once the map is there.
        assert_eq!(jwt.claim_text("sub").as_deref(), Some("alice"));
    }
}

#[test]
fn what_is_no_token_is_none() {
    let good = token(&json!({}), &json!({}));
    let array = format!("e30.{}.x", URL_SAFE_NO_PAD.encode("[]"));
    let trailing = format!("e30.{}.x", URL_SAFE_NO_PAD.encode("{} {}"));
    let bad =
        ["", ".", "..", "a.b", "e30.e30", "e30.e30.x.x", "e30.e30.!", "Basic e30.e30.x", "!!.e30.x", &array, &trailing];
    assert!(Jwt::parse_unverified(&good).is_some());
    assert!(Jwt::parse_unverified("e30.e30.").is_some(), "an unsigned token is a token");
    for text in bad {
        assert!(Jwt::parse_unverified(text).is_none(), "{text}");
    }
    let long = token(&json!({}), &json!({"x": "y".repeat(20_000)}));
    assert!(Jwt::parse_unverified(&long).is_none());
}

#[test]
fn claims_are_lists_of_texts() {
    let claims = json!({"aud": ["a", "b"], "n": 5, "admin": true, "s": "x", "s\\u0062": 1});
    let jwt = Jwt::parse_unverified(&token(&json!({}), &claims)).unwrap();
    let values = |name: &str| jwt.claim_values(name).map(|v| v.join("|"));
    assert_eq!(values("aud").as_deref(), Some("a|b"));
    assert_eq!(values("n").as_deref(), Some("5"));
    assert_eq!(values("admin").as_deref(), Some("true"));
    assert_eq!(values("s").as_deref(), Some("x"));
    assert_eq!(values("absent"), None);
    assert_eq!(jwt.claim_text("aud"), None, "an array is not one text");
}

#[test]
fn the_last_of_two_equal_claims_counts_with_and_without_the_map() {
    let text = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(r#"{"sub":"a","sub":"b"}"#));
    let jwt = Jwt::parse_unverified(&text).unwrap();
    assert_eq!(jwt.claim_text("sub").as_deref(), Some("b"));
    assert_eq!(jwt.claims()["sub"], "b");
}

#[test]
fn basic_credentials_are_read_from_their_header() {
    let credentials = BasicCredentials::parse("Basic dXNlcjpwYTpzcw==").unwrap();
    assert_eq!((&*credentials.user_id, &*credentials.password), ("user", "pa:ss"));
    for text in ["", "Basic", "Basic !", "Bearer dXNlcjpwYXNz", "Basic dXNlcg=="] {
        assert!(BasicCredentials::parse(text).is_none(), "{text}");
    }
}

#[test]
fn times_are_written_in_the_invariant_culture() {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    assert_eq!(Value::Time(time).to_text(), "11/14/2023 22:13:20");
}
