//! `rate-limit-by-key` with a real limiter behind it.

use std::time::Duration;

use http::Response;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;
use weir_limiter::FailureMode;
use weir_testkit::{eventually, free_port};

use crate::support::{
    Gateway, PATIENCE, Setup, document, inbound, seconds_from_now, send, token, validate_jwt,
};
use crate::upstream::{Upstream, full};

const BY_SUBJECT: &str = r#"counter-key="@(context.Request.Headers.GetValueOrDefault("Authorization","").AsJwt()?.Subject)""#;
const BY_HEADER: &str = r#"counter-key="@(context.Request.Headers.GetValueOrDefault("x-key",""))""#;

async fn call(gateway: &Gateway, key: &str) -> crate::support::Answer {
    send(gateway.get("/api/hello").header("x-key", key)).await
}

#[tokio::test]
async fn the_sixteenth_call_is_refused_readably() {
    let upstream = Upstream::start().await;
    let steps = format!(
        r#"<cors allow-credentials="true"><allowed-origins><origin>http://localhost:3000</origin></allowed-origins>
             <allowed-headers><header>*</header></allowed-headers><expose-headers><header>*</header></expose-headers></cors>
           {}<rate-limit-by-key calls="300" renewal-period="120" counter-key="@(context.Request.IpAddress)" />
           <rate-limit-by-key calls="15" renewal-period="60" {BY_SUBJECT} />"#,
        validate_jwt("", "")
    );
    let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
    let call = |subject: &str| {
        let request = gateway
            .get("/api/hello")
            .header("origin", "http://localhost:3000");
        send(request.header("authorization", format!("Bearer {}", token(subject))))
    };
    for _ in 0..15 {
        let answer = call("alice").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("retry-after"), None);
        assert_eq!(answer.header("x-weir-limiter"), None);
    }
    let refused = call("alice").await;
    assert_eq!(refused.status, 429);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(
        refused.body,
        format!(
            r#"{{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in {seconds} seconds." }}"#
        )
    );
    assert_eq!(refused.header("content-type"), Some("application/json"));
    assert_eq!(
        refused.header("content-length"),
        Some(&*refused.body.len().to_string())
    );
    assert_eq!(
        refused.header("access-control-allow-origin"),
        Some("http://localhost:3000")
    );
    assert!(
        refused
            .header("access-control-expose-headers")
            .unwrap()
            .contains("retry-after")
    );
    assert_eq!(upstream.seen().len(), 15);
    assert_eq!(
        call("bob").await.status,
        200,
        "another subject has a counter of its own"
    );
}

/// A token of `subject` that has exactly `bytes`.
fn token_of_length(subject: &str, bytes: usize) -> String {
    // Three bytes more of JSON are four of base64url: a header of another length moves the sum.
    let lengths =
        (0..4).flat_map(|kid| (0..4).map(move |shorter| (kid, bytes * 3 / 4 - 200 - shorter)));
    let tokens = lengths.flat_map(|(kid, start)| (0..200).map(move |more| (kid, start + more)));
    let key = jsonwebtoken::EncodingKey::from_secret(crate::support::SECRET);
    let mut fitting = tokens.map(|(kid, pad)| {
        let header = jsonwebtoken::Header {
            kid: Some("k".repeat(kid)),
            ..jsonwebtoken::Header::default()
        };
        let claims =
            json!({ "sub": subject, "exp": seconds_from_now(3600), "pad": "x".repeat(pad) });
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    });
    fitting.find(|token| token.len() == bytes).unwrap()
}

