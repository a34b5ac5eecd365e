//! How long a decision takes at half the load the limiter can carry, and whether it was right: in
//! the same run, latencies are taken and everything that was admitted is replayed.
#![allow(clippy::disallowed_methods)] // threads of its own may sleep: there is no runtime here to block

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use weir_testkit::Redis;

use crate::grpc_load::{address, check, closed_loop, message, open_loop, subject};
use crate::process::Server;
use crate::redis::Script;
use crate::report::{Goal, Report};
use crate::verify::worst_window;

/// Many short rounds, because a machine that stands still for 20 ms spoils the p99 of two seconds.
const ROUNDS: usize = 16;
/// Of one round: two periods and more.
const FOR: Duration = Duration::from_secs(2);
/// The beginning of a round, which does not count.
const WARMING_UP: Duration = Duration::from_millis(250);
const KEYS: usize = 1_000;
const CALLS: usize = 15;
/// Calls per key and period beyond what may be admitted, so that limits bind.
const TOO_MANY: f64 = 1.5;
/// How often Redis itself is asked meanwhile.
const PROBE_EVERY: Duration = Duration::from_millis(2);

/// The least that passes for half of the throughput: the limiter carries less in a round where the
/// machine is slower.
const HALF: f64 = 0.4;

/// Measures and reports. Of the rounds at half load the one with the lowest p99 counts: a machine
/// that stands still only ever adds. Every round has to have been right. `throughput` is the most
/// that the limiter carried of `admitted`, calls that are not refused, in requests per second.
pub(crate) async fn measure(report: &mut Report, admitted: &[Vec<u8>], throughput: f64) {
    let mut rounds = Vec::new();
    for number in 0..ROUNDS {
        rounds.push(round(number, admitted).await);
    }
    let worst = rounds
        .iter()
        .map(|round| round.worst_window)
        .max()
        .unwrap_or_default() as f64;
    let is_less = |round: &Round| round.per_second < HALF * throughput;
    let order = |a: &Round, b: &Round| is_less(a).cmp(&is_less(b)).then(a.p99.total_cmp(&b.p99));
    let best = rounds.into_iter().min_by(order).expect("there are rounds");
    report.add(
        "limiter redis, half load",
        "requests/s",
        best.per_second,
        throughput,
        Goal::AtLeast(HALF),
    );
    report.add_plain("limiter redis, half load, p50", "ms", best.p50);
    report.add_plain("limiter redis, half load, p99", "ms", best.p99);
    report.add_plain(
        "limiter redis, half load, p50 of Redis alone",
        "ms",
        best.redis_p50,
    );
    report.add_plain(
        "limiter redis, half load, p99 of Redis alone",
        "ms",
        best.redis_p99,
    );
    report.add_absolute(
        "limiter redis, half load, added p99",
        "ms",
        best.p99 - best.redis_p99,
        Goal::AtMost(1.0),
    );
    let name = format!("limiter redis, half load, worst window of {CALLS} calls");
    report.add_absolute(&name, "calls", worst, Goal::AtMost(CALLS as f64));
}

/// Milliseconds, and what was admitted.
struct Round {
    per_second: f64,
    p50: f64,
    p99: f64,
    redis_p50: f64,
    redis_p99: f64,
    worst_window: usize,
}

async fn round(number: usize, admitted: &[Vec<u8>]) -> Round {
    // Servers of its own: nobody is to be busy with what was measured before.
    let redis = Redis::start();
    // Where this machine stands still for a moment, the limiter is not to count alone: every
    // decision is one of Redis.
    let patient = [
        "--store",
        &redis.url(),
        "--store-timeout",
        "5s",
        "--on-store-failure",
        "deny",
    ];
    let limiter = Server::weir("limiter", &patient).await;
    let per_second = full_load(&limiter, admitted) / 2.0;
    // The address is never used up, so every call reaches Redis.
    let period = Duration::from_secs_f64(CALLS as f64 * TOO_MANY * KEYS as f64 / per_second);
    let both = |n: usize| {
        message(vec![
            check("address", format!("latency:{}", address(n)), 1_000, period),
            check(
                "subject",
                format!("latency:{}", subject(n)),
                CALLS as u64,
                period,
            ),
        ])
    };
    let messages: Vec<_> = (0..KEYS).map(both).collect();
    let script = Script::load(&redis, 2, 300, Duration::from_secs(120));
    let over = AtomicBool::new(false);
    let (outcome, mut redis_alone) = std::thread::scope(|scope| {
        let probe = scope.spawn(|| probe(&redis, &script, &over));
        let outcome = open_loop(
            limiter.address(),
            &messages,
            per_second,
            (per_second * FOR.as_secs_f64()) as usize,
        );
        over.store(true, Ordering::Relaxed);
        (outcome, probe.join().expect("the probe does not panic"))
    });
    assert!(
        outcome.refused() > 0,
        "limits that do not bind prove nothing"
    );

    redis_alone.drain(..(WARMING_UP.as_micros() / PROBE_EVERY.as_micros()) as usize);
    let warm = outcome.calls[0].due + WARMING_UP;
    let measured = outcome.calls.iter().filter(|call| call.due >= warm);
    let mut latencies: Vec<_> = measured.map(|call| call.received - call.due).collect();
    let round = Round {
        per_second: outcome.per_second(),
        p50: percentile(&mut latencies, 0.5),
        p99: percentile(&mut latencies, 0.99),
        redis_p50: percentile(&mut redis_alone, 0.5),
        redis_p99: percentile(&mut redis_alone, 0.99),
        worst_window: worst_window(&outcome.calls, messages.len(), period),
    };
    println!(
        "round {number}: {:.0} requests/s, {} refused, p99 {:.2} ms, of Redis alone {:.2} ms",
        round.per_second,
        outcome.refused(),
        round.p99,
        round.redis_p99
    );
    round
}

/// How much the limiter carries now, in requests per second: the machine's speed is another one
/// every few seconds. Connections, caches and memory are warm afterwards.
fn full_load(limiter: &Server, admitted: &[Vec<u8>]) -> f64 {
    let loads = (0..crate::ROUNDS)
        .map(|_| closed_loop(limiter.address(), admitted, admitted.len()).per_second());
    loads.fold(0.0, f64::max)
}

/// Asks Redis the same directly, at a steady rate, until it is over. A late question counts from
/// when it was due, as the limiter's calls do.
fn probe(redis: &Redis, script: &Script, over: &AtomicBool) -> Vec<Duration> {
    let mut connection = redis.connection();
    let mut took = Vec::new();
    let start = Instant::now();
    while !over.load(Ordering::Relaxed) {
        let due = start + PROBE_EVERY * took.len() as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        script.call(&mut connection, took.len() % KEYS);
        took.push(due.elapsed());
    }
    took
}

/// In milliseconds.
fn percentile(values: &mut [Duration], part: f64) -> f64 {
    values.sort_unstable();
    let index = ((values.len() as f64 * part) as usize).min(values.len() - 1);
    values[index].as_secs_f64() * 1e3
}
