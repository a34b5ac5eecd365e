//! Leases of two limiters on one Redis and its real clock, under load.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use weir_limiter::Config;
use weir_proto::limiter::v1;
use weir_testkit::{Redis, eventually};

use crate::support::{Limiter, PATIENCE, evaluations, on, one};

/// Checks in one call: enough that a loaded machine makes a key hot.
const AT_ONCE: usize = 128;

fn leasing(redis: &Redis) -> Config {
    Config {
        lease_calls_above: Some(10_000),
        ..on(redis)
    }
}

fn batch(calls: u64, period_ms: u64) -> v1::CheckBatchRequest {
    v1::CheckBatchRequest {
        requests: vec![one("hot", calls, period_ms); AT_ONCE],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_limiters_that_lease_admit_exactly_the_limit_and_ask_redis_for_a_fraction() {
    const CALLS: u64 = 40_000;
    let redis = Redis::start();
    let limiters = [
        Limiter::start(leasing(&redis)).await,
        Limiter::start(leasing(&redis)).await,
    ];
    let mut load = JoinSet::new();
    for number in 0..8 {
        let mut client = limiters[number % 2].client().await;
        load.spawn(async move {
            let mut admitted = 0;
            loop {
                let answers = client
                    .check_batch(batch(CALLS, 3_600_000))
                    .await
                    .unwrap()
                    .into_inner()
                    .responses;
                assert!(
                    answers
                        .iter()
                        .all(|answer| answer.mode() == v1::Mode::Exact)
                );
                let now = answers.iter().filter(|answer| answer.allowed).count();
                admitted += now;
                if now == 0 {
                    return admitted;
                }
            }
        });
    }
    let mut admitted = load.join_all().await.into_iter().sum::<usize>();
    let asked = evaluations(&redis);
    println!("{admitted} of {CALLS} admitted under load, Redis was asked {asked} times");
    assert!(admitted <= CALLS as usize);

    // What was held unused is given back and can be had: in the end it is the limit, exactly.
    let mut client = limiters[0].client().await;
    let start = Instant::now();
    while admitted < CALLS as usize {
        assert!(
            start.elapsed() < PATIENCE,
            "{admitted} of {CALLS}: what was leased was not given back"
        );
        admitted += usize::from(
            client
                .check(one("hot", CALLS, 3_600_000))
                .await
                .unwrap()
                .into_inner()
                .allowed,
        );
    }
    for limiter in &limiters {
        let answer = limiter
            .client()
            .await
            .check(one("hot", CALLS, 3_600_000))
            .await
            .unwrap()
            .into_inner();
        assert!(!answer.allowed);
        assert!(
            (1..=100).contains(&answer.decisions[0].recheck_after_ms),
            "{answer:?}"
        );
    }
    let mut used = 0;
    for limiter in limiters {
        used += limiter.metric("weir_limiter_lease_calls_used_total").await;
        limiter.stop().await;
    }
    println!("{used} of {CALLS} came from leases");
    assert!(used > 0, "nothing was leased");
}

/// More calls than the limit whose questions and answers all lie within a period were too many,
/// whatever the network did.
fn worst(admitted: &mut [(Instant, Instant)], period: Duration) -> usize {
    admitted.sort_by_key(|(sent, _)| *sent);
    let within = |from: Instant| {
        let until = from + period;
        admitted
            .iter()
            .filter(|(sent, answered)| *sent >= from && *answered < until)
            .count()
    };
    admitted
        .iter()
        .step_by(97)
        .map(|(sent, _)| within(*sent))
        .max()
        .unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_period_is_over_while_the_window_slides() {
    const CALLS: u64 = 12_000;
    const PERIOD: Duration = Duration::from_secs(10);
    let redis = Redis::start();
    let limiters = [
        Limiter::start(leasing(&redis)).await,
        Limiter::start(leasing(&redis)).await,
    ];
    let start = Instant::now();
    let mut load = JoinSet::new();
    for number in 0..4 {
        let mut client = limiters[number % 2].client().await;
        load.spawn(async move {
            let (mut admitted, mut asked) = (Vec::new(), 0);
            while start.elapsed() < PERIOD * 5 / 2 {
                let sent = Instant::now();
                let answers = client
                    .check_batch(batch(CALLS, 10_000))
                    .await
                    .unwrap()
                    .into_inner()
                    .responses;
                asked += answers.len();
                let count = answers.iter().filter(|answer| answer.allowed).count();
                admitted.extend(std::iter::repeat_n((sent, Instant::now()), count));
                if count == 0 {
                    let wait = answers[0].decisions[0].retry_after_ms.min(20);
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
            }
            (admitted, asked)
        });
    }
    let (mut admitted, mut asked) = (Vec::new(), 0);
    for (one, count) in load.join_all().await {
        admitted.extend(one);
        asked += count;
    }
    let worst = worst(&mut admitted, PERIOD);
    println!(
        "{asked} asked, {} admitted, worst period {worst} of {CALLS}",
        admitted.len()
    );
    assert!(worst <= CALLS as usize);
    // Two periods and a half saw at least two times the limit.
    assert!(
        admitted.len() >= 2 * CALLS as usize,
        "{} admitted",
        admitted.len()
    );
    for limiter in limiters {
        limiter.stop().await;
    }
}

#[tokio::test]
async fn without_the_flag_nothing_is_leased() {
    let redis = Redis::start();
    let limiter = Limiter::start(on(&redis)).await;
    let mut client = limiter.client().await;
    for _ in 0..4 {
        client
            .check_batch(batch(1_000_000, 3_600_000))
            .await
            .unwrap();
    }
    assert!(!limiter.get("/metrics").await.contains("lease"));
    eventually(PATIENCE, || async { evaluations(&redis) >= 4 }).await;
    limiter.stop().await;
}