#[tokio::test]
async fn fifteen_calls_are_all_a_subject_gets_however_it_spells_its_header() {
    let by_second_word = r#"counter-key="@(context.Request.Headers.GetValueOrDefault("Authorization","").Split(' ')[1].AsJwt()?.Subject)""#;
    for key in [BY_SUBJECT, by_second_word] {
        let upstream = Upstream::start().await;
        let limit = format!(r#"<rate-limit-by-key calls="15" renewal-period="60" {key} />"#);
        let steps = validate_jwt("", "") + &limit;
        let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
        let call = |authorization: String| {
            send(
                gateway
                    .get("/api/hello")
                    .header("authorization", authorization),
            )
        };
        for _ in 0..15 {
            assert_eq!(call(format!("Bearer {}", token("alice"))).await.status, 200);
        }
        for authorization in [
            format!("Bearer {}", token("alice")),
            format!("Bearer\t{}", token("alice")),
            format!("bearer  {}", token("alice")),
            format!("Bearer{}{}", " ".repeat(16 * 1024), token("alice")),
            format!("Bearer {}", token_of_length("alice", 16_378)),
            format!("Bearer {}", token_of_length("alice", 16_384)),
        ] {
            let length = authorization.len();
            assert_eq!(
                call(authorization).await.status,
                429,
                "a header of {length} bytes"
            );
        }
        assert_eq!(upstream.seen().len(), 15);
        assert_eq!(
            call(format!("Bearer\t{}", token("bob"))).await.status,
            200,
            "bob has a counter of his own"
        );
        assert_eq!(
            call(format!("Bearer {}", token_of_length("bob", 16_388)))
                .await
                .status,
            401
        );
    }
}

#[tokio::test]
async fn a_value_that_looks_like_a_hash_has_a_counter_of_its_own() {
    let upstream = Upstream::start().await;
    let steps = format!(r#"<rate-limit-by-key calls="1" renewal-period="60" {BY_HEADER} />"#);
    let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
    let long = "x".repeat(600);
    let hash: String = Sha256::digest(&long)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(call(&gateway, &long).await.status, 200);
    for imitation in [format!("sha256:{hash}"), format!("#{hash}"), hash] {
        assert_eq!(call(&gateway, &imitation).await.status, 200, "{imitation}");
    }
    assert_eq!(call(&gateway, &long).await.status, 429);
}

#[tokio::test]
async fn after_the_wait_a_call_is_admitted_again() {
    let upstream = Upstream::start().await;
    let steps = format!(r#"<rate-limit-by-key calls="1" renewal-period="2" {BY_HEADER} />"#);
    let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
    assert_eq!(call(&gateway, "a").await.status, 200);
    let refused = call(&gateway, "a").await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    let promised = Instant::now() + Duration::from_secs(wait);
    let last_refusal = std::sync::Mutex::new(None);
    eventually(PATIENCE, || async {
        let before = Instant::now();
        let admitted = call(&gateway, "a").await.status == 200;
        if !admitted {
            *last_refusal.lock().unwrap() = Some(before);
        }
        admitted
    })
    .await;
    if let Some(refused_at) = *last_refusal.lock().unwrap() {
        assert!(
            refused_at < promised,
            "refused after the time that Retry-After named"
        );
    }
}

#[tokio::test]
async fn headers_and_variables_are_left_where_the_policy_says() {
    let upstream = Upstream::start().await;
    let limit = format!(
        r#"<rate-limit-by-key calls="2" renewal-period="60" {BY_HEADER} remaining-calls-header-name="x-left"
            total-calls-header-name="x-total" retry-after-header-name="x-wait"
            remaining-calls-variable-name="left" retry-after-variable-name="wait" />
           <set-header name="x-left-seen"><value>@(context.Variables["left"].ToString())</value></set-header>"#
    );
    let on_error = r#"<set-header name="x-wait-seen"><value>@(context.Variables["wait"].ToString())</value></set-header>"#;
    let policy = document(&limit, "<forward-request/>", "", on_error);
    let gateway = Setup::new(upstream.address, policy).start().await;
    for left in ["1", "0"] {
        let answer = call(&gateway, "a").await;
        assert_eq!(
            (answer.header("x-left"), answer.header("x-total")),
            (Some(left), Some("2"))
        );
        assert_eq!(
            upstream.seen().last().unwrap().header("x-left-seen"),
            Some(left)
        );
    }
    let refused = call(&gateway, "a").await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        (refused.header("x-left"), refused.header("x-total")),
        (None, Some("2"))
    );
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(refused.header("x-wait"), refused.header("x-wait-seen"));
}

#[tokio::test]
async fn equal_key_values_share_one_counter_and_a_refusal_charges_nothing_after_it() {
    let upstream = Upstream::start().await;
    let steps = r#"
      <rate-limit-by-key id="narrow" calls="1" renewal-period="60" counter-key="@("n" + context.Request.Headers.GetValueOrDefault("x-key",""))" />
      <rate-limit-by-key id="wide" calls="3" renewal-period="60" counter-key="all" />"#;
    let gateway = Setup::new(upstream.address, inbound(steps)).start().await;
    assert_eq!(call(&gateway, "a").await.status, 200);
    for _ in 0..5 {
        assert_eq!(call(&gateway, "a").await.status, 429);
    }
    assert_eq!(call(&gateway, "b").await.status, 200);
    assert_eq!(
        call(&gateway, "c").await.status,
        200,
        "refusals of the first limit did not count for the second"
    );
    assert_eq!(call(&gateway, "d").await.status, 429);
}

#[tokio::test]
async fn a_condition_over_the_response_counts_after_it() {
    let upstream = Upstream::answering(|seen| {
        let status: u16 = seen.header("x-status").unwrap_or("200").parse().unwrap();
        Response::builder().status(status).body(full("")).unwrap()
    })
    .await;
    let steps = format!(
        r#"<rate-limit-by-key calls="2" renewal-period="60" {BY_HEADER}
             increment-condition="@(context.Response.StatusCode == 200)" />"#
    );
    let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
    let call = |status: &str| {
        send(
            gateway
                .get("/api/hello")
                .header("x-key", "a")
                .header("x-status", status),
        )
    };
    for _ in 0..5 {
        assert_eq!(call("503").await.status, 503, "failed calls do not count");
    }
    assert_eq!(call("200").await.status, 200);
    assert_eq!(call("200").await.status, 200);
    assert_eq!(call("200").await.status, 429);
}

#[tokio::test]
async fn a_count_over_the_response_is_charged_as_far_as_there_is_room() {
    let upstream = Upstream::start().await;
    let steps = format!(
        r#"<rate-limit-by-key calls="5" renewal-period="60" {BY_HEADER}
             increment-count="@(context.Response.StatusCode == 200 ? 3 : 1)" />"#
    );
    let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
    assert_eq!(call(&gateway, "a").await.status, 200);
    assert_eq!(
        call(&gateway, "a").await.status,
        200,
        "two are left, so one more call is admitted"
    );
    assert_eq!(
        call(&gateway, "a").await.status,
        429,
        "its cost of three took both"
    );
}

#[tokio::test]
async fn a_client_that_goes_away_has_used_its_call() {
    let arrived = std::sync::Arc::new(tokio::sync::Notify::new());
    let arriving = std::sync::Arc::clone(&arrived);
    let upstream = Upstream::streaming(move |_| {
        arriving.notify_one();
        std::future::pending()
    })
    .await;
    let steps = format!(
        r#"<rate-limit-by-key calls="1" renewal-period="60" {BY_HEADER}
             increment-condition="@(context.Response.StatusCode == 200)" />"#
    );
    let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
    let mut stream = tokio::net::TcpStream::connect(gateway.address)
        .await
        .unwrap();
    stream
        .write_all(b"GET /api/hello HTTP/1.1\r\nhost: a\r\nx-key: a\r\n\r\n")
        .await
        .unwrap();
    tokio::time::timeout(PATIENCE, arrived.notified())
        .await
        .unwrap();
    drop(stream);
    eventually(PATIENCE, || async {
        let short = gateway
            .get("/api/hello")
            .header("x-key", "a")
            .timeout(Duration::from_millis(500));
        short
            .send()
            .await
            .is_ok_and(|response| response.status() == 429)
    })
    .await;
}

#[tokio::test]
async fn a_literal_condition_that_is_false_checks_and_never_counts() {
    let upstream = Upstream::start().await;
    let count = format!(r#"<rate-limit-by-key calls="1" renewal-period="60" {BY_HEADER} />"#);
    let look = format!(
        r#"<rate-limit-by-key calls="1" renewal-period="60" {BY_HEADER} increment-condition="false" />"#
    );
    let steps = format!(
        r#"<choose><when condition="@(context.Request.Headers.ContainsKey("x-count"))">{count}</when>
           <otherwise>{look}</otherwise></choose>"#
    );
    let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
    for _ in 0..3 {
        assert_eq!(call(&gateway, "a").await.status, 200);
    }
    assert_eq!(
        send(
            gateway
                .get("/api/hello")
                .header("x-key", "a")
                .header("x-count", "1")
        )
        .await
        .status,
        200
    );
    assert_eq!(call(&gateway, "a").await.status, 429);
}

#[tokio::test]
async fn a_period_out_of_bounds_is_an_error_of_the_expression() {
    let upstream = Upstream::start().await;
    let steps = r#"<rate-limit-by-key calls="1" renewal-period="@(301)" counter-key="a" />"#;
    let gateway = Setup::new(upstream.address, inbound(steps)).start().await;
    let answer = call(&gateway, "a").await;
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn long_keys_are_told_apart() {
    let upstream = Upstream::start().await;
    let steps = format!(r#"<rate-limit-by-key calls="1" renewal-period="60" {BY_HEADER} />"#);
    let gateway = Setup::new(upstream.address, inbound(&steps)).start().await;
    let long = "k".repeat(10_000);
    assert_eq!(call(&gateway, &long).await.status, 200);
    assert_eq!(call(&gateway, &long).await.status, 429);
    assert_eq!(call(&gateway, &format!("{long}k")).await.status, 200);
}

#[tokio::test]
async fn without_a_limiter_the_configured_mode_holds_and_is_visible() {
    let upstream = Upstream::start().await;
    let steps = format!(r#"<rate-limit-by-key calls="1" renewal-period="60" {BY_HEADER} />"#);
    for (mode, name, statuses) in [
        (FailureMode::Local, "local", [200, 429]),
        (FailureMode::Allow, "allow", [200, 200]),
        (FailureMode::Deny, "deny", [429, 429]),
    ] {
        let nobody = ([127, 0, 0, 1], free_port()).into();
        let gateway = Setup::new(upstream.address, inbound(&steps))
            .limiter(nobody, mode)
            .start()
            .await;
        for status in statuses {
            let answer = call(&gateway, "a").await;
            assert_eq!(answer.status, status, "{name}");
            assert_eq!(answer.header("x-weir-limiter"), Some(name));
        }
        let metrics =
            send(crate::support::client().get(format!("http://{}/metrics", gateway.operations)))
                .await;
        assert!(metrics.body.contains(&format!(
            r#"weir_gateway_limiter_answers_total{{mode="{name}"}} 2"#
        )));
    }
}
