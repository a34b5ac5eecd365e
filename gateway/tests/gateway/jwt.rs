//! `validate-jwt` in the pipeline. The token crate tests the validation itself.

use serde_json::{Value, json};

use crate::provider::Provider;
use crate::support::{
    Answer, Gateway, Setup, document, inbound, seconds_from_now, send, token, token_of,
    validate_jwt,
};
use crate::upstream::Upstream;

async fn gateway(attributes: &str, children: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let gateway = Setup::new(
        upstream.address,
        inbound(&validate_jwt(attributes, children)),
    )
    .start()
    .await;
    (upstream, gateway)
}

async fn call(gateway: &Gateway, authorization: &str) -> Answer {
    send(
        gateway
            .get("/api/hello")
            .header("authorization", authorization),
    )
    .await
}

#[tokio::test]
async fn a_valid_token_passes_and_goes_on_to_the_backend() {
    let (upstream, gateway) = gateway("", "").await;
    let authorization = format!("Bearer {}", token("alice"));
    assert_eq!(call(&gateway, &authorization).await.status, 200);
    assert_eq!(
        upstream.only().header("authorization"),
        Some(&*authorization)
    );
}

#[tokio::test]
async fn no_token_is_a_challenge_without_an_error() {
    let (upstream, gateway) = gateway("", "").await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    assert_eq!(
        answer.body,
        r#"{ "statusCode": 401, "message": "JWT not present." }"#
    );
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn tokens_that_do_not_hold_are_invalid() {
    let (upstream, gateway) = gateway("", "").await;
    let claims = |exp: i64| json!({ "sub": "alice", "exp": exp });
    let other = jsonwebtoken::EncodingKey::from_secret(b"another secret of thirty-two byt");
    let header = jsonwebtoken::Header::default();
    let forged = jsonwebtoken::encode(&header, &claims(seconds_from_now(60)), &other).unwrap();
    let none = format!(
        "eyJhbGciOiJub25lIn0.{}.",
        token("alice").split('.').nth(1).unwrap()
    );
    for token in [
        token_of(&claims(seconds_from_now(-60))),
        token_of(&json!({ "sub": "alice" })),
        forged,
        none,
        "a.b.c".to_owned(),
        "a".to_owned(),
        "x".repeat(20_000),
    ] {
        let answer = call(&gateway, &format!("Bearer {token}")).await;
        assert_eq!(answer.status, 401, "{token}");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer error=\"invalid_token\"")
        );
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn two_tokens_are_none() {
    let (upstream, gateway) = gateway("", "").await;
    let request = gateway
        .get("/api/hello")
        .header("authorization", format!("Bearer {}", token("alice")));
    let answer = send(request.header("authorization", "Bearer x")).await;
    assert_eq!(answer.status, 401);
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_required_scheme_is_required() {
    let (_upstream, gateway) = gateway(r#"require-scheme="Bearer""#, "").await;
    let token = token("alice");
    for (authorization, status) in [
        (format!("Bearer {token}"), 200),
        (format!("bearer {token}"), 200),
        (token.clone(), 401),
        (format!("Other {token}"), 401),
    ] {
        assert_eq!(
            call(&gateway, &authorization).await.status,
            status,
            "{authorization}"
        );
    }
}

#[tokio::test]
async fn status_and_message_are_the_policys() {
    let attributes = r#"failed-validation-httpcode="403" failed-validation-error-message="Go &quot;away&quot;.""#;
    let (_upstream, gateway) = gateway(attributes, "").await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("www-authenticate"), None);
    assert_eq!(
        answer.json(),
        json!({ "statusCode": 403, "message": "Go \"away\"." })
    );
}

#[tokio::test]
async fn audience_issuer_and_claims_must_hold() {
    let children = r#"
      <audiences><audience>test</audience></audiences>
      <issuers><issuer>me</issuer></issuers>
      <required-claims>
        <claim name="scp" match="all" separator=" "><value>read</value><value>write</value></claim>
        <claim name="role" match="any"><value>a</value><value>b</value></claim>
        <claim name="sub" />
      </required-claims>"#;
    let (_upstream, gateway) = gateway("", children).await;
    let good = json!({
        "sub": "alice", "aud": ["other", "test"], "iss": "me", "exp": seconds_from_now(60),
        "scp": "write read more", "role": ["b", "c"],
    });
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    assert_eq!(
        call(&gateway, &format!("Bearer {}", token_of(&good)))
            .await
            .status,
        200
    );
    for bad in [
        changed("aud", json!("other")),
        changed("iss", json!("you")),
        changed("scp", json!("read")),
        changed("role", json!(["c"])),
        json!({ "aud": "test", "iss": "me", "exp": seconds_from_now(60), "scp": "read write", "role": "a" }),
    ] {
        assert_eq!(
            call(&gateway, &format!("Bearer {}", token_of(&bad)))
                .await
                .status,
            401,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn clock_skew_is_tolerated_as_far_as_it_goes() {
    let (_upstream, gateway) = gateway(r#"clock-skew="300""#, "").await;
    for (late, status) in [(200, 200), (400, 401)] {
        let token = token_of(&json!({ "sub": "alice", "exp": seconds_from_now(-late) }));
        assert_eq!(
            call(&gateway, &format!("Bearer {token}")).await.status,
            status,
            "{late} s late"
        );
    }
}

#[tokio::test]
async fn the_token_may_come_from_a_query_parameter_or_an_expression() {
    let upstream = Upstream::start().await;
    let keys = validate_jwt("", "");
    let query = keys.replace(
        r#"header-name="Authorization""#,
        r#"query-parameter-name="t""#,
    );
    let gateway = Setup::new(upstream.address, inbound(&query)).start().await;
    let good = token("alice");
    assert_eq!(
        send(gateway.get(&format!("/api/hello?t={good}")))
            .await
            .status,
        200
    );
    assert_eq!(
        send(gateway.get(&format!("/api/hello?t={good}&t=x")))
            .await
            .status,
        401
    );
    assert_eq!(
        send(gateway.get(&format!("/api/hello?t=Bearer%20{good}")))
            .await
            .status,
        200
    );
    assert_eq!(
        send(gateway.get(&format!("/api/hello?t=Basic%20{good}")))
            .await
            .status,
        401
    );
    assert_eq!(send(gateway.get("/api/hello?t=")).await.status, 401);

    let value = r#"token-value="@(context.Request.Headers.GetValueOrDefault("x-token",""))""#;
    let value = keys.replace(r#"header-name="Authorization""#, value);
    let gateway = Setup::new(upstream.address, inbound(&value)).start().await;
    for token in [good.clone(), format!("Bearer\t{good}")] {
        assert_eq!(
            send(gateway.get("/api/hello").header("x-token", &token))
                .await
                .status,
            200
        );
    }
    assert_eq!(send(gateway.get("/api/hello")).await.status, 401);
}

#[tokio::test]
async fn another_header_holds_the_token_alone_or_after_bearer() {
    let upstream = Upstream::start().await;
    let steps =
        validate_jwt(r#"require-scheme="Custom""#, "").replace("\"Authorization\"", "\"x-token\"");
    let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
    for (value, status) in [
        ("", 200),
        ("bearer ", 200),
        ("Bearer \t", 200),
        ("Custom ", 401),
    ] {
        let request = gateway
            .get("/api/hello")
            .header("x-token", format!("{value}{}", token("alice")));
        assert_eq!(send(request).await.status, status, "{value:?}");
    }
}

#[tokio::test]
async fn one_blank_is_left_before_a_token_that_passed() {
    let (upstream, gateway) = gateway("", "").await;
    let token = token("alice");
    assert_eq!(
        call(&gateway, &format!("Bearer \t {token}")).await.status,
        200
    );
    assert_eq!(
        upstream.only().header("authorization"),
        Some(&*format!("Bearer {token}"))
    );
}

#[tokio::test]
async fn the_validated_token_is_left_in_a_variable() {
    let upstream = Upstream::start().await;
    let steps = format!(
        r#"{}<set-header name="x-subject"><value>@(((Jwt)context.Variables["jwt"]).Subject)</value></set-header>"#,
        validate_jwt(r#"output-token-variable-name="jwt""#, "")
    );
    let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
    assert_eq!(
        call(&gateway, &format!("Bearer {}", token("alice")))
            .await
            .status,
        200
    );
    assert_eq!(upstream.only().header("x-subject"), Some("alice"));
}

#[tokio::test]
async fn on_error_sees_why() {
    let upstream = Upstream::start().await;
    let on_error = r#"
      <set-header name="x-source"><value>@(context.LastError.Source)</value></set-header>
      <set-header name="x-reason"><value>@(context.LastError.Reason)</value></set-header>
      <set-header name="x-scope"><value>@(context.LastError.Scope)</value></set-header>
      <set-header name="x-section"><value>@(context.LastError.Section)</value></set-header>
      <set-header name="x-policy"><value>@(context.LastError.PolicyId)</value></set-header>
      <set-header name="x-status"><value>@(context.Response.StatusCode.ToString())</value></set-header>"#;
    let policy = document(
        &validate_jwt(r#"id="the-check""#, ""),
        "<forward-request/>",
        "",
        on_error,
    );
    let gateway = Setup::new(upstream.address, policy).start().await;
    let expired = token_of(&json!({ "sub": "alice", "exp": seconds_from_now(-60) }));
    let answer = call(&gateway, &format!("Bearer {expired}")).await;
    assert_eq!(answer.status, 401);
    for (header, value) in [
        ("x-source", "validate-jwt"),
        ("x-reason", "TokenExpired"),
        ("x-scope", "global"),
        ("x-section", "inbound"),
        ("x-policy", "the-check"),
        ("x-status", "401"),
    ] {
        assert_eq!(answer.header(header), Some(value), "{header}");
    }
}

#[tokio::test]
async fn listed_issuers_do_not_let_one_provider_sign_for_another() {
    let upstream = Upstream::start().await;
    let (one, two) = (Provider::start("one").await, Provider::start("two").await);
    let steps = format!(
        r#"<validate-jwt header-name="Authorization">{}{}
             <issuers><issuer>{}</issuer><issuer>{}</issuer></issuers>
           </validate-jwt>"#,
        one.openid_config(),
        two.openid_config(),
        one.issuer(),
        two.issuer()
    );
    let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
    for (signer, issuer, status) in [
        (&one, one.issuer(), 200),
        (&two, two.issuer(), 200),
        (&one, two.issuer(), 401),
        (&two, one.issuer(), 401),
    ] {
        let answer = call(&gateway, &format!("Bearer {}", signer.key.token(&issuer))).await;
        assert_eq!(answer.status, status, "{} as {issuer}", signer.issuer());
    }
}
