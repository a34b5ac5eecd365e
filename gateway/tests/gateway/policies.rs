//! What each of the other policies does to requests and answers.

use http::Response;
use serde_json::json;

use crate::support::{Gateway, Setup, document, inbound, send};
use crate::upstream::{Upstream, full};

async fn gateway(steps: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let gateway = Setup::new(upstream.address, inbound(steps)).start().await;
    (upstream, gateway)
}

#[tokio::test]
async fn set_header_changes_the_request_and_then_the_answer() {
    let upstream = Upstream::answering(|_| {
        Response::builder()
            .header("x-backend", "secret")
            .header("x-list", "a")
            .body(full("hello"))
            .unwrap()
    })
    .await;
    let inbound = r#"
      <set-header name="x-two"><value>1</value><value>2</value></set-header>
      <set-header name="x-append" exists-action="append"><value>mine</value></set-header>
      <set-header name="x-skip" exists-action="skip"><value>mine</value></set-header>
      <set-header name="x-gone" exists-action="delete" />
      <set-header name="x-computed"><value>@(context.Request.Method + " " + context.Request.OriginalUrl.Path)</value></set-header>"#;
    let outbound = r#"
      <set-header name="x-backend" exists-action="delete" />
      <set-header name="x-list" exists-action="append"><value>b</value></set-header>
      <set-header name="x-status"><value>@(context.Response.StatusCode.ToString())</value></set-header>"#;
    let policy = document(inbound, "<forward-request/>", outbound, "");
    let gateway = Setup::new(upstream.address, policy).start().await;
    let request = gateway
        .get("/api/hello")
        .header("x-append", "theirs")
        .header("x-skip", "theirs")
        .header("x-gone", "1");
    let answer = send(request).await;
    let seen = upstream.only();
    for (name, value) in [
        ("x-two", Some("1,2")),
        ("x-append", Some("theirs,mine")),
        ("x-skip", Some("theirs")),
        ("x-gone", None),
        ("x-computed", Some("GET /api/hello")),
    ] {
        assert_eq!(seen.header(name), value, "{name}");
    }
    assert_eq!(answer.header("x-backend"), None);
    assert_eq!(answer.header("x-list"), Some("a,b"));
    assert_eq!(answer.header("x-status"), Some("200"));
}

#[tokio::test]
async fn a_header_value_with_a_line_break_is_an_error_and_not_a_header() {
    let steps = r#"<set-header name="x-a"><value>@("a\r\nx-b: c")</value></set-header>"#;
    let (upstream, gateway) = gateway(steps).await;
    assert_eq!(send(gateway.get("/api/hello")).await.status, 500);
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn choose_takes_the_first_true_branch_and_goes_on_after_it() {
    let steps = r#"
      <set-header name="x-trail"><value>start</value></set-header>
      <choose>
        <when condition="@(context.Request.Headers.GetValueOrDefault("x-pick","") == "a")">
          <set-header name="x-trail" exists-action="append"><value>a</value></set-header>
          <choose><when condition="true"><set-header name="x-trail" exists-action="append"><value>inner</value></set-header></when></choose>
        </when>
        <when condition="@(context.Request.Headers.ContainsKey("x-pick"))">
          <set-header name="x-trail" exists-action="append"><value>b</value></set-header>
        </when>
        <otherwise><set-header name="x-trail" exists-action="append"><value>otherwise</value></set-header></otherwise>
      </choose>
      <set-header name="x-trail" exists-action="append"><value>end</value></set-header>"#;
    let (upstream, gateway) = gateway(steps).await;
    for (pick, trail) in [
        (Some("a"), "start,a,inner,end"),
        (Some("z"), "start,b,end"),
        (None, "start,otherwise,end"),
    ] {
        let request = gateway.get("/api/hello");
        let request = if let Some(pick) = pick {
            request.header("x-pick", pick)
        } else {
            request
        };
        assert_eq!(send(request).await.status, 200);
        assert_eq!(
            upstream.seen().last().unwrap().header("x-trail"),
            Some(trail)
        );
    }
}

#[tokio::test]
async fn return_response_ends_the_request_without_the_backend() {
    let steps = r#"
      <set-variable name="who" value="@(context.Request.Headers.GetValueOrDefault("x-who","nobody"))" />
      <return-response>
        <set-status code="202" reason="Fine" />
        <set-header name="x-made"><value>here</value></set-header>
        <set-body>@("hello " + (string)context.Variables["who"])</set-body>
      </return-response>"#;
    let policy = document(
        steps,
        "<forward-request/>",
        r#"<set-header name="x-out"><value>1</value></set-header>"#,
        "",
    );
    let upstream = Upstream::start().await;
    let gateway = Setup::new(upstream.address, policy).start().await;
    let answer = send(gateway.get("/api/hello").header("x-who", "alice")).await;
    assert_eq!((answer.status, answer.body.as_str()), (202, "hello alice"));
    assert_eq!(
        (answer.header("x-made"), answer.header("x-out")),
        (Some("here"), None)
    );
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn an_empty_return_response_is_an_empty_200() {
    let (_upstream, gateway) = gateway("<return-response />").await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
}

#[tokio::test]
async fn without_forward_request_outbound_runs_over_an_empty_200() {
    let upstream = Upstream::start().await;
    let policy = document(
        "",
        "",
        r#"<set-body>@("made: " + context.Response.StatusCode)</set-body>"#,
        "",
    );
    let gateway = Setup::new(upstream.address, policy).start().await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "made: 200"));
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn outbound_may_replace_status_and_body() {
    let upstream = Upstream::start().await;
    let outbound = r#"<set-status code="299" reason="Odd" /><set-body>other and longer</set-body>"#;
    let gateway = Setup::new(
        upstream.address,
        document("", "<forward-request/>", outbound, ""),
    )
    .start()
    .await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (299, "other and longer")
    );
    assert_eq!(answer.header("content-length"), Some("16"));
}

