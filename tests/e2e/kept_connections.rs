//! Connections that a role keeps are watched by the kernel: networks do not forget them, and one
//! that was cut off ends though nobody uses it.

use std::time::Duration;

use weir_proto::limiter::v1;
use weir_proto::limiter::v1::limiter_client::LimiterClient;
use weir_testkit::{Redis, eventually};

use crate::support::{PATIENCE, Receiver, Role};

/// `tr` of `/proc/net/tcp`: the kernel's timer of a socket is the one of keep-alive probes.
const KEEP_ALIVE: &str = "02";
const ESTABLISHED: &str = "01";

/// The timers of all connections from this machine to a port of 127.0.0.1.
fn timers_to(port: u16) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let remote = format!("0100007F:{port:04X}");
    let rows = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let to_port = rows.filter(|row| row.len() > 5 && row[2] == remote && row[3] == ESTABLISHED);
    to_port.map(|row| row[5][..2].to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kernel_watches_connections_to_redis_and_to_the_collector() {
    let (receiver, collector) = Receiver::start().await;
    let redis = Redis::start();
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    let limiter = Role::start_with(
        "limiter",
        &["--store", &redis.url(), "--store-timeout=30s"],
        &environment,
    )
    .await;
    let mut client = LimiterClient::connect(limiter.url().to_owned())
        .await
        .unwrap();
    let check = v1::Check {
        limit_name: "test".to_owned(),
        key: "k".into(),
        calls: 10,
        renewal_period_ms: u64::try_from(Duration::from_secs(60).as_millis()).unwrap(),
        cost: None,
    };
    assert!(
        client
            .check(v1::CheckRequest {
                checks: vec![check]
            })
            .await
            .unwrap()
            .into_inner()
            .allowed
    );
    eventually(PATIENCE, || async { receiver.has_any() }).await;
    let collector_port = collector.rsplit_once(':').unwrap().1.parse().unwrap();
    for (name, port) in [("redis", redis.port()), ("collector", collector_port)] {
        // A socket that has just sent something has another timer until it is acknowledged.
        eventually(PATIENCE, || async {
            let timers = timers_to(port);
            !timers.is_empty() && timers.iter().all(|timer| timer == KEEP_ALIVE)
        })
        .await;
        println!("{name}: {:?}", timers_to(port));
    }
}
