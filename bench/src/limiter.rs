//! The limiter: one gRPC request with two counters, in memory and in Redis, admitted and refused.

use weir_testkit::Redis;

use crate::ROUNDS;
use crate::grpc_load::{self, two_counters};
use crate::process::{Server, cpu_of};
use crate::report::{Goal, Report};
use crate::servers;

/// Keys in use; each is called 13 times, so that no call is refused.
const KEYS: usize = 12_000;
/// Calls measured per round, after one warm-up call per key.
const CALLS: usize = 4 * KEYS;

/// Measures and reports.
pub(crate) async fn measure(report: &mut Report) {
    let empty = Server::own(servers::EMPTY_LIMITER);
    let baseline = admitted(&empty).await;
    let baseline_cpu = baseline.cpu;

    let memory = Server::weir("limiter", &["--store", "memory"]).await;
    let in_memory = admitted(&memory).await;
    report.add(
        "limiter memory, 2 counters",
        "requests/s",
        in_memory.per_second,
        baseline.per_second,
        Goal::AtLeast(0.8),
    );
    report.add("limiter memory, 2 counters, CPU", "us/request", in_memory.cpu, baseline_cpu, Goal::AtMost(1.5));
    let refused_memory = refused(&memory).await;
    report.add("limiter memory, refused", "requests/s", refused_memory, baseline.per_second, Goal::AtLeast(0.8));

    let redis = Redis::start();
    let server = Server::weir("limiter", &["--store", &redis.url()]).await;
    let redis_cpu = cpu_of(redis.id());
    let in_redis = admitted(&server).await;
    let redis_cpu = (cpu_of(redis.id()) - redis_cpu).as_secs_f64() * 1e6 / (ROUNDS * CALLS + KEYS) as f64;
    report.add("limiter redis, 2 counters", "requests/s", in_redis.per_second, baseline.per_second, Goal::AtLeast(0.5));
    report.add("limiter redis, 2 counters, CPU", "us/request", in_redis.cpu, baseline_cpu, Goal::AtMost(2.0));
    report.add(
        "limiter redis, 2 counters, CPU of Redis",
        "us/request",
        redis_cpu,
        2.0 * bare_incr(&redis),
        Goal::AtMost(6.0),
    );
    let before = redis.calls_of("evalsha");
    let refused_redis = refused(&server).await;
    report.add("limiter redis, refused", "requests/s", refused_redis, refused_memory, Goal::AtLeast(0.9));
    let calls = ROUNDS * CALLS;
    println!("redis script calls while {calls} calls were refused: {}", redis.calls_of("evalsha") - before);
}

struct Admitted {
    per_second: f64,
    /// Microseconds of CPU per request.
    cpu: f64,
}

async fn admitted(server: &Server) -> Admitted {
    grpc_load::run(&server.url, KEYS, two_counters).await;
    let mut best = Admitted { per_second: 0.0, cpu: f64::MAX };
    for _ in 0..ROUNDS {
        let before = server.cpu();
        let outcome = grpc_load::run(&server.url, CALLS, |n| two_counters(n % KEYS)).await;
        let cpu = (server.cpu() - before).as_secs_f64() * 1e6 / CALLS as f64;
        assert_eq!(outcome.refused, 0, "nothing may be refused here");
        best = Admitted { per_second: best.per_second.max(outcome.per_second), cpu: best.cpu.min(cpu) };
    }
    best
}

async fn refused(server: &Server) -> f64 {
    // One subject, used up; its address is not limited here, so that the first check is the refused one.
    let request = |_| {
        let mut request = two_counters(usize::MAX);
        request.checks.remove(0);
        request
    };
    grpc_load::run(&server.url, 1_000, request).await;
    let mut best: f64 = 0.0;
    for _ in 0..ROUNDS {
        let outcome = grpc_load::run(&server.url, CALLS, request).await;
        assert_eq!(outcome.allowed, 0, "everything is refused here");
        best = best.max(outcome.per_second);
    }
    best
}

/// CPU microseconds of a pipelined INCR in this Redis: the cheapest way to count anything there.
fn bare_incr(redis: &Redis) -> f64 {
    const N: usize = 500_000;
    let before = cpu_of(redis.id());
    let status = std::process::Command::new("redis-benchmark")
        .args([
            "-p",
            &redis.port().to_string(),
            "-n",
            &N.to_string(),
            "-P",
            "32",
            "-c",
            "16",
            "-q",
            "-r",
            "10000",
            "incr",
            "key:__rand_int__",
        ])
        .stdout(std::process::Stdio::null())
        .status()
        .expect("redis-benchmark is installed");
    assert!(status.success());
    (cpu_of(redis.id()) - before).as_secs_f64() * 1e6 / N as f64
}
