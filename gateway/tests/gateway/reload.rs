//! Reading the configuration again while requests come.

use std::sync::Arc;

use http::Response;
use tokio::sync::Notify;

use crate::provider::{Key, Provider};
use crate::support::{PATIENCE, Setup, client, document, inbound, send};
use crate::upstream::{Upstream, full};

const LIMIT: &str = r#"<rate-limit-by-key id="per-client" calls="3" renewal-period="300" counter-key="@(context.Request.IpAddress)" />"#;

/// A document that says on every answer which version it is, behind `steps`.
fn version(name: &str, steps: &str) -> String {
    let outbound = format!(
        r#"<set-header name="x-version" exists-action="override"><value>{name}</value></set-header>"#
    );
    document(steps, "<forward-request/>", &outbound, "")
}

#[tokio::test]
async fn a_new_configuration_holds_and_counters_go_on() {
    let upstream = Upstream::start().await;
    let gateway = Setup::new(upstream.address, version("one", LIMIT))
        .reloadable()
        .start()
        .await;
    for _ in 0..2 {
        let answer = send(gateway.get("/api/hello")).await;
        assert_eq!(
            (answer.status, answer.header("x-version")),
            (200, Some("one"))
        );
    }
    gateway.write("policy.xml", &version("two", LIMIT));
    gateway.reload("success").await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!(
        (answer.status, answer.header("x-version")),
        (200, Some("two"))
    );
    assert_eq!(
        send(gateway.get("/api/hello")).await.status,
        429,
        "the calls before the reload still count"
    );
    let answered = r#"weir_gateway_requests_total{api="test",operation="hello",status="200"}"#;
    assert_eq!(
        gateway.metric(answered).await,
        Some(3.0),
        "counters of routes that stay go on"
    );
    let refused = r#"weir_gateway_refusals_total{policy="rate-limit-by-key",limit="per-client"}"#;
    assert_eq!(gateway.metric(refused).await, Some(1.0));
    gateway.write("policy.xml", &version("three", LIMIT));
    gateway.reload("success").await;
    assert_eq!(gateway.metric(answered).await, Some(3.0));
    assert_eq!(gateway.metric(refused).await, Some(1.0));
    assert_eq!(
        gateway
            .metric("weir_gateway_connections")
            .await
            .map(|open| open >= 0.0),
        Some(true)
    );
}

#[tokio::test]
async fn a_broken_configuration_changes_nothing_but_the_metrics() {
    let upstream = Upstream::start().await;
    let gateway = Setup::new(upstream.address, version("one", ""))
        .reloadable()
        .start()
        .await;
    let good_since = gateway
        .metric("weir_gateway_config_last_reload_success_timestamp_seconds")
        .await;
    assert!(good_since.is_some_and(|when| when > 1.7e9));
    assert_eq!(
        gateway
            .metric("weir_gateway_config_last_reload_successful")
            .await,
        Some(1.0)
    );
    gateway.write(
        "policy.xml",
        "<policies><inbound><rate-limit-by-kee/></inbound></policies>",
    );
    gateway.reload("failure").await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!(
        (answer.status, answer.header("x-version")),
        (200, Some("one"))
    );
    let ready = send(client().get(format!("http://{}/readyz", gateway.operations))).await;
    assert_eq!(ready.status, 200, "{}", ready.body);
    assert_eq!(
        gateway
            .metric("weir_gateway_config_last_reload_successful")
            .await,
        Some(0.0)
    );
    assert_eq!(
        gateway
            .metric("weir_gateway_config_last_reload_success_timestamp_seconds")
            .await,
        good_since
    );
    gateway.write("policy.xml", &version("two", ""));
    gateway.reload("success").await;
    assert_eq!(
        send(gateway.get("/api/hello")).await.header("x-version"),
        Some("two")
    );
    assert_eq!(
        gateway
            .metric("weir_gateway_config_last_reload_successful")
            .await,
        Some(1.0)
    );
}

#[tokio::test]
async fn a_request_under_way_ends_with_the_plan_it_began_with() {
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (arriving, waiting) = (Arc::clone(&arrived), Arc::clone(&go_on));
    let upstream = Upstream::streaming(move |request| {
        let (arrived, go_on) = (Arc::clone(&arriving), Arc::clone(&waiting));
        async move {
            if request.uri().path().ends_with("/hello") {
                arrived.notify_one();
                go_on.notified().await;
            }
            Response::new(full("hello"))
        }
    })
    .await;
    let gateway = Setup::new(upstream.address, version("one", ""))
        .reloadable()
        .start()
        .await;
    let slow = tokio::spawn(gateway.get("/api/hello").send());
    arrived.notified().await;
    gateway.write("policy.xml", &version("two", ""));
    gateway.reload("success").await;
    assert_eq!(
        send(gateway.get("/api/items/1")).await.header("x-version"),
        Some("two")
    );
    go_on.notify_one();
    let slow = slow.await.unwrap().unwrap();
    assert_eq!(
        (slow.status().as_u16(), &slow.headers()["x-version"]),
        (200, &"one".parse().unwrap())
    );
}

