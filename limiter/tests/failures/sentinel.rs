//! Sentinel: the master dies, its replica takes over, and what the replica had not heard of is
//! lost, unless it is waited for.

use std::time::{Duration, Instant};

use weir_limiter::StoreError;
use weir_limiter::parts::{Decide as _, RedisConfig, RedisStore};
use weir_testkit::{Certificates, RedisSentinel, eventually};

use crate::load::{HOUR, Load, PATIENCE, admitted, check, config, forgotten, store, until_served};

/// Long enough that a loaded machine is not held for dead.
const DOWN_AFTER: Duration = Duration::from_secs(2);

fn waiting(url: String) -> RedisStore {
    RedisStore::new(RedisConfig {
        wait_replicas: 1,
        ..config(url)
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_master_dies_under_load_its_replica_is_found_and_waited_for_nothing_is_lost() {
    let mut group = RedisSentinel::start(DOWN_AFTER);
    let (plain, waiting) = (store(group.url()), waiting(group.url()));
    until_served(&plain, "p0").await;
    until_served(&waiting, "w0").await;
    let plain_load = Load::on_keys(&plain, "p", 300, 15, HOUR);
    let waiting_load = Load::on_keys(&waiting, "w", 300, 15, HOUR);
    eventually(PATIENCE, || async {
        group.servers()[1].run::<usize>("DBSIZE") > 300
    })
    .await;
    // One Sentinel less: the others still agree, and nobody waits for it.
    group.kill_sentinel(0);
    group.server(0).kill();
    let killed = Instant::now();
    group.wait_until_master(1);
    let elected = killed.elapsed();
    until_served(&plain, "p0").await;
    println!(
        "failover: new master after {elected:?}, asked after {:?}",
        killed.elapsed()
    );
    let asked = group.servers()[1].calls_of("evalsha");
    eventually(PATIENCE, || async {
        group.servers()[1].calls_of("evalsha") > asked + 500
    })
    .await;
    let (plain, waiting) = (plain_load.stop().await, waiting_load.stop().await);
    let after = store(group.url());
    let lost = [
        forgotten(&after, "p", &plain, 15).await,
        forgotten(&after, "w", &waiting, 15).await,
    ];
    println!(
        "not waiting: {plain}; lost {}, over the limit {}",
        lost[0],
        plain.over(15)
    );
    println!(
        "waiting for a replica: {waiting}; lost {}, over the limit {}",
        lost[1],
        waiting.over(15)
    );
    assert_eq!(
        lost[1], 0,
        "an admission that was waited for is known to the new master"
    );
    assert!(
        plain.most() <= 30,
        "a failover forgets at most what the old master had admitted: {}",
        plain.most()
    );
    assert!(
        waiting.worst_window <= 15 && waiting.most() <= 15,
        "{waiting}"
    );
    assert!(plain.failed > 0 && plain.admitted > 300, "{plain}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_replica_has_heard_of_is_lost_or_was_never_admitted() {
    let mut group = RedisSentinel::start(DOWN_AFTER);
    let (plain, waiting) = (store(group.url()), waiting(group.url()));
    until_served(&plain, "p").await;
    assert_eq!(admitted(&waiting, check("w", 15, HOUR)).await, Some(true));
    group.cut_replication();
    let mut counts = [0, 1];
    // Of the waiting one: the first, three without a replica, one after the failover.
    let (sent, failed) = ([10 + 20, 1 + 3 + 1 + 20], [0, 3 + 1]);
    for _ in 0..10 {
        counts[0] += usize::from(admitted(&plain, check("p", 15, HOUR)).await.unwrap());
    }
    for _ in 0..3 {
        let error = waiting
            .check(&[vec![check("w", 15, HOUR)]])
            .await
            .unwrap_err();
        assert!(
            matches!(&error, StoreError::Refused(text) if text.contains("0 of 1 replicas")),
            "{error}"
        );
    }
    group.server(0).kill();
    group.wait_until_master(1);
    until_served(&plain, "p").await;
    // No replica is left that could confirm: the calls that are waited for go on failing.
    assert_eq!(admitted(&waiting, check("w", 15, HOUR)).await, None);
    let after = store(group.url());
    for _ in 0..20 {
        counts[0] += usize::from(admitted(&after, check("p", 15, HOUR)).await.unwrap());
        counts[1] += usize::from(admitted(&after, check("w", 15, HOUR)).await.unwrap());
    }
    for (name, n) in [("not waiting", 0), ("waiting for a replica", 1)] {
        println!(
            "replica cut off, then failover, {name}: sent {}, admitted {}, refused {}, failed {}, \
             worst window {}",
            sent[n],
            counts[n],
            sent[n] - counts[n] - failed[n],
            failed[n],
            counts[n]
        );
    }
    assert_eq!(
        counts[0], 25,
        "the ten that only the dead master knew are admitted again"
    );
    assert!(
        (13..=15).contains(&counts[1]),
        "nothing that was admitted is forgotten: {}",
        counts[1]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_became_a_replica_is_left_at_once() {
    let group = RedisSentinel::start(DOWN_AFTER);
    let store = store(group.url());
    until_served(&store, "k0").await;
    let load = Load::on_keys(&store, "k", 300, 15, HOUR);
    eventually(PATIENCE, || async {
        group.servers()[0].calls_of("evalsha") > 100
    })
    .await;
    // A planned failover: the old master lives on, for ten seconds as a master.
    let asked = Instant::now();
    group.fail_over();
    group.wait_until_master(1);
    let elected = asked.elapsed();
    eventually(PATIENCE, || async {
        group.servers()[1].calls_of("evalsha") > 0
    })
    .await;
    println!(
        "planned failover: new master after {elected:?}, asked after {:?}",
        asked.elapsed()
    );
    eventually(PATIENCE, || async {
        group.servers()[1].calls_of("evalsha") > 300
    })
    .await;
    let report = load.stop().await;
    let old = group.servers()[0].info("replication", "role");
    println!(
        "planned failover: {report}; over the limit {}; the old one is still {old:?}",
        report.over(15)
    );
    assert!(report.most() <= 30, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_reaches_sentinels_and_master() {
    let certificates = Certificates::new();
    let group = RedisSentinel::start_with_tls(DOWN_AFTER, &certificates);
    let authorities = Some(certificates.authority().to_vec());
    let store = RedisStore::new(RedisConfig {
        authorities,
        ..config(group.url())
    })
    .unwrap();
    until_served(&store, "k").await;
    assert_eq!(admitted(&store, check("k", 1, HOUR)).await, Some(true));
    assert_eq!(admitted(&store, check("k", 1, HOUR)).await, Some(false));
    let wrong_name = group.url().replace("mymaster", "other");
    let authorities = Some(certificates.authority().to_vec());
    let store = RedisStore::new(RedisConfig {
        authorities,
        ..config(wrong_name)
    })
    .unwrap();
    let error = store.check(&[vec![check("k", 1, HOUR)]]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}
