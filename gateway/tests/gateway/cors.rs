//! Every case that the page of the policy `cors` in API Management tells apart.

use crate::support::{Answer, Gateway, Setup, document, inbound, send, validate_jwt};
use crate::upstream::{Upstream, full};

const SPA: &str = "http://localhost:3000";

const SCENARIO: &str = r#"
  <cors allow-credentials="true">
    <allowed-origins><origin>http://localhost:3000/</origin></allowed-origins>
    <allowed-methods preflight-result-max-age="120"><method>GET</method></allowed-methods>
    <allowed-headers><header>*</header></allowed-headers>
    <expose-headers><header>*</header></expose-headers>
  </cors>"#;

fn policy(
    attributes: &str,
    origins: &[&str],
    methods: &str,
    headers: &[&str],
    expose: &[&str],
) -> String {
    let list = |element: &str, values: &[&str]| -> String {
        values
            .iter()
            .map(|value| format!("<{element}>{value}</{element}>"))
            .collect()
    };
    let expose = if expose.is_empty() {
        String::new()
    } else {
        format!(
            "<expose-headers>{}</expose-headers>",
            list("header", expose)
        )
    };
    format!(
        "<cors {attributes}><allowed-origins>{}</allowed-origins>{methods}\
         <allowed-headers>{}</allowed-headers>{expose}</cors>",
        list("origin", origins),
        list("header", headers),
    )
}

async fn gateway(steps: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let gateway = Setup::new(upstream.address, inbound(steps)).start().await;
    (upstream, gateway)
}

async fn preflight(
    gateway: &Gateway,
    path: &str,
    origin: &str,
    method: &str,
    headers: &str,
) -> Answer {
    let request = gateway.request("OPTIONS", path).header("origin", origin);
    let request = request.header("access-control-request-method", method);
    let request = if headers.is_empty() {
        request
    } else {
        request.header("access-control-request-headers", headers)
    };
    send(request).await
}

fn assert_no_cors(answer: &Answer) {
    let found = answer
        .headers
        .keys()
        .find(|name| name.as_str().starts_with("access-control-"));
    assert_eq!(found, None, "{answer:?}");
}

#[tokio::test]
async fn a_preflight_is_answered_before_anything_else() {
    let (upstream, gateway) = gateway(&format!("{SCENARIO}{}", validate_jwt("", ""))).await;
    let answer = preflight(&gateway, "/api/hello", SPA, "GET", "authorization,x-custom").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.header("access-control-allow-origin"), Some(SPA));
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        Some("true")
    );
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET"));
    assert_eq!(
        answer.header("access-control-allow-headers"),
        Some("authorization,x-custom")
    );
    assert_eq!(answer.header("access-control-max-age"), Some("120"));
    assert!(answer.header("vary").unwrap().contains("Origin"));
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_preflight_that_does_not_match_is_an_empty_200() {
    let steps = policy(
        "",
        &[SPA],
        "<allowed-methods><method>GET</method></allowed-methods>",
        &["x-known"],
        &[],
    );
    let (_upstream, gateway) = gateway(&steps).await;
    for (origin, method, headers) in [
        ("http://evil.example", "GET", ""),
        ("null", "GET", ""),
        ("http://localhost:3001", "GET", ""),
        (SPA, "POST", ""),
        (SPA, "GET", "x-known, x-unknown"),
    ] {
        let answer = preflight(&gateway, "/api/hello", origin, method, headers).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, ""),
            "{origin} {method} {headers}"
        );
        assert_no_cors(&answer);
    }
    let answer = preflight(&gateway, "/api/hello", SPA, "GET", "X-Known").await;
    assert_eq!(
        answer.header("access-control-allow-headers"),
        Some("x-known")
    );
    assert_eq!(answer.header("access-control-max-age"), None);
}

#[tokio::test]
async fn without_allowed_methods_get_and_post_are() {
    let (_upstream, gateway) = gateway(&policy("", &[SPA], "", &["*"], &[])).await;
    for (method, allowed) in [("GET", true), ("POST", true), ("DELETE", false)] {
        let answer = preflight(&gateway, "/api/hello", SPA, method, "").await;
        assert_eq!(
            answer.header("access-control-allow-origin").is_some(),
            allowed,
            "{method}"
        );
    }
}

#[tokio::test]
async fn all_methods_are_named_by_the_one_asked_for() {
    let methods = "<allowed-methods><method>*</method></allowed-methods>";
    let (_upstream, gateway) = gateway(&policy("", &[SPA], methods, &["*"], &[])).await;
    let answer = preflight(&gateway, "/api/hello", SPA, "DELETE", "").await;
    assert_eq!(
        answer.header("access-control-allow-methods"),
        Some("DELETE")
    );
}

