//! The limiter's store flags: TLS with an own authority, replicas that are waited for, and what a
//! mistake says.

use std::process::Command;

use weir_proto::limiter::v1;
use weir_proto::limiter::v1::limiter_client::LimiterClient;
use weir_testkit::{Certificates, Redis, eventually};

use crate::support::{PATIENCE, Role};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limiter_counts_in_a_redis_with_tls_and_waits_for_its_replica() {
    let certificates = Certificates::new();
    let master = Redis::start_with_tls(&certificates, &["--repl-diskless-sync-delay", "0"]);
    let authorities = certificates.authority_file();
    let arguments = [
        &format!("--store={}", master.url()),
        &format!("--store-ca={}", authorities.display()),
        "--store-wait-replicas=1",
        "--on-store-failure=deny",
        "--store-timeout=5s",
    ];
    let limiter = Role::start("limiter", &arguments).await;
    let mut client = LimiterClient::connect(limiter.url().to_owned())
        .await
        .unwrap();
    let check = v1::Check {
        limit_name: "test".to_owned(),
        key: "k".into(),
        calls: 1_000,
        renewal_period_ms: 3_600_000,
        cost: None,
    };
    let request = v1::CheckRequest {
        checks: vec![check],
    };
    let answer = client.check(request.clone()).await.unwrap().into_inner();
    assert_eq!(
        (answer.allowed, answer.mode()),
        (false, v1::Mode::Deny),
        "there is no replica yet"
    );

    let replica = Redis::start_with_tls(
        &certificates,
        &["--replicaof", &format!("127.0.0.1 {}", master.port())],
    );
    eventually(PATIENCE, || async {
        replica.info("replication", "master_link_status").as_deref() == Some("up")
    })
    .await;
    eventually(PATIENCE, || {
        let (mut client, request) = (client.clone(), request.clone());
        async move {
            let answer = client.check(request).await.unwrap().into_inner();
            answer.allowed && answer.mode() == v1::Mode::Exact
        }
    })
    .await;
    assert_eq!(
        replica.run::<usize>("EXISTS weir:k"),
        1,
        "what was admitted is on the replica"
    );
}

#[test]
fn a_mistake_in_the_stores_flags_is_a_clear_error() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let empty = format!("--store-ca={}", empty.display());
    for (arguments, code, expected) in [
        (
            ["--store=rediss://u:pa55word@a", "--store-ca=/nowhere.pem"],
            2,
            "cannot read /nowhere.pem",
        ),
        (
            ["--store=rediss-cluster://u:pa55word@a,b", &empty],
            1,
            "holds no certificate",
        ),
        (
            [
                "--store=redis-sentinel://u:pa55word@a,b",
                "--store-wait-replicas=1",
            ],
            2,
            "master's name is missing",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_weir"))
            .args([
                "limiter",
                "--listen=127.0.0.1:0",
                "--ops-listen=127.0.0.1:0",
            ])
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(
            text.contains(expected) && !text.contains("pa55word"),
            "{text}"
        );
    }
}
