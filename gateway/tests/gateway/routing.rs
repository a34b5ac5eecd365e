//! Which requests reach which operation, and how those that reach none are answered.

use crate::support::{Gateway, Setup, document, inbound, send};
use crate::upstream::Upstream;

async fn gateway() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let gateway = Setup::new(upstream.address, inbound("")).start().await;
    (upstream, gateway)
}

#[tokio::test]
async fn unknown_paths_and_methods_are_the_same_404() {
    let (upstream, gateway) = gateway().await;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/hello"),
        ("GET", "/api"),
        ("GET", "/api/hello/"),
        ("PUT", "/api/hello"),
        ("GET", "/api/files"),
    ] {
        let answer = send(gateway.request(method, path)).await;
        assert_eq!(answer.status, 404, "{method} {path}");
        assert_eq!(
            answer.body,
            r#"{ "statusCode": 404, "message": "Resource not found" }"#
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn the_operations_path_follows_the_backends() {
    let (upstream, gateway) = gateway().await;
    for (path, asked) in [
        ("/api/hello?a=1&b=%20", "/backend/hello?a=1&b=%20"),
        ("/api/items/a%20b", "/backend/items/a%20b"),
        ("/api/files/x/y.txt?", "/backend/files/x/y.txt?"),
        ("/api/%68ello", "/backend/hello"),
    ] {
        assert_eq!(send(gateway.get(path)).await.status, 200, "{path}");
        assert_eq!(upstream.seen().last().unwrap().uri, asked);
    }
}

#[tokio::test]
async fn on_error_may_answer_for_an_unknown_path() {
    let upstream = Upstream::start().await;
    let on_error = r#"<choose><when condition="@(context.LastError.Reason == "OperationNotFound")">
        <return-response><set-status code="410" reason="Really Gone" /><set-body>@(context.LastError.Source)</set-body></return-response>
      </when></choose>"#;
    let policy = document("", "<forward-request/>", "", on_error);
    let gateway = Setup::new(upstream.address, policy).start().await;
    let answer = send(gateway.get("/nowhere")).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (410, "configuration")
    );
}

#[tokio::test]
async fn every_answer_names_its_trace() {
    let (upstream, gateway) = gateway().await;
    let answer = send(gateway.get("/api/hello")).await;
    let id = answer.header("x-trace-id").unwrap();
    assert_eq!(id.len(), 32);
    assert_eq!(upstream.only().header("traceparent").unwrap()[3..35], *id);
    assert!(
        send(gateway.get("/nowhere"))
            .await
            .header("x-trace-id")
            .is_some()
    );

    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = gateway
        .get("/api/hello")
        .header("traceparent", parent)
        .header("tracestate", "a=b");
    let answer = send(request).await;
    assert_eq!(
        answer.header("x-trace-id"),
        Some("4bf92f3577b34da6a3ce929d0e0e4736")
    );
    let seen = upstream.seen().pop().unwrap();
    assert_eq!(
        (seen.header("traceparent"), seen.header("tracestate")),
        (Some(parent), Some("a=b"))
    );

    let request = gateway
        .get("/api/hello")
        .header("traceparent", "00-broken")
        .header("tracestate", "a=b");
    let answer = send(request).await;
    let seen = upstream.seen().pop().unwrap();
    assert_eq!(
        seen.header("traceparent").unwrap()[3..35],
        *answer.header("x-trace-id").unwrap()
    );
    assert_eq!(seen.header("tracestate"), None);
}
