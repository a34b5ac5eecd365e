//! The operations port, and configurations that cannot be put to work.

use base64::Engine as _;
use serde_json::json;
use weir_policy::artifacts::NamedValueOverrides;

use crate::support::{PATIENCE, Setup, client, inbound, send, validate_jwt};
use crate::upstream::Upstream;

#[tokio::test]
async fn metrics_tell_what_happened_where() {
    let upstream = Upstream::start().await;
    let steps = format!(
        r#"<rate-limit-by-key id="per-client" calls="2" renewal-period="60" counter-key="@(context.Request.IpAddress)" />{}"#,
        validate_jwt("", "")
    );
    let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
    let authorization = format!("Bearer {}", crate::support::token("alice"));
    for (token, status) in [(true, 200), (false, 401), (true, 429)] {
        let request = gateway.get("/api/hello");
        let request = if token {
            request.header("authorization", &authorization)
        } else {
            request
        };
        assert_eq!(send(request).await.status, status);
    }
    assert_eq!(send(gateway.get("/nowhere")).await.status, 404);
    let text = send(client().get(format!("http://{}/metrics", gateway.operations)))
        .await
        .body;
    for line in [
        r#"weir_gateway_requests_total{api="test",operation="hello",status="200"} 1"#,
        r#"weir_gateway_requests_total{api="test",operation="hello",status="401"} 1"#,
        r#"weir_gateway_requests_total{api="test",operation="hello",status="429"} 1"#,
        r#"weir_gateway_requests_total{api="",operation="",status="404"} 1"#,
        r#"weir_gateway_refusals_total{policy="rate-limit-by-key",limit="per-client"} 1"#,
        r#"weir_gateway_refusals_total{policy="validate-jwt",limit=""} 1"#,
        r#"weir_gateway_request_seconds_count{api="test",operation="hello"} 3"#,
        r#"weir_gateway_upstream_seconds_count{api="test",operation="hello"} 1"#,
        r#"weir_gateway_limiter_answers_total{mode="exact"} 3"#,
        "weir_gateway_requests_in_progress 0",
        r#"weir_token_validations_total{result="valid"} 1"#,
        r#"weir_token_validations_total{result="not_present"} 1"#,
        r#"weir_token_validations_total{result="expired"} 0"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_gateway_is_ready_once_it_serves() {
    let upstream = Upstream::start().await;
    let gateway = Setup::new(upstream.address, inbound("")).start().await;
    let ready = format!("http://{}/readyz", gateway.operations);
    weir_testkit::eventually(PATIENCE, || async {
        send(client().get(&ready)).await.status == 200
    })
    .await;
    assert_eq!(
        send(gateway.get("/readyz")).await.status,
        404,
        "never on the public listener"
    );
    assert_eq!(send(gateway.get("/metrics")).await.status, 404);
}

#[tokio::test]
async fn signing_keys_that_do_not_come_are_503_and_the_gateway_is_not_ready() {
    let upstream = Upstream::start().await;
    let nobody = weir_testkit::free_port();
    let steps = format!(
        r#"<validate-jwt header-name="Authorization"><openid-config url="http://127.0.0.1:{nobody}/.well-known/openid-configuration" /></validate-jwt>"#
    );
    let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
    let url_safe = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let header = url_safe(r#"{"alg":"RS256","kid":"k"}"#);
    let claims = url_safe(r#"{"sub":"alice","exp":4102444800}"#);
    let token = format!("{header}.{claims}.{}", url_safe(&"s".repeat(256)));
    let answer = send(
        gateway
            .get("/api/hello")
            .header("authorization", format!("Bearer {token}")),
    )
    .await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert!(!answer.body.contains("127.0.0.1"), "{}", answer.body);
    assert_eq!(send(gateway.get("/api/hello")).await.status, 401);
    let ready = send(client().get(format!("http://{}/readyz", gateway.operations))).await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("identity keys"), "{}", ready.body);
}

#[test]
fn a_backend_that_cannot_be_called_is_an_error_of_the_configuration() {
    let dir = tempfile::TempDir::new().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let backend =
        json!({ "properties": { "url": "https://functions..example/api", "protocol": "http" } });
    write(
        "policy.xml",
        &inbound(r#"<set-backend-service backend-id="functions" />"#),
    );
    write(
        "backends/functions/backendInformation.json",
        &backend.to_string(),
    );
    let problems = weir_gateway::load(dir.path(), &NamedValueOverrides::new())
        .unwrap_err()
        .to_string();
    assert!(
        problems.contains("backends/functions/backendInformation.json:1:"),
        "{problems}"
    );
    assert!(problems.contains("its host is no name"), "{problems}");
}
