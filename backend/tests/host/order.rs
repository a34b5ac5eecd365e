//! What is checked first.

use std::net::IpAddr;

use http::Method;

use crate::support::{Host, KEY, client, client_from};

/// Everything that can be wrong with a request, in the order in which it is found out.
const FAULTS: [&str; 5] = ["address", "token", "route", "method", "key"];

/// Sends a request with these faults; its status, whether it has a challenge, and whether its body
/// is empty.
async fn send(host: &Host, faults: &[&str]) -> (u16, bool, bool) {
    let wrong = |fault: &str| faults.contains(&fault);
    let client = if wrong("address") {
        client_from(IpAddr::from([127, 0, 0, 2]))
    } else {
        client()
    };
    let method = if wrong("method") {
        Method::POST
    } else {
        Method::GET
    };
    let mut request = client.request(
        method,
        host.url(if wrong("route") {
            "/api/goodbye"
        } else {
            "/api/hello"
        }),
    );
    if !wrong("token") {
        request = request.bearer_auth(host.provider.token());
    }
    request = request.header("x-functions-key", if wrong("key") { "wrong" } else { KEY });
    let answer = request.send().await.unwrap();
    let (status, challenge) = (
        answer.status().as_u16(),
        answer.headers().contains_key("www-authenticate"),
    );
    (status, challenge, answer.bytes().await.unwrap().is_empty())
}

#[tokio::test]
async fn the_first_fault_decides_in_every_combination() {
    let host =
        Host::start_with(|config| config.allow = vec!["127.0.0.1/32".parse().unwrap()]).await;
    for combination in 0..1_u32 << FAULTS.len() {
        let faults: Vec<&str> = (0..FAULTS.len())
            .filter(|at| combination >> at & 1 == 1)
            .map(|at| FAULTS[at])
            .collect();
        let expected = match faults.first().copied() {
            Some("address") => (403, false, false),
            Some("token") => (401, true, true),
            Some("route" | "method") => (404, false, true),
            Some(_) => (401, false, true),
            None => (200, false, false),
        };
        assert_eq!(send(&host, &faults).await, expected, "{faults:?}");
    }
    let metrics = host.metrics().await;
    for line in [
        "weir_backend_requests_total{result=\"ran\"} 1",
        "weir_backend_requests_total{result=\"address\"} 16",
        "weir_backend_requests_total{result=\"token\"} 8",
        "weir_backend_requests_total{result=\"not_found\"} 6",
        "weir_backend_requests_total{result=\"key\"} 1",
        "weir_backend_function_duration_seconds_count{function=\"hello\"} 1",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} in\n{metrics}"
        );
    }
}

#[tokio::test]
async fn hello_says_the_time() {
    let host = Host::start().await;
    let answer = host.good(Method::GET, "/API/Hello").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    let text = answer.text().await.unwrap();
    let time = text
        .strip_prefix("Hello World, time and date are ")
        .unwrap();
    assert!(time.contains('/') && time.contains(':'), "{time}");
}

#[tokio::test]
async fn a_wrong_method_is_404_and_never_405() {
    let host = Host::start().await;
    for method in [
        Method::POST,
        Method::HEAD,
        Method::OPTIONS,
        Method::PUT,
        Method::from_bytes(b"BREW").unwrap(),
    ] {
        let answer = host
            .good(method.clone(), "/api/hello")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 404, "{method}");
        assert!(!answer.headers().contains_key("allow"));
        assert!(answer.bytes().await.unwrap().is_empty());
    }
    assert_eq!(
        host.good(Method::GET, "/").send().await.unwrap().status(),
        204
    );
}

#[tokio::test]
async fn a_key_may_stand_in_the_query_but_the_header_wins() {
    let host = Host::start().await;
    let token = host.provider.token();
    let with = |query: &str, header: Option<&str>| {
        let request = client()
            .get(host.url(&format!("/api/hello{query}")))
            .bearer_auth(&token);
        header.into_iter().fold(request, |request, key| {
            request.header("X-Functions-Key", key)
        })
    };
    let right = format!("?code={KEY}");
    for (query, header, expected) in [
        (right.as_str(), None, 200),
        (right.as_str(), Some("wrong"), 401),
        ("?code=wrong", Some(KEY), 200),
        ("?code=wrong", None, 401),
        ("", None, 401),
    ] {
        let answer = with(query, header).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{query} {header:?}");
        assert!(!answer.headers().contains_key("www-authenticate"));
    }
}