#[tokio::test]
async fn operations_come_and_go() {
    let upstream = Upstream::start().await;
    let gateway = Setup::new(upstream.address, inbound(""))
        .reloadable()
        .start()
        .await;
    assert_eq!(send(gateway.get("/api/new")).await.status, 404);
    let paths = r#"{ "openapi": "3.0.3", "info": { "title": "Test", "version": "1" }, "paths": {
        "/new": { "get": { "operationId": "new", "responses": { "200": { "description": "ok" } } } } } }"#;
    gateway.write("apis/test/specification.yaml", paths);
    gateway.reload("success").await;
    assert_eq!(send(gateway.get("/api/new")).await.status, 200);
    assert_eq!(send(gateway.get("/api/hello")).await.status, 404);
    assert!(
        send(gateway.get("/openapi.json"))
            .await
            .body
            .contains("/api/new")
    );
    let answered = r#"weir_gateway_requests_total{api="test",operation="new",status="200"}"#;
    assert_eq!(gateway.metric(answered).await, Some(1.0));
}

#[tokio::test]
async fn a_provider_without_keys_keeps_the_old_configuration_and_readiness() {
    let upstream = Upstream::start().await;
    let gateway = Setup::new(upstream.address, version("one", ""))
        .reloadable()
        .start()
        .await;
    let nobody = weir_testkit::free_port();
    let steps = format!(
        r#"<validate-jwt header-name="Authorization"><openid-config url="http://127.0.0.1:{nobody}/.well-known/openid-configuration" /></validate-jwt>"#
    );
    gateway.write("policy.xml", &version("two", &steps));
    gateway.reload("failure").await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!(
        (answer.status, answer.header("x-version")),
        (200, Some("one"))
    );
    let ready = send(client().get(format!("http://{}/readyz", gateway.operations))).await;
    assert_eq!(ready.status, 200, "{}", ready.body);
    assert!(!ready.body.contains(&nobody.to_string()), "{}", ready.body);
}

#[tokio::test]
async fn the_live_page_goes_on_however_often_the_configuration_changes() {
    let upstream = Upstream::start().await;
    let gateway = Setup::new(upstream.address, version("one", LIMIT))
        .reloadable()
        .start()
        .await;
    let mut events = client()
        .get(format!("http://{}/live/events", gateway.operations))
        .send()
        .await
        .unwrap();
    let (mut text, mut served, mut limited) = (String::new(), 0, 0);
    let shown = async {
        while (served, limited) != (3, 17) {
            let event = events.chunk().await.unwrap().unwrap();
            text.push_str(std::str::from_utf8(&event).unwrap());
            (served, limited) = (sum(&text, "served"), sum(&text, "limited"));
        }
    };
    let asking = async {
        for _ in 0..20 {
            send(gateway.get("/api/hello")).await;
            gateway.reload("success").await;
        }
    };
    let (shown, ()) = tokio::join!(tokio::time::timeout(PATIENCE, shown), asking);
    assert!(
        shown.is_ok(),
        "{served} served and {limited} refused were shown: {text}"
    );
}

/// All numbers called `name` in the events that have come as a whole.
fn sum(events: &str, name: &str) -> u64 {
    let (whole, marker) = (
        events.rsplit_once("\n\n").unwrap_or_default().0,
        format!("\"{name}\":"),
    );
    let numbers = whole
        .split(&marker)
        .skip(1)
        .map(|rest| rest.split([',', '}']).next().unwrap());
    numbers.map(|number| number.parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn asking_for_a_reload_asks_providers_at_once_also_if_nothing_else_comes_of_it() {
    let upstream = Upstream::start().await;
    let mut provider = Provider::start("one").await;
    let steps = format!(
        r#"<validate-jwt header-name="Authorization">{}</validate-jwt>"#,
        provider.openid_config()
    );
    let gateway = Setup::new(upstream.address, inbound(&steps))
        .reloadable()
        .start()
        .await;
    let status = async |token: &str| {
        send(
            gateway
                .get("/api/hello")
                .header("authorization", format!("Bearer {token}")),
        )
        .await
        .status
    };
    for (key, result) in [("two", "success"), ("three", "failure")] {
        let withdrawn = provider.key.token(&provider.issuer());
        assert_eq!(status(&withdrawn).await, 200);
        provider.rotate(Key::new(key));
        assert_eq!(
            status(&withdrawn).await,
            200,
            "it is believed until the next look"
        );
        if result == "failure" {
            gateway.write("policy.xml", "<policies>");
        }
        gateway.reload(result).await;
        weir_testkit::eventually(PATIENCE, || async { status(&withdrawn).await == 401 }).await;
        assert_eq!(status(&provider.key.token(&provider.issuer())).await, 200);
    }
}