#[tokio::test]
async fn rewrite_uri_changes_path_and_query() {
    let (upstream, gateway) = gateway(r#"<choose>
        <when condition="@(context.Operation.Id == "item")"><rewrite-uri template="/things/{id}/detail?full=1" /></when>
        <when condition="@(context.Operation.Id == "hello")"><rewrite-uri template="put" copy-unmatched-params="false" /></when>
        <otherwise><rewrite-uri template="@("/up/" + context.Request.Headers.GetValueOrDefault("x-to",""))" /></otherwise>
      </choose>"#)
    .await;
    for (path, asked) in [
        (
            "/api/items/a%20b?c=d",
            "/backend/things/a%20b/detail?full=1&c=d",
        ),
        ("/api/items/7", "/backend/things/7/detail?full=1"),
        ("/api/hello?c=d", "/backend/put"),
    ] {
        assert_eq!(send(gateway.get(path)).await.status, 200, "{path}");
        assert_eq!(upstream.seen().last().unwrap().uri, asked);
    }
    let count = upstream.seen().len();
    for climbing in ["../admin", "%2e%2e/admin", "a//b"] {
        let answer = send(gateway.get("/api/files/x").header("x-to", climbing)).await;
        assert_eq!(answer.status, 400, "{climbing}");
    }
    assert_eq!(upstream.seen().len(), count);
}

#[tokio::test]
async fn set_backend_service_sends_elsewhere_with_the_credentials_of_the_backend() {
    let (own, other) = (Upstream::start().await, Upstream::start().await);
    let backend = json!({ "properties": {
        "url": format!("http://{}/fn/", other.address), "protocol": "http",
        "credentials": { "header": { "x-functions-key": ["the-key"] }, "query": { "code": ["a b"] } },
    }});
    let setup = |api: &str| {
        Setup::new(
            own.address,
            inbound(r#"<set-backend-service backend-id="functions" />"#),
        )
        .file(
            "backends/functions/backendInformation.json",
            backend.to_string(),
        )
        .file(
            "apis/test/policy.xml",
            document(api, "<base/>", "<base/>", "<base/>"),
        )
    };
    let gateway = setup("<base/>").start().await;
    send(
        gateway
            .get("/api/hello?x=1")
            .header("x-functions-key", "forged"),
    )
    .await;
    let seen = other.only();
    assert_eq!(seen.uri, "/fn/hello?x=1&code=a%20b");
    assert_eq!(seen.header("x-functions-key"), Some("the-key"));
    assert_eq!(seen.header("host"), Some(&*other.address.to_string()));

    let base_url = format!(
        r#"<set-backend-service base-url="http://{}/direct" />"#,
        own.address
    );
    let gateway = setup(&format!("<base/>{base_url}")).start().await;
    send(gateway.get("/api/hello")).await;
    assert_eq!(
        other.seen().len(),
        2,
        "a base-url does not override the backend-id of a broader scope"
    );

    let gateway = setup(&base_url).start().await;
    send(gateway.get("/api/hello")).await;
    assert_eq!(own.only().uri, "/direct/hello");

    let computed = format!(
        r#"<set-backend-service base-url="@("http://{}/c/" + context.Operation.Id)" />"#,
        own.address
    );
    let gateway = setup(&computed).start().await;
    send(gateway.get("/api/hello")).await;
    assert_eq!(own.seen().last().unwrap().uri, "/c/hello/hello");
}

#[tokio::test]
async fn check_header_wants_one_of_the_values() {
    let steps = r#"<check-header name="x-key" failed-check-httpcode="403" failed-check-error-message="No." ignore-case="true">
                     <value>One</value><value>two</value></check-header>"#;
    let (upstream, gateway) = gateway(steps).await;
    for (values, status) in [
        (vec!["one"], 200),
        (vec!["TWO"], 200),
        (vec!["three"], 403),
        (vec![], 403),
        (vec!["one", "three"], 403),
    ] {
        let request = values
            .iter()
            .fold(gateway.get("/api/hello"), |request, value| {
                request.header("x-key", *value)
            });
        let answer = send(request).await;
        assert_eq!(answer.status, status, "{values:?}");
        if status == 403 {
            assert_eq!(answer.body, r#"{ "statusCode": 403, "message": "No." }"#);
        }
    }
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test]
async fn ip_filter_looks_at_the_client() {
    for (steps, status, message) in [
        (
            r#"<ip-filter action="allow"><address>127.0.0.1</address></ip-filter>"#,
            200,
            "",
        ),
        (
            r#"<ip-filter action="allow"><address-range from="10.0.0.0" to="10.255.255.255" /></ip-filter>"#,
            403,
            "Caller IP address 127.0.0.1 is not allowed. Access denied.",
        ),
        (
            r#"<ip-filter action="forbid"><address-range from="127.0.0.0" to="127.0.0.255" /></ip-filter>"#,
            403,
            "Caller IP address is blocked. Access denied.",
        ),
        (
            r#"<ip-filter action="forbid"><address>::1</address></ip-filter>"#,
            200,
            "",
        ),
    ] {
        let (_upstream, gateway) = gateway(steps).await;
        let answer = send(
            gateway
                .get("/api/hello")
                .header("x-forwarded-for", "10.0.0.1"),
        )
        .await;
        assert_eq!(answer.status, status, "{steps}");
        if status == 403 {
            assert_eq!(
                answer.json(),
                json!({ "statusCode": 403, "message": message })
            );
        }
    }
}

#[tokio::test]
async fn an_expression_that_throws_is_a_500_that_says_nothing() {
    let steps =
        r#"<set-variable name="a" value="@((string)context.Variables["missing-secret"])" />"#;
    let on_error =
        r#"<set-header name="x-reason"><value>@(context.LastError.Reason)</value></set-header>"#;
    let upstream = Upstream::start().await;
    let gateway = Setup::new(
        upstream.address,
        document(steps, "<forward-request/>", "", on_error),
    )
    .start()
    .await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!(answer.status, 500);
    assert_eq!(
        answer.header("x-reason"),
        Some("ExpressionValueEvaluationFailure")
    );
    let body = answer.json();
    assert_eq!(
        (&body["statusCode"], &body["message"]),
        (&json!(500), &json!("Internal server error"))
    );
    assert_eq!(body["activityId"].as_str().unwrap().len(), 36);
    assert!(!answer.body.contains("missing-secret"));
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn an_error_in_on_error_leaves_the_first_error() {
    let steps = r#"<check-header name="x-key" failed-check-httpcode="403" failed-check-error-message="No." ignore-case="false" />"#;
    let on_error = r#"<set-header name="x-before"><value>1</value></set-header>
      <set-header name="x-never"><value>@((string)context.Variables["missing"])</value></set-header>"#;
    let upstream = Upstream::start().await;
    let gateway = Setup::new(
        upstream.address,
        document(steps, "<forward-request/>", "", on_error),
    )
    .start()
    .await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!(answer.body, r#"{ "statusCode": 403, "message": "No." }"#);
    assert_eq!(
        (answer.header("x-before"), answer.header("x-never")),
        (Some("1"), None)
    );
}

#[tokio::test]
async fn a_policy_may_choose_the_host_the_backend_sees() {
    let (upstream, gateway) =
        gateway(r#"<set-header name="Host"><value>inner.example</value></set-header>"#).await;
    assert_eq!(send(gateway.get("/api/hello")).await.status, 200);
    let seen = upstream.only();
    assert_eq!(seen.header("host"), Some("inner.example"));
    assert_eq!(
        seen.header("x-forwarded-host"),
        Some(&*gateway.address.to_string())
    );
}

#[tokio::test]
async fn an_error_status_of_the_backend_is_an_error_only_if_the_policy_says_so() {
    let on_error =
        r#"<set-header name="x-reason"><value>@(context.LastError.Reason)</value></set-header>"#;
    for (attribute, reason) in [
        ("", None),
        (
            r#"fail-on-error-status-code="true""#,
            Some("BackendErrorStatus"),
        ),
    ] {
        let upstream = Upstream::answering(|_| {
            Response::builder()
                .status(418)
                .body(full("short and stout"))
                .unwrap()
        })
        .await;
        let policy = document("", &format!("<forward-request {attribute}/>"), "", on_error);
        let gateway = Setup::new(upstream.address, policy).start().await;
        let answer = send(gateway.get("/api/hello")).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (418, "short and stout")
        );
        assert_eq!(answer.header("x-reason"), reason);
    }
}
