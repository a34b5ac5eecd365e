//! `weir limiter inspect`, `reset` and `top` against running limiters.

use std::process::{Command, Output};

use serde_json::Value;
use weir_proto::limiter::v1;
use weir_proto::limiter::v1::limiter_client::LimiterClient;
use weir_testkit::{Redis, free_port};

use crate::support::Role;

/// `weir limiter ARGUMENTS`, in the environment of a limiter.
fn ask(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    // As `docker exec` finds it: variables of the role must not get in the way of a question.
    command
        .env("WEIR_LIMITER_LISTEN", "0.0.0.0:8081")
        .env("WEIR_LIMITER_STORE", "redis://user:hunter2@redis");
    command.arg("limiter").args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

async fn check(limiter: &Role, key: &'static str) -> bool {
    let check = v1::Check {
        limit_name: "per-subject".to_owned(),
        key: key.into(),
        calls: 15,
        renewal_period_ms: 3_600_000,
        cost: None,
    };
    let mut client = LimiterClient::connect(limiter.url().to_owned())
        .await
        .unwrap();
    client
        .check(v1::CheckRequest {
            checks: vec![check],
        })
        .await
        .unwrap()
        .into_inner()
        .allowed
}

#[tokio::test]
async fn a_key_is_inspected_and_reset_at_every_limiter() {
    let redis = Redis::start();
    let store = format!("--store={}", redis.url());
    let arguments = [store.as_str(), "--store-timeout=30s"];
    let limiters = [
        Role::start("limiter", &arguments).await,
        Role::start("limiter", &arguments).await,
    ];
    for limiter in &limiters {
        while check(limiter, "3600:alice").await {}
    }
    let both = format!("--limiter={},{}", limiters[0].url(), limiters[1].url());

    let told: Value =
        serde_json::from_str(&stdout(&ask(&["inspect", "3600:alice", &both, "--json"]))).unwrap();
    assert_eq!(told["key"], "3600:alice");
    for (index, limiter) in limiters.iter().enumerate() {
        let told = &told["limiters"][index];
        assert_eq!(
            (&told["limiter"], &told["used"]),
            (&limiter.url().into(), &15.into()),
            "{told}"
        );
        assert_eq!(told["standings"][0]["remaining"], 0, "{told}");
        assert_eq!(
            told["remembered_refusals"][0]["limit"]["calls"], 15,
            "{told}"
        );
    }
    let text = stdout(&ask(&[
        "inspect",
        "--base64",
        "MzYwMDphbGljZQ==",
        "--limiter",
        limiters[0].url(),
    ]));
    assert!(
        text.starts_with(&format!(
            "3600:alice at {}: 15 calls count",
            limiters[0].url()
        )),
        "{text}"
    );
    assert!(
        text.contains("15 in 60 min 0 s") && text.contains("Refused from this limiter's memory"),
        "{text}"
    );

    let text = stdout(&ask(&["reset", "3600:alice", &both]));
    assert!(text.contains("3600:alice is reset"), "{text}");
    for limiter in &limiters {
        assert!(
            check(limiter, "3600:alice").await,
            "the memory of {} was cleared too",
            limiter.url()
        );
    }
    let text = stdout(&ask(&["reset", "3600:nobody", &both]));
    assert!(text.contains("nothing was counted"), "{text}");
}

#[tokio::test]
async fn the_top_keys_of_all_limiters_are_summed_and_stand_in_no_log_or_metric() {
    let limiters = [
        Role::start("limiter", &[]).await,
        Role::start("limiter", &[]).await,
    ];
    for limiter in &limiters {
        for _ in 0..20 {
            check(limiter, "3600:secret-token").await;
        }
    }
    check(&limiters[0], "3600:once").await;
    let both = format!("--limiter={},{}", limiters[0].url(), limiters[1].url());
    let told: Value = serde_json::from_str(&stdout(&ask(&["top", &both, "--json"]))).unwrap();
    let (busiest, refused) = (&told[0]["busiest"], &told[0]["most_refused"]);
    assert_eq!(
        (&busiest[0]["key"], &busiest[0]["checks"]),
        (&"3600:secret-token".into(), &40.into()),
        "{told}"
    );
    assert_eq!(
        (&busiest[1]["key"], &busiest[1]["checks"]),
        (&"3600:once".into(), &1.into()),
        "{told}"
    );
    assert_eq!(
        (&refused[0]["refused"], &refused[1]),
        (&10.into(), &Value::Null),
        "{told}"
    );
    let text = stdout(&ask(&["top", "--keys=1", &both]));
    assert!(
        text.contains("3600:secret-token") && !text.contains("3600:once"),
        "{text}"
    );
    for limiter in &limiters {
        assert!(!limiter.metrics().await.contains("secret-token"));
        assert!(!limiter.log().contains("secret-token"), "{}", limiter.log());
    }
}

#[tokio::test]
async fn what_could_not_be_asked_is_named_and_the_rest_is_told() {
    let limiter = Role::start("limiter", &[]).await;
    check(&limiter, "3600:alice").await;
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let output = ask(&[
        "inspect",
        "3600:alice",
        "--limiter",
        &format!("{},{nobody}", limiter.url()),
    ]);
    let (told, error) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("1 call counts"), "{told}");
    assert!(
        error.contains(&nobody) && error.contains("no limiter answers"),
        "{error}"
    );
    let output = ask(&["top", "--limiter", &nobody]);
    assert!(output.stdout.is_empty() && output.status.code() == Some(1));
}
