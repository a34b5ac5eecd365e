//! What `validate-jwt` accepts, `AsJwt()` of the same header reads as the same token.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, Uri};
use proptest::prelude::*;
use secrecy::SecretSlice;
use serde_json::json;
use weir_policy::context::{Request, Variables};
use weir_policy::{Context, Expression, xml};
use weir_token::{KeySources, SigningKey, Validator, ValidatorConfig};

use super::*;

const SECRET: &[u8] = b"a secret of thirty-two bytes !!!";

/// Accepts HS256 tokens of [`SECRET`].
static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let keys = vec![SigningKey::Hmac {
        id: None,
        secret: SecretSlice::from(SECRET.to_vec()),
    }];
    let sources = KeySources {
        keys,
        ..KeySources::default()
    };
    Validator::new(
        sources,
        ValidatorConfig {
            cache_entries: 0,
            ..ValidatorConfig::default()
        },
    )
    .unwrap()
});

fn validate(token: &str, require_signed: bool) -> Result<Arc<Jwt>, TokenError> {
    let now = SystemTime::UNIX_EPOCH;
    let requirements = Requirements {
        require_expiration: false,
        require_signed,
        ..Requirements::at(now)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(VALIDATOR.validate(token, &requirements))
}

/// A token of alice of about `length` bytes, or of as few as it has.
fn token(length: usize, signed: bool) -> String {
    let encode = |pad: usize| {
        let claims = json!({ "sub": "alice", "pad": "x".repeat(pad) });
        if signed {
            let key = jsonwebtoken::EncodingKey::from_secret(SECRET);
            jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
        } else {
            format!(
                "eyJhbGciOiJub25lIn0.{}.",
                URL_SAFE_NO_PAD.encode(claims.to_string())
            )
        }
    };
    encode(length.saturating_sub(encode(0).len()) * 3 / 4)
}

fn context(headers: HeaderMap) -> Context {
    Context {
        request: Request {
            method: Method::GET,
            ip: IpAddr::from([127, 0, 0, 1]),
            headers,
            url: Uri::from_static("http://host/"),
            original_url: Uri::from_static("http://host/"),
            matched_parameters: Vec::new(),
            certificate: None,
        },
        response: None,
        variables: Variables::default(),
        last_error: None,
        api: Arc::default(),
        operation: Arc::default(),
        deployment: Arc::default(),
        request_id: uuid::Uuid::nil(),
        timestamp: SystemTime::UNIX_EPOCH,
        verified_token: None,
    }
}

/// The value of an expression after `context.Request.Headers.GetValueOrDefault(name, "")`.
fn of_header(name: &HeaderName, rest: &str, context: &Context) -> Value {
    evaluated(
        &format!(r#"context.Request.Headers.GetValueOrDefault("{name}",""){rest}"#),
        context,
    )
}

fn evaluated(expression: &str, context: &Context) -> Value {
    let text = format!("<a>@({expression})</a>");
    let document = xml::read(&Arc::from("test.xml"), &text).unwrap();
    let expression =
        Expression::parse(document.root.text().unwrap(), &Arc::from("test.xml")).unwrap();
    expression.evaluate(context).unwrap()
}

const SUBJECT: &str = ".AsJwt()?.Subject";
const SUBJECT_OF_LAST_WORD: &str = ".Split(' ').Last().AsJwt()?.Subject";

fn blanks() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[ \t]{0,4}", 1 => Just(" ".repeat(16 * 1024)), 1 => Just("\t".repeat(20_000))]
}

/// Beyond those that a header may hold.
fn any_blanks() -> impl Strategy<Value = String> {
    prop_oneof![4 => blanks(), 1 => "[ \t\r\n\x0b\x0c\u{a0}]{0,4}"]
}

fn tokens() -> impl Strategy<Value = String> {
    let length = prop_oneof![Just(0), 0..2_000_usize, 16_300..16_420_usize];
    let damage = prop::option::weighted(0.3, (any::<prop::sample::Index>(), "[ \t.,=A~]"));
    (length, any::<bool>(), damage).prop_map(|(length, signed, damage)| {
        let mut token = token(length, signed);
        if let Some((place, piece)) = damage {
            token.insert_str(place.index(token.len() + 1), &piece);
        }
        token
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_passes_is_read_by_expressions_as_the_same_token(
        name in prop::sample::select(vec!["authorization", "x-token"]),
        word in prop::sample::select(vec!["", "Bearer", "bearer", "BEARER", "bEaReR", "Custom", "Basic"]),
        (lead, between, end) in (blanks(), blanks(), blanks()),
        token in tokens(),
        required in prop::sample::select(vec![None, Some("Bearer"), Some("custom"), Some(" ")]),
        require_signed: bool,
        doubled in prop::bool::weighted(0.05),
    ) {
        let name = HeaderName::from_static(name);
        let value = HeaderValue::from_str(&format!("{lead}{word}{between}{token}{end}")).unwrap();
        let mut headers = HeaderMap::new();
        headers.append(&name, value.clone());
        if doubled {
            headers.append(&name, value);
        }
        let mut context = context(headers);
        let found = in_header(&context.request.headers, &name, scheme(&name, required)).map(str::to_owned);
        let seen = of_header(&name, SUBJECT, &context);
        let Some(found) = found else { return Ok(()) };
        match validate(&found, require_signed) {
            Ok(jwt) => {
                let subject = Value::from(jwt.subject().unwrap());
                prop_assert_eq!(&seen, &subject);
                tidy(&mut context.request.headers, &name, &found);
                context.verified_token = Some(VerifiedToken { text: found.into(), jwt });
                prop_assert_eq!(&of_header(&name, SUBJECT, &context), &subject);
                prop_assert_eq!(&of_header(&name, SUBJECT_OF_LAST_WORD, &context), &subject);
            }
            Err(_) if Jwt::read(&found).is_err() => prop_assert_eq!(seen, Value::Null),
            Err(_) => {}
        }
    }
}

/// What an expression reads as `seen` where `found` was found.
fn agree(found: &str, require_signed: bool, seen: &Value) -> Result<(), TestCaseError> {
    match validate(found, require_signed) {
        Ok(jwt) => prop_assert_eq!(seen, &Value::from(jwt.subject().unwrap())),
        Err(_) if Jwt::read(found).is_err() => prop_assert_eq!(seen, &Value::Null),
        Err(_) => {}
    }
    Ok(())
}

const QUERY_SUBJECT: &str =
    r#"context.Request.OriginalUrl.Query.GetValueOrDefault("token","").AsJwt()?.Subject"#;

const VARIABLE: &str = r#"context.Variables.GetValueOrDefault<string>("token")"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_passes_in_a_query_or_a_value_is_read_by_expressions_as_the_same_token(
        word in prop::sample::select(vec!["", "Bearer", "bEaReR", "Custom", "Basic"]),
        (lead, between, end) in (any_blanks(), any_blanks(), any_blanks()),
        token in tokens(),
        require_signed: bool,
        names in prop::sample::select(vec![
            &["token"][..], &["Token"], &["token", "token"], &["token", "TOKEN"], &["Token", "token"],
            &["other", "token"], &["other"],
        ]),
    ) {
        let value = format!("{lead}{word}{between}{token}{end}");
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for name in names {
            query.append_pair(name, &value);
        }
        let query = query.finish();
        let mut context = context(HeaderMap::new());
        // A longer URL than there may be: its request never gets here.
        if let Ok(url) = format!("http://host/?{query}").parse() {
            context.request.original_url = url;
            if let Some(found) = in_query(&context.request.original_url, "token") {
                agree(&found.text, require_signed, &evaluated(QUERY_SUBJECT, &context))?;
            }
        }
        context.variables.set(&Arc::from("token"), Value::from(&*value));
        let Value::Str(given) = evaluated(VARIABLE, &context) else { panic!() };
        if let Some(found) = without_header(&given) {
            let seen = evaluated(&format!("{VARIABLE}{SUBJECT}"), &context);
            agree(&found.text, require_signed, &seen)?;
        }
    }
}

#[test]
fn a_token_of_a_query_stands_there_once_in_whatever_case_its_name_is() {
    for (query, found) in [
        ("token=a.b.c", true),
        ("TOKEN=Bearer+a.b.c", true),
        ("x=1&token=%09bearer%20a.b.c", true),
        ("token=a.b.c&token=a.b.c", false),
        ("Token=x&token=a.b.c", false),
        ("token=a.b.c&TOKEN=", false),
        ("token=Custom+a.b.c", false),
        ("", false),
    ] {
        let url = format!("http://host/?{query}").parse().unwrap();
        let token = in_query(&url, "token").map(|found| found.text);
        assert_eq!(token.as_deref(), found.then_some("a.b.c"), "{query}");
    }
}

#[test]
fn the_bounds_of_a_token_are_met_by_some() {
    for (length, fits) in [(16_384, true), (16_390, false)] {
        let token = token(length, true);
        assert!(token.len().abs_diff(length) < 4, "{}", token.len());
        assert_eq!(
            validate(&token, true).is_ok(),
            fits && token.len() <= 16_384,
            "{}",
            token.len()
        );
    }
}

#[test]
fn without_a_required_scheme_only_bearer_or_none_is_one() {
    let found = |value: &'static str, name: &HeaderName, required| {
        let headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_static(value))]);
        in_header(&headers, name, scheme(name, required)).map(str::to_owned)
    };
    let some = Some("a.b.c".to_owned());
    for value in ["Bearer a.b.c", "bearer\ta.b.c", "a.b.c"] {
        assert_eq!(found(value, &AUTHORIZATION, None), some);
        assert_eq!(
            found(value, &AUTHORIZATION, Some("")),
            some,
            "an expression that names none"
        );
        assert_eq!(
            found(value, &HeaderName::from_static("x-token"), None),
            some
        );
    }
    assert_eq!(found("Custom a.b.c", &AUTHORIZATION, None), None);
    assert_eq!(found("Custom a.b.c", &AUTHORIZATION, Some("Custom")), some);
    assert_eq!(found("a.b.c", &AUTHORIZATION, Some("Bearer")), None);
}

#[test]
fn a_tidy_header_stays_and_another_becomes_one() {
    for (value, tidied) in [
        ("Bearer a.b.c", "Bearer a.b.c"),
        ("a.b.c", "a.b.c"),
        ("bearer  \t a.b.c ", "bearer a.b.c"),
        (" Custom a.b.c", "Custom a.b.c"),
    ] {
        let mut headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
        tidy(&mut headers, &AUTHORIZATION, "a.b.c");
        assert_eq!(headers[AUTHORIZATION], tidied);
    }
}
