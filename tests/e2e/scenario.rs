//! The scenario: 15 calls a minute for a subject, told as a browser needs it.

use std::time::{Duration, Instant};

use crate::support::{ConfigDir, Up, client, flood, status_of};

#[tokio::test]
async fn the_sixteenth_call_is_refused_as_a_browser_needs_it() {
    let up = Up::start(&[]).await;
    let origin = up.spa_origin();
    let (client, token) = (client(), up.token("bob"));
    let call = || {
        client
            .get(up.hello())
            .bearer_auth(&token)
            .header("Origin", &origin)
            .send()
    };
    for n in 1..=15 {
        let response = call().await.unwrap();
        assert_eq!(response.status(), 200, "call {n}");
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
        let text = response.text().await.unwrap();
        assert!(
            text.starts_with("Hello World, time and date are "),
            "{text}"
        );
    }
    let refused = call().await.unwrap();
    assert_eq!(refused.status(), 429);
    let headers = refused.headers().clone();
    let wait: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["access-control-allow-origin"], origin);
    assert_eq!(headers["access-control-allow-credentials"], "true");
    let exposed = headers["access-control-expose-headers"]
        .to_str()
        .unwrap()
        .to_lowercase();
    assert!(exposed.contains("retry-after"), "{exposed}");
    let body = refused.text().await.unwrap();
    assert_eq!(
        body,
        format!(
            r#"{{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in {wait} seconds." }}"#
        )
    );
    // Another subject has a limit of its own.
    assert_eq!(
        status_of(&client, &up.hello(), &up.token("carol")).await,
        200
    );
}

#[tokio::test]
async fn after_retry_after_the_next_call_is_admitted() {
    let config = ConfigDir::scenario().with(r#"renewal-period="60""#, r#"renewal-period="3""#);
    let up = Up::start_with(config, &[]).await;
    let (client, token) = (client(), up.token("bob"));
    assert_eq!(flood(&[up.hello()], &token, 40).await, (15, 25));
    let refused = client
        .get(up.hello())
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 429);
    let told = Instant::now();
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    // What the answer promises: wait this long, and the call is served.
    tokio::time::sleep_until((told + Duration::from_secs(wait)).into()).await;
    assert_eq!(status_of(&client, &up.hello(), &token).await, 200);
}

#[tokio::test]
async fn a_call_without_a_token_is_401_and_readable_by_the_page() {
    let up = Up::start(&[]).await;
    let origin = up.spa_origin();
    let response = client()
        .get(up.hello())
        .header("Origin", &origin)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 401);
    assert!(
        response.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Bearer")
    );
    assert_eq!(response.headers()["access-control-allow-origin"], origin);
    assert_eq!(
        response.text().await.unwrap(),
        r#"{ "statusCode": 401, "message": "Unauthorized. Access token is missing or invalid." }"#
    );
}

#[tokio::test]
async fn the_preflight_needs_no_token_and_costs_no_call() {
    let up = Up::start(&[]).await;
    let origin = up.spa_origin();
    let client = client();
    for _ in 0..40 {
        let response = client
            .request(reqwest::Method::OPTIONS, up.hello())
            .header("Origin", &origin)
            .header("Access-Control-Request-Method", "GET")
            .header("Access-Control-Request-Headers", "authorization")
            .send()
            .await
            .unwrap();
        let headers = response.headers();
        assert_eq!(response.status(), 200);
        assert_eq!(headers["access-control-allow-origin"], origin);
        assert_eq!(headers["access-control-allow-credentials"], "true");
        assert_eq!(headers["access-control-max-age"], "120");
        assert!(
            headers["access-control-allow-methods"]
                .to_str()
                .unwrap()
                .contains("GET")
        );
        // By name: a `*` would not cover Authorization.
        assert!(
            headers["access-control-allow-headers"]
                .to_str()
                .unwrap()
                .to_lowercase()
                .contains("authorization")
        );
    }
    assert_eq!(flood(&[up.hello()], &up.token("dave"), 20).await, (15, 5));
}

#[tokio::test]
async fn a_path_or_method_outside_the_specification_is_404() {
    let up = Up::start(&[]).await;
    let token = up.token("erin");
    for (method, path) in [
        ("GET", "/nowhere"),
        ("POST", "/hello"),
        ("GET", "/hello/more"),
        ("GET", "/"),
    ] {
        let url = format!("{}{path}", up.address("gateway"));
        let response = client()
            .request(method.parse().unwrap(), url)
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 404, "{method} {path}");
        assert_eq!(
            response.text().await.unwrap(),
            r#"{ "statusCode": 404, "message": "Resource not found" }"#
        );
    }
}

#[tokio::test]
async fn it_runs_on_a_real_redis() {
    let redis = weir_testkit::Redis::start();
    let up = Up::start(&["--redis", &redis.url()]).await;
    assert_eq!(
        flood(&[up.hello()], &up.token("frank"), 100).await,
        (15, 85)
    );
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query(&mut redis.connection())
        .unwrap();
    assert_eq!(
        keys.len(),
        2,
        "one counter for the address, one for the subject: {keys:?}"
    );
}
