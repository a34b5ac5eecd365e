#![allow(clippy::unwrap_used)]
//! Conversions, texts and credentials.

use std::time::{Duration, SystemTime};

use super::*;

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
    assert_eq!(
        Duration::from_value("1.5".into()),
        Ok(Duration::from_millis(1500))
    );
    assert!(Duration::from_value(Value::Int(-1)).is_err());
    assert!(Duration::from_value("NaN".into()).is_err());
}

#[test]
fn null_is_no_text_but_an_absent_one() {
    assert_eq!(Option::<String>::from_value(Value::Null), Ok(None));
    let error = String::from_value(Value::Null).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the expression yields a value of type null where text is needed"
    );
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
}

#[test]
fn basic_credentials_are_read_from_their_header() {
    let credentials = BasicCredentials::parse("Basic dXNlcjpwYTpzcw==").unwrap();
    assert_eq!(
        (&*credentials.user_id, &*credentials.password),
        ("user", "pa:ss")
    );
    for spelling in ["basic\tdXNlcjpwYTpzcw==", "BASIC  dXNlcjpwYTpzcw== "] {
        assert!(BasicCredentials::parse(spelling).is_some(), "{spelling:?}");
    }
    for text in [
        "",
        "Basic",
        "Basic !",
        "Bearer dXNlcjpwYXNz",
        "Basic dXNlcg==",
    ] {
        assert!(BasicCredentials::parse(text).is_none(), "{text}");
    }
}

#[test]
fn times_are_written_in_the_invariant_culture() {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    assert_eq!(Value::Time(time).to_text(), "11/14/2023 22:13:20");
}
