//! Refunds through the client and over two limiters on one Redis.

use std::time::{Duration, Instant};

use weir_limiter::{Admitted, Client, ClientConfig, ClientError, FailureMode};
use weir_proto::limiter::v1;
use weir_telemetry::Ops;
use weir_testkit::{Redis, free_port};

use crate::support::{Limiter, check, on, one};

const HOUR: u64 = 3_600_000;

fn client_of(endpoints: Vec<String>) -> Client {
    let timeout = Duration::from_secs(10);
    let config = ClientConfig {
        endpoints,
        on_failure: FailureMode::Deny,
        timeout,
        ..ClientConfig::default()
    };
    Client::new(config, &Ops::new("gateway")).unwrap()
}

#[tokio::test]
async fn a_refund_makes_room_at_once_through_every_limiter_and_this_client() {
    let redis = Redis::start();
    let limiters = [
        Limiter::start(on(&redis)).await,
        Limiter::start(on(&redis)).await,
    ];
    let client = client_of(limiters.iter().map(Limiter::url).collect());
    for allowed in [true, true, false] {
        assert_eq!(client.check(vec![check("k", 2)]).await.allowed(), allowed);
    }
    // Both limiters remember the refusal now, and so does the client.
    for limiter in &limiters {
        let answer = limiter
            .client()
            .await
            .check(one("k", 2, HOUR))
            .await
            .unwrap()
            .into_inner();
        assert!(!answer.allowed);
    }
    assert_eq!(
        client.refund("k".into(), 1, Admitted::Last).await.unwrap(),
        1
    );
    for limiter in &limiters {
        let asked = v1::PeekRequest {
            check: Some(one("k", 2, HOUR).checks.remove(0)),
        };
        let peek = limiter
            .client()
            .await
            .peek(asked)
            .await
            .unwrap()
            .into_inner();
        assert!(
            peek.decision.unwrap().allowed,
            "this limiter holds to the refusal"
        );
    }
    for allowed in [true, false] {
        assert_eq!(client.check(vec![check("k", 2)]).await.allowed(), allowed);
    }
    assert_eq!(
        client.refund("k".into(), 9, Admitted::Last).await.unwrap(),
        2,
        "no more than counted"
    );
    assert_eq!(
        client.refund("k".into(), 1, Admitted::Last).await.unwrap(),
        0
    );
    assert_eq!(
        client.refund("".into(), 0, Admitted::Last).await.unwrap(),
        0
    );
    for limiter in limiters {
        limiter.stop().await;
    }
}

#[tokio::test]
async fn another_client_holds_to_the_wait_it_was_told_and_not_longer() {
    let redis = Redis::start();
    let limiter = Limiter::start(on(&redis)).await;
    let (here, elsewhere) = (
        client_of(vec![limiter.url()]),
        client_of(vec![limiter.url()]),
    );
    let mut limited = check("k", 1);
    limited.limit.renewal_period = Duration::from_secs(2);
    assert!(here.check(vec![limited.clone()]).await.allowed());
    let refused = elsewhere.check(vec![limited.clone()]).await;
    let (told_at, wait) = (Instant::now(), refused.decisions[0].retry_after);
    assert!(!refused.allowed() && wait <= Duration::from_secs(2));
    assert_eq!(here.refund("k".into(), 1, Admitted::Last).await.unwrap(), 1);
    assert!(here.peek(limited.clone()).await.allowed());
    let held = elsewhere.check(vec![limited.clone()]).await.allowed();
    // On a machine that stood still for two seconds the wait has ended.
    assert!(!held || told_at.elapsed() >= wait);
    tokio::time::sleep_until((told_at + wait).into()).await;
    assert!(held || elsewhere.check(vec![limited]).await.allowed());
    limiter.stop().await;
}

#[tokio::test]
async fn a_refund_for_an_older_call_leaves_the_newer_ones_where_they_are() {
    let redis = Redis::start();
    let limiter = Limiter::start(on(&redis)).await;
    let mut client = limiter.client().await;
    let refund = |admitted_within_ms| v1::RefundRequest {
        key: "k".into(),
        cost: Some(1),
        admitted_within_ms,
    };
    assert!(client.check(one("k", 5, HOUR)).await.is_ok());
    let refunded = client.refund(refund(Some(HOUR))).await;
    assert_eq!(
        refunded.unwrap().into_inner().refunded,
        0,
        "it may have left the window"
    );
    let refunded = client.refund(refund(Some(HOUR - 1))).await;
    assert_eq!(refunded.unwrap().into_inner().refunded, 1);
    limiter.stop().await;
}

#[tokio::test]
async fn a_refund_that_nobody_confirms_is_an_error() {
    let client = client_of(vec![format!("http://127.0.0.1:{}", free_port())]);
    let error = client
        .refund("k".into(), 1, Admitted::Within(Duration::from_secs(1)))
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Refund(_)), "{error:?}");
    assert!(error.to_string().contains("do not repeat it"));
}
