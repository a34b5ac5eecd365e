#![allow(clippy::unwrap_used)]
//! The language from text to value. What documents hold around it is in `tests/corpus`.

mod evaluation;
mod properties;
mod refusals;
mod request;
mod statements;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use uuid::Uuid;

use super::{EvaluationError, Expression};
use crate::context::{
    ApiInfo, Certificate, Context, Deployment, LastError, OperationInfo, Request, Response,
    Variables,
};
use crate::value::Value;
use crate::xml::{self, RawValue};

/// The raw value of an expression, as a document's reader makes it.
fn raw(expression: &str) -> RawValue {
    let document = xml::read(&Arc::from("test.xml"), &format!("<a>{expression}</a>")).unwrap();
    document.root.text().unwrap().clone()
}

fn parse(expression: &str) -> Result<Expression, String> {
    Expression::parse(&raw(expression), &Arc::from("test.xml")).map_err(|errors| {
        errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
            .replace("test.xml:", "")
    })
}

/// The value of `@(…)` for the request of [`context`].
fn eval(expression: &str) -> Value {
    try_eval(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
}

fn try_eval(expression: &str) -> Result<Value, EvaluationError> {
    let whole = if expression.starts_with("@{") || expression.starts_with("@(") {
        expression.to_owned()
    } else {
        format!("@({expression})")
    };
    let parsed = parse(&whole).unwrap_or_else(|errors| panic!("{whole}: {errors}"));
    parsed.evaluate(&context())
}

/// The value as text; `<null>` for null.
fn text(expression: &str) -> String {
    match eval(expression) {
        Value::Null => "<null>".to_owned(),
        value => value.to_text().into_owned(),
    }
}

/// What it throws, without the place.
fn fault(expression: &str) -> String {
    try_eval(expression).map_or_else(
        |error| error.message,
        |value| panic!("{expression} is {value:?}"),
    )
}

/// Compares the first line of what is wrong with each expression; shows every difference.
#[track_caller]
fn all_refused(cases: &[(&str, &str)]) {
    let found = |expression: &str| {
        parse(expression).map_or_else(|errors| errors, |_| "accepted".to_owned())
    };
    let first_lines: Vec<String> = cases
        .iter()
        .map(|(e, _)| format!("{e} → {}", found(e).lines().next().unwrap_or_default()))
        .collect();
    let expected: Vec<String> = cases
        .iter()
        .map(|(e, error)| format!("{e} → {error}"))
        .collect();
    let different: Vec<_> = first_lines
        .iter()
        .zip(&expected)
        .filter(|(a, b)| a != b)
        .collect();
    assert!(different.is_empty(), "{different:#?}");
}

/// Header `{"alg":"RS256","typ":"JWT"}`; claims below.
fn token() -> String {
    use base64::Engine;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let claims = r#"{"sub":"alice","iss":"https://id","aud":["a1","a2"],"exp":1700000000,"jti":"t1","roles":["x","y"]}"#;
    format!(
        "{}.{}.c2ln",
        encode(r#"{"alg":"RS256","typ":"JWT"}"#),
        encode(claims)
    )
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    map
}

fn context() -> Context {
    let bearer = format!("Bearer {}", token());
    let request = Request {
        method: Method::GET,
        ip: "203.0.113.7".parse().unwrap(),
        headers: headers(&[
            ("Authorization", &bearer),
            ("X-One", "one"),
            ("X-Many", "a"),
            ("X-Many", "b"),
            ("X-Basic", "Basic dXNlcjpwYTpzcw=="),
        ]),
        url: "http://backend.internal:7071/api/hello?x=1"
            .parse()
            .unwrap(),
        original_url: "https://api.example.com/v1/hello?name=W%20orld&tag=a&tag=b"
            .parse()
            .unwrap(),
        matched_parameters: vec![("id".into(), "42".to_owned())],
        certificate: Some(Arc::new(Certificate {
            subject: "CN=alice, O=Example".into(),
            issuer: "CN=authority".into(),
            serial_number: "0A1B".into(),
            thumbprint: "00FF".into(),
            not_before: SystemTime::UNIX_EPOCH,
            not_after: SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365),
        })),
    };
    let mut variables = Variables::default();
    variables.set(&"text".into(), "hello".into());
    variables.set(&"number".into(), Value::Int(7));
    variables.set(&"flag".into(), Value::Bool(true));
    variables.set(&"nothing".into(), Value::Null);
    Context {
        request,
        response: Some(Response {
            status: StatusCode::NOT_FOUND,
            reason: None,
            headers: headers(&[("X-R", "r")]),
        }),
        variables,
        last_error: Some(LastError {
            source: "validate-jwt".into(),
            reason: Some("TokenExpired".into()),
            message: "expired".into(),
            scope: None,
            section: Some("inbound".into()),
            path: None,
            policy_id: None,
        }),
        api: Arc::new(ApiInfo {
            id: "echo".into(),
            name: "Echo".into(),
            path: "v1".into(),
            service_url: Some("https://svc.example.com/base".into()),
            ..ApiInfo::default()
        }),
        operation: Arc::new(OperationInfo {
            id: "get".into(),
            method: "GET".into(),
            ..OperationInfo::default()
        }),
        deployment: Arc::new(Deployment {
            region: "here".into(),
            ..Deployment::default()
        }),
        request_id: Uuid::nil(),
        timestamp: SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000),
        verified_token: None,
    }
}
