//! One server that forgets, loads, loses its scripts or runs out of memory.

use weir_limiter::StoreError;
use weir_limiter::parts::Decide as _;
use weir_testkit::{Redis, eventually};

use crate::load::{HOUR, Load, PATIENCE, admitted, check, store, until_served};

const CALLS: u64 = 15;
const KEYS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_restarted_empty_admits_once_more_what_it_forgot_and_not_more() {
    let mut redis = Redis::start();
    let store = store(redis.url());
    let load = Load::on_keys(&store, "k", KEYS, CALLS, HOUR);
    until_all_refused(&store, "k", KEYS, CALLS).await;
    redis.kill();
    redis.restart();
    until_all_refused(&store, "k", KEYS, CALLS).await;
    let report = load.stop().await;
    println!(
        "restarted empty: {report}; over the limit {}",
        report.over(15)
    );
    assert!(
        report.most() <= 30,
        "two lives of 15 each: {}",
        report.most()
    );
    assert!(
        report.over(15) > 0,
        "without a file the first life is forgotten"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_file_a_killed_redis_forgets_nothing_it_has_answered() {
    let mut redis = Redis::start_with_aof();
    let store = store(redis.url());
    let load = Load::on_keys(&store, "k", KEYS, CALLS, HOUR);
    eventually(PATIENCE, || async { redis.calls_of("evalsha") > 200 }).await;
    redis.kill();
    redis.restart();
    until_all_refused(&store, "k", KEYS, CALLS).await;
    let report = load.stop().await;
    println!("killed with appendfsync always: {report}");
    assert!(report.worst_window <= 15 && report.most() <= 15, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_loads_its_file_nothing_is_decided_and_then_nothing_is_forgotten() {
    const STORED: usize = 600;
    let mut redis = Redis::start_with_aof();
    let store = store(redis.url());
    for first in (0..STORED).step_by(50) {
        let lists = (first..first + 50)
            .map(|n| vec![check(&format!("k{n}"), 1, HOUR)])
            .collect::<Vec<_>>();
        assert!(
            store
                .check(&lists)
                .await
                .unwrap()
                .iter()
                .all(weir_limiter::Outcome::allowed)
        );
    }
    let _: String = redis.run("BGREWRITEAOF");
    let persistence = |field| redis.info("persistence", field);
    eventually(PATIENCE, || async {
        persistence("aof_rewrites").as_deref() == Some("1")
            && persistence("aof_rewrite_in_progress").as_deref() == Some("0")
    })
    .await;
    redis.kill();
    let load = Load::on_keys(&store, "k", STORED, 1, HOUR);
    // 5 ms for each of 600 keys: it loads for three seconds, and looks up for who asks meanwhile.
    redis.restart_unready_with(&[
        "--key-load-delay",
        "5000",
        "--loading-process-events-interval-bytes",
        "1024",
    ]);
    eventually(PATIENCE, || async {
        let answer = store.check(&[vec![check("k0", 1, HOUR)]]).await;
        matches!(answer, Err(StoreError::Refused(text)) if text.to_lowercase().contains("loading"))
    })
    .await;
    until_served(&store, "k0").await;
    until_all_refused(&store, "k", STORED, 1).await;
    let report = load.stop().await;
    println!("loading {STORED} keys: {report}");
    assert_eq!(report.admitted, 0, "every key had used up its limit before");
    assert!(report.failed > 0 && report.refused > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_flushed_under_load_are_sent_again_and_no_call_notices() {
    let redis = Redis::start();
    let store = store(redis.url());
    until_served(&store, "k0").await;
    let load = Load::on_keys(&store, "k", KEYS, CALLS, HOUR);
    for _ in 0..50 {
        let asked = redis.calls_of("evalsha");
        let () = redis.run("SCRIPT FLUSH");
        eventually(PATIENCE, || async { redis.calls_of("evalsha") > asked }).await;
    }
    until_all_refused(&store, "k", KEYS, CALLS).await;
    let report = load.stop().await;
    println!(
        "50 x SCRIPT FLUSH: {report}, sent as source {}",
        redis.calls_of("eval")
    );
    assert_eq!(
        (report.admitted, report.most(), report.failed),
        (15 * KEYS, 15, 0),
        "{report}"
    );
    assert!(redis.calls_of("eval") > 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_may_not_write_any_more_is_dialled_anew_with_each_question() {
    let (redis, master) = (Redis::start(), Redis::start());
    let store = store(redis.url());
    assert_eq!(admitted(&store, check("k", 2, HOUR)).await, Some(true));
    let load = Load::on_keys(&store, "load", KEYS, CALLS, HOUR);
    let () = redis.run(&format!("REPLICAOF 127.0.0.1 {}", master.port()));
    let dialled = || {
        redis
            .info("stats", "total_connections_received")
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    eventually(PATIENCE, || async {
        let answer = store.check(&[vec![check("k", 2, HOUR)]]).await;
        matches!(answer, Err(StoreError::Refused(text)) if text.contains("read only replica"))
    })
    .await;
    // Behind the same name another server may be the master now.
    let before = dialled();
    eventually(PATIENCE, || async {
        let _ = store.check(&[vec![check("k", 2, HOUR)]]).await;
        dialled() > before + 4
    })
    .await;
    let () = redis.run("REPLICAOF NO ONE");
    until_served(&store, "k").await;
    until_all_refused(&store, "load", KEYS, CALLS).await;
    let report = load.stop().await;
    println!(
        "read-only for a while: {report}; over the limit {}",
        report.over(15)
    );
    assert!(report.failed > 0 && report.most() <= 30, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_redis_that_may_not_evict_admits_nothing_new_and_forgets_nothing() {
    let redis = Redis::start_with(&["--maxmemory-policy", "noeviction"]);
    let store = store(redis.url());
    for n in 0..KEYS {
        assert_eq!(
            admitted(&store, check(&format!("old{n}"), 1, HOUR)).await,
            Some(true)
        );
    }
    let () = redis.run("CONFIG SET maxmemory 1");
    let error = store
        .check(&[vec![check("new", 1, HOUR)]])
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Full), "{error:?}");
    let load = Load::on_keys(&store, "old", KEYS, 1, HOUR);
    let fresh = Load::on_keys(&store, "fresh", KEYS, 1, HOUR);
    let asked = redis.calls_of("evalsha");
    eventually(PATIENCE, || async {
        redis.calls_of("evalsha") > asked + 300
    })
    .await;
    let (old, fresh) = (load.stop().await, fresh.stop().await);
    println!("maxmemory, noeviction: known keys: {old}; new keys: {fresh}");
    assert_eq!((old.admitted, fresh.admitted), (0, 0));
    assert!(
        old.refused > 0,
        "known keys are still refused by Redis itself: {old}"
    );
    assert_eq!(fresh.failed, fresh.sent);
    let () = redis.run("CONFIG SET maxmemory 0");
    assert_eq!(admitted(&store, check("fresh0", 1, HOUR)).await, Some(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_evicts_forgets_the_keys_it_evicts() {
    const MANY: usize = 2_000;
    let redis = Redis::start_with(&["--maxmemory-policy", "allkeys-lru"]);
    let store = store(redis.url());
    let ask = || async {
        let mut admitted = 0;
        for first in (0..MANY).step_by(100) {
            let lists = (first..first + 100)
                .map(|n| vec![check(&format!("k{n}"), 1, HOUR)])
                .collect::<Vec<_>>();
            admitted += store
                .check(&lists)
                .await
                .unwrap()
                .iter()
                .filter(|outcome| outcome.allowed())
                .count();
        }
        admitted
    };
    assert_eq!(ask().await, MANY);
    let used: u64 = redis
        .info("memory", "used_memory")
        .unwrap()
        .parse()
        .unwrap();
    let () = redis.run(&format!("CONFIG SET maxmemory {}", used - 50_000));
    let again = ask().await;
    let evicted: usize = redis
        .info("stats", "evicted_keys")
        .unwrap()
        .parse()
        .unwrap();
    println!(
        "maxmemory, allkeys-lru: sent {}, admitted {}, refused {}, failed 0, worst window 2, \
         over the limit {again}, \
         evicted {evicted}",
        2 * MANY,
        MANY + again,
        MANY - again
    );
    assert!(
        again > 0 && again <= evicted,
        "what was evicted is admitted again, and nothing else"
    );
}

/// Waits until every key has used up its limit.
async fn until_all_refused(
    store: &weir_limiter::parts::RedisStore,
    prefix: &str,
    keys: usize,
    calls: u64,
) {
    eventually(PATIENCE, || async {
        let peek = |n| {
            vec![weir_limiter::Check {
                cost: 0,
                ..check(&format!("{prefix}{n}"), calls, HOUR)
            }]
        };
        match store.check(&(0..keys).map(peek).collect::<Vec<_>>()).await {
            Ok(outcomes) => outcomes.iter().all(|outcome| !outcome.allowed()),
            Err(_) => false,
        }
    })
    .await;
}