#[tokio::test]
async fn unmatched_preflights_go_on_to_the_next_policy_if_told_to() {
    let first = policy(
        "terminate-unmatched-request=\"false\"",
        &["http://first.example"],
        "",
        &["*"],
        &[],
    );
    let upstream = Upstream::start().await;
    let second = policy("", &["http://second.example"], "", &["*"], &[]);
    let api = document(&format!("<base/>{second}"), "<base/>", "<base/>", "<base/>");
    let gateway = Setup::new(upstream.address, inbound(&first))
        .file("apis/test/policy.xml", api)
        .start()
        .await;
    for (origin, allowed) in [
        ("http://first.example", true),
        ("http://second.example", true),
        (SPA, false),
    ] {
        let answer = preflight(&gateway, "/api/hello", origin, "GET", "").await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            allowed.then_some(origin)
        );
    }
    let answer = send(
        gateway
            .get("/api/hello")
            .header("origin", "http://second.example"),
    )
    .await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("http://second.example")
    );
    assert_eq!(answer.body, "hello");
}

#[tokio::test]
async fn an_options_operation_of_its_own_is_no_preflight() {
    let (upstream, gateway) = gateway(SCENARIO).await;
    let answer = preflight(&gateway, "/api/own", SPA, "GET", "").await;
    assert_eq!(answer.body, "hello");
    assert_eq!(upstream.only().method, "OPTIONS");
}

#[tokio::test]
async fn options_without_an_operation_is_404_unless_it_is_a_preflight() {
    let (_upstream, gateway) = gateway(SCENARIO).await;
    assert_eq!(
        send(gateway.request("OPTIONS", "/api/hello")).await.status,
        404
    );
    let answer = send(
        gateway
            .request("OPTIONS", "/api/hello")
            .header("origin", SPA),
    )
    .await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("access-control-allow-origin"), Some(SPA));
}

#[tokio::test]
async fn without_a_cors_policy_a_preflight_matches_nothing() {
    let (_upstream, gateway) = gateway("").await;
    let answer = preflight(&gateway, "/api/hello", SPA, "GET", "").await;
    assert_eq!(answer.status, 404);
    assert_no_cors(&answer);
}

#[tokio::test]
async fn an_allowed_page_can_read_the_answer_and_its_headers() {
    let upstream = Upstream::answering(|_| {
        http::Response::builder()
            .header("x-from-backend", "1")
            .header("set-cookie", "a=1")
            .header("vary", "Accept")
            .header("access-control-allow-origin", "http://somebody.else")
            .header("access-control-max-age", "9")
            .body(full("hello"))
            .unwrap()
    })
    .await;
    let gateway = Setup::new(upstream.address, inbound(SCENARIO))
        .start()
        .await;
    let answer = send(
        gateway
            .get("/api/hello")
            .header("origin", "http://LOCALHOST:3000"),
    )
    .await;
    assert_eq!(answer.body, "hello");
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("http://LOCALHOST:3000")
    );
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        Some("true")
    );
    assert_eq!(answer.header("access-control-max-age"), None);
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(
        exposed.contains("x-from-backend") && exposed.contains("x-trace-id"),
        "{exposed}"
    );
    assert!(
        !exposed.contains('*')
            && !exposed.contains("set-cookie")
            && !exposed.contains("content-type"),
        "{exposed}"
    );
    let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["Accept", "Origin"]);
}

#[tokio::test]
async fn without_credentials_a_star_stays_one() {
    let (_upstream, gateway) = gateway(&policy("", &["*"], "", &["*"], &["*"])).await;
    let answer = send(gateway.get("/api/hello").header("origin", SPA)).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    assert_eq!(answer.header("access-control-expose-headers"), Some("*"));
}

#[tokio::test]
async fn any_origin_with_credentials_is_echoed() {
    let (_upstream, gateway) = gateway(&policy(
        "allow-credentials=\"true\"",
        &["*"],
        "",
        &["*"],
        &["x-a", "x-b"],
    ))
    .await;
    let answer = send(
        gateway
            .get("/api/hello")
            .header("origin", "https://any.example"),
    )
    .await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://any.example")
    );
    assert_eq!(
        answer.header("access-control-expose-headers"),
        Some("x-a, x-b")
    );
    assert_eq!(answer.header("vary"), Some("Origin"));
}

