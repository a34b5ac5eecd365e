//! A Redis Cluster of three masters and three replicas: slots that move, masters that die.

use std::time::{Duration, Instant};

use weir_limiter::parts::{Admin as _, Decide as _, RedisConfig, RedisStore};
use weir_limiter::{CheckList, StoreError};
use weir_testkit::{Certificates, Redis, RedisCluster, eventually};

use crate::load::{HOUR, Load, PATIENCE, admitted, check, config, forgotten, store, until_served};

/// Nobody is to be held for dead.
const NEVER: Duration = Duration::from_secs(60);

/// Long enough that a loaded machine is not held for dead.
const SOON: Duration = Duration::from_secs(2);

fn slot(cluster: &RedisCluster, key: &str) -> u16 {
    cluster.nodes()[0].run(&format!("CLUSTER KEYSLOT weir:{key}"))
}

/// A key that begins with `prefix` and whose first master is `master`.
fn key_on(cluster: &RedisCluster, prefix: &str, master: usize) -> String {
    let key = (0..)
        .map(|n| format!("{prefix}{n}"))
        .find(|key| cluster.first_master_of(slot(cluster, key)) == master);
    key.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_over_several_nodes_stop_at_the_first_refusal_and_slots_move_under_load() {
    let cluster = RedisCluster::start(NEVER);
    // One address is enough: the others are learnt.
    let url = format!("redis-cluster://127.0.0.1:{}", cluster.nodes()[4].port());
    // While half of a slot's keys have moved, its questions wait.
    let store = RedisStore::new(RedisConfig {
        timeout: PATIENCE,
        ..config(url)
    })
    .unwrap();
    until_served(&store, "k0").await;

    let keys: Vec<String> = (0..3)
        .map(|master| key_on(&cluster, "list", master))
        .collect();
    let list = |calls: [u64; 3]| -> CheckList {
        keys.iter()
            .zip(calls)
            .map(|(key, calls)| check(key, calls, HOUR))
            .collect()
    };
    for number in 1..=4 {
        let outcome = &store.check(&[list([9, 2, 9])]).await.unwrap()[0];
        assert_eq!(outcome.allowed(), number <= 2, "{outcome:?}");
        assert_eq!(outcome.decisions.len(), if number <= 2 { 3 } else { 2 });
    }
    let outcome = &store.check(&[list([9, 9, 9])]).await.unwrap()[0];
    let remaining: Vec<u64> = outcome
        .decisions
        .iter()
        .map(|decision| decision.remaining)
        .collect();
    assert_eq!(
        remaining,
        [4, 6, 6],
        "charged before the refusal: 5 of 9, 3 of 9; after it: 3 of 9"
    );
    assert!(store.reset(keys[2].clone().into()).await.unwrap());
    assert!(!store.reset(keys[2].clone().into()).await.unwrap());

    reshard_under_load(&cluster, &store).await;
}

/// Lists of two keys of one slot, and of keys of several slots, while some of the slots go round
/// the masters.
async fn reshard_under_load(cluster: &RedisCluster, store: &RedisStore) {
    let together = |n: usize| {
        vec![
            check(&format!("{{tag{n}}}a"), 20, HOUR),
            check(&format!("{{tag{n}}}b"), 15, HOUR),
        ]
    };
    let apart = |n: usize| {
        vec![
            check(&format!("first{n}"), 1_000_000, HOUR),
            check(&format!("second{n}"), 15, HOUR),
        ]
    };
    let lists: Vec<CheckList> = (0..12).flat_map(|n| [together(n), apart(n)]).collect();
    let load = Load::start(store, lists);
    for n in 0..12 {
        for key in [format!("{{tag{n}}}a"), format!("second{n}")] {
            let slot = slot(cluster, &key);
            let from = cluster.first_master_of(slot);
            cluster.move_slot(slot, from, (from + 1) % 3);
            cluster.move_slot(slot, (from + 1) % 3, (from + 2) % 3);
        }
    }
    let asked = || {
        cluster.nodes()[..3]
            .iter()
            .map(|node| node.calls_of("evalsha"))
            .sum::<u64>()
    };
    let before = asked();
    eventually(PATIENCE, || async { asked() > before + 1_500 }).await;
    let report = load.stop().await;
    println!("48 slot moves under load: {report}");
    assert!(report.worst_window <= 15 && report.most() <= 15, "{report}");
    assert_eq!(report.failed, 0, "{report}: {:?}", report.failure);
    assert_eq!(
        report.admitted,
        15 * report.by_list.len(),
        "and none too few: {report}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_master_dies_under_load_its_replica_takes_over() {
    let mut cluster = RedisCluster::start(SOON);
    let plain = store(cluster.url());
    let waiting = RedisStore::new(RedisConfig {
        wait_replicas: 1,
        ..config(cluster.url())
    })
    .unwrap();
    until_served(&plain, "p0").await;
    until_served(&waiting, "w0").await;
    let lost = key_on(&cluster, "lost", 0);
    let plain_load = Load::on_keys(&plain, "p", 300, 15, HOUR);
    let waiting_load = Load::on_keys(&waiting, "w", 300, 15, HOUR);
    eventually(PATIENCE, || async {
        cluster.nodes()[3].run::<usize>("DBSIZE") > 100
    })
    .await;
    cluster.node(0).kill();
    let killed = Instant::now();
    cluster.wait_until_master(3);
    let elected = killed.elapsed();
    until_served(&plain, &lost).await;
    println!(
        "failover: new master after {elected:?}, asked after {:?}",
        killed.elapsed()
    );
    let asked = cluster.nodes()[3].calls_of("evalsha");
    eventually(PATIENCE, || async {
        cluster.nodes()[3].calls_of("evalsha") > asked + 200
    })
    .await;
    let (plain, waiting) = (plain_load.stop().await, waiting_load.stop().await);
    let after = store(cluster.url());
    until_served(&after, &lost).await;
    let forgot = [
        forgotten(&after, "p", &plain, 15).await,
        forgotten(&after, "w", &waiting, 15).await,
    ];
    println!(
        "not waiting: {plain}; lost {}, over the limit {}",
        forgot[0],
        plain.over(15)
    );
    println!(
        "waiting for a replica: {waiting}; lost {}, over the limit {}",
        forgot[1],
        waiting.over(15)
    );
    assert_eq!(
        forgot[1], 0,
        "an admission that was waited for is known to the new master"
    );
    assert!(plain.most() <= 30, "{plain}");
    assert!(
        waiting.worst_window <= 15 && waiting.most() <= 15,
        "{waiting}"
    );
    assert!(plain.failed > 0 && waiting.failed > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_master_stops_only_its_own_keys_and_its_replica_takes_over() {
    let cluster = RedisCluster::start(Duration::from_secs(5));
    let store = store(cluster.url());
    let keys: Vec<String> = (0..3).map(|master| key_on(&cluster, "k", master)).collect();
    for key in &keys {
        assert_eq!(admitted(&store, check(key, 1, HOUR)).await, Some(true));
    }
    eventually(PATIENCE, || async {
        cluster.nodes()[3].run::<usize>("DBSIZE") == 1
    })
    .await;
    let load = Load::on_keys(&store, "load", 60, 15, HOUR);
    eventually(PATIENCE, || async {
        cluster.nodes()[3].run::<usize>("DBSIZE") > 10
    })
    .await;
    cluster.nodes()[0].pause();
    let error = store
        .check(&[vec![check(&keys[0], 1, HOUR)]])
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Timeout(_)), "{error:?}");
    for key in &keys[1..] {
        assert_eq!(
            admitted(&store, check(key, 1, HOUR)).await,
            Some(false),
            "{key} is on another node"
        );
    }
    cluster.wait_until_master(3);
    until_served(&store, &keys[0]).await;
    assert_eq!(
        admitted(&store, check(&keys[0], 1, HOUR)).await,
        Some(false),
        "the replica knew"
    );
    let asked = cluster.nodes()[3].calls_of("evalsha");
    eventually(PATIENCE, || async {
        cluster.nodes()[3].calls_of("evalsha") > asked + 200
    })
    .await;
    let report = load.stop().await;
    let lost = forgotten(&store, "load", &report, 15).await;
    println!(
        "frozen master: {report}; lost {lost}, over the limit {}",
        report.over(15)
    );
    assert!(report.most() <= 30 && report.failed > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_reaches_every_node_and_a_user_with_few_rights_is_enough() {
    let certificates = Certificates::new();
    let cluster = RedisCluster::start_with_tls(&certificates, &crate::access::least_user());
    let url = cluster.url().replace("://", "://weir:s3cret@");
    let authorities = Some(certificates.authority().to_vec());
    let store = RedisStore::new(RedisConfig {
        authorities,
        ..config(url)
    })
    .unwrap();
    for master in 0..3 {
        let key = key_on(&cluster, "tls", master);
        until_served(&store, &key).await;
        assert_eq!(admitted(&store, check(&key, 1, HOUR)).await, Some(true));
        assert_eq!(admitted(&store, check(&key, 1, HOUR)).await, Some(false));
    }
}

#[tokio::test]
async fn a_server_that_is_no_cluster_says_so_and_a_cluster_node_too() {
    let single = Redis::start();
    let error = store(single.url().replace("redis://", "redis-cluster://"));
    let error = error.check(&[vec![check("k", 1, HOUR)]]).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Config(text) if text.contains("use redis://")),
        "{error:?}"
    );
}