#[tokio::test]
async fn a_get_of_another_page_ends_as_an_empty_200() {
    let (upstream, gateway) = gateway(SCENARIO).await;
    let answer = send(
        gateway
            .get("/api/hello")
            .header("origin", "http://evil.example"),
    )
    .await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_no_cors(&answer);
    assert_eq!(answer.header("vary"), Some("Origin"));
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn other_requests_of_another_page_run_without_cors_headers() {
    let (upstream, gateway) = gateway(SCENARIO).await;
    let answer = send(
        gateway
            .request("POST", "/api/hello")
            .header("origin", "http://evil.example"),
    )
    .await;
    assert_eq!(answer.body, "hello");
    assert_no_cors(&answer);
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_get_of_another_page_goes_on_if_told_to() {
    let steps = policy(
        "terminate-unmatched-request=\"false\"",
        &[SPA],
        "",
        &["*"],
        &[],
    );
    let (_upstream, gateway) = gateway(&steps).await;
    let answer = send(
        gateway
            .get("/api/hello")
            .header("origin", "http://evil.example"),
    )
    .await;
    assert_eq!(answer.body, "hello");
    assert_no_cors(&answer);
}

#[tokio::test]
async fn requests_without_an_origin_are_not_concerned() {
    let (_upstream, gateway) = gateway(SCENARIO).await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!(answer.body, "hello");
    assert_no_cors(&answer);
    assert_eq!(
        answer.header("vary"),
        Some("Origin"),
        "caches must keep the answers apart"
    );
}

#[tokio::test]
async fn errors_can_be_read_too() {
    let steps = format!("{SCENARIO}{}", validate_jwt("", ""));
    let (_upstream, gateway) = gateway(&steps).await;
    for (path, status) in [("/api/hello", 401), ("/nowhere", 404), ("/api//hello", 400)] {
        let answer = send(gateway.get(path).header("origin", SPA)).await;
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some(SPA),
            "{path}"
        );
        assert!(
            answer
                .header("access-control-expose-headers")
                .unwrap()
                .contains("x-trace-id")
        );
    }
    let answer = send(gateway.get("/api/hello").header("origin", SPA)).await;
    assert!(
        answer
            .header("access-control-expose-headers")
            .unwrap()
            .contains("www-authenticate")
    );
}

#[tokio::test]
async fn a_preflight_for_nothing_is_that_of_the_global_policy() {
    let (_upstream, gateway) = gateway(SCENARIO).await;
    let answer = preflight(&gateway, "/nowhere", SPA, "GET", "authorization").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some(SPA));
}

#[tokio::test]
async fn a_dead_backend_can_be_read_too() {
    let upstream = Upstream::start().await;
    let address = upstream.address;
    drop(upstream);
    let gateway = Setup::new(address, inbound(SCENARIO)).start().await;
    weir_testkit::eventually(crate::support::PATIENCE, || async {
        send(gateway.get("/api/hello").header("origin", SPA))
            .await
            .status
            == 502
    })
    .await;
    let answer = send(gateway.get("/api/hello").header("origin", SPA)).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(SPA));
}

/// The headers that the page may read by name.
fn exposed(answer: &Answer) -> Vec<&str> {
    answer
        .header("access-control-expose-headers")
        .unwrap_or_default()
        .split(", ")
        .collect()
}

#[tokio::test]
async fn what_a_page_needs_is_named_on_every_answer() {
    let upstream = Upstream::answering(|seen| {
        let status: u16 = seen.header("x-status").unwrap_or("200").parse().unwrap();
        http::Response::builder()
            .status(status)
            .body(full("hello"))
            .unwrap()
    })
    .await;
    let steps = format!(
        r#"{SCENARIO}{}<rate-limit-by-key calls="3" renewal-period="60" counter-key="all"
             remaining-calls-header-name="x-ratelimit-remaining" total-calls-header-name="x-ratelimit-limit" />"#,
        validate_jwt("", "")
    );
    let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
    let call = |path: &str, status: &str| {
        let token = format!("Bearer {}", crate::support::token("alice"));
        send(
            gateway
                .get(path)
                .header("origin", SPA)
                .header("x-status", status)
                .header("authorization", token),
        )
    };
    let limit = ["x-ratelimit-remaining", "x-ratelimit-limit"];
    for (path, status, needed) in [
        ("/api/hello", "200", &limit[..]),
        ("/api/hello", "500", &limit),
        ("/api/hello", "404", &limit),
        ("/api/hello", "429", &["retry-after", "x-ratelimit-limit"]),
        ("/nowhere", "404", &[]),
    ] {
        let answer = call(path, status).await;
        assert_eq!(answer.status.to_string(), status);
        let exposed = exposed(&answer);
        for name in needed.iter().chain(&["x-trace-id"]) {
            assert!(
                answer.header(name).is_some() && exposed.contains(name),
                "{status}: {name} is not in {exposed:?}"
            );
        }
    }
    let unknown = send(gateway.get("/api/hello").header("origin", SPA)).await;
    assert_eq!(unknown.status, 401);
    assert!(
        exposed(&unknown).contains(&"www-authenticate")
            && exposed(&unknown).contains(&"x-trace-id")
    );
}

#[tokio::test]
async fn errors_of_a_backend_that_is_gone_and_of_policies_name_their_headers_too() {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], weir_testkit::free_port()));
    let broken = r#"<choose><when condition="@(context.Request.Headers.ContainsKey("x-broken"))">
        <set-variable name="v" value="@(context.Request.Url.Path.Substring(99))" /></when></choose>"#;
    let on_error = r#"<set-header name="x-added"><value>1</value></set-header>"#;
    let policy = document(
        &format!("{SCENARIO}{broken}"),
        "<forward-request/>",
        "",
        on_error,
    );
    let gateway = Setup::new(address, policy).start().await;
    for (header, status) in [("x-other", 502), ("x-broken", 500)] {
        let answer = send(
            gateway
                .get("/api/hello")
                .header("origin", SPA)
                .header(header, "1"),
        )
        .await;
        assert_eq!(answer.status, status);
        let exposed = exposed(&answer);
        assert!(
            exposed.contains(&"x-trace-id") && exposed.contains(&"x-added"),
            "{exposed:?}"
        );
    }
}
