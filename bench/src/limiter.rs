//! The limiter: one gRPC request with two counters, in memory and in Redis, admitted and refused.

use std::time::Duration;

use weir_testkit::Redis;

use crate::ROUNDS;
use crate::grpc_load::{address, check, closed_loop, message, subject, two_counters};
use crate::latency;
use crate::lease;
use crate::process::{Server, cpu_of};
use crate::redis::{self, Script};
use crate::report::{Goal, Report};
use crate::servers;

/// Keys in use; each is called 13 times, so that no call is refused.
const KEYS: usize = 12_000;
/// Calls measured per round, after one warm-up call per key.
const CALLS: usize = 4 * KEYS;
/// Calls measured per round while windows are kept full.
const STEADY_CALLS: usize = 60_000;
/// The share of a limit in use while windows are kept full. The rest is room for a machine that is
/// faster now and then.
const FILL: f64 = 0.8;

/// Measures and reports.
pub(crate) async fn measure(report: &mut Report) {
    let messages: Vec<_> = (0..KEYS).map(two_counters).collect();
    let empty = Server::own(servers::EMPTY_LIMITER);
    let baseline = admitted(&empty, &messages);

    let memory = Server::weir("limiter", &["--store", "memory"]).await;
    let in_memory = admitted(&memory, &messages);
    let (value, goal) = (in_memory.per_second, Goal::AtLeast(0.8));
    report.add(
        "limiter memory, 2 counters",
        "requests/s",
        value,
        baseline.per_second,
        goal,
    );
    report.add(
        "limiter memory, 2 counters, CPU",
        "us/request",
        in_memory.cpu,
        baseline.cpu,
        Goal::AtMost(1.5),
    );

    let redis = Redis::start();
    let limiter = Server::weir("limiter", &["--store", &redis.url()]).await;
    let in_redis = redis_throughput(report, &limiter, &redis, &messages);
    redis_cost(report, &limiter, &redis, in_redis);
    refused_without_asking(report, &memory, &limiter, &redis, baseline.per_second);
    drop(memory);
    hot_key(report, &limiter);
    drop(limiter);
    // Else it would be busy forgetting keys meanwhile.
    redis.pause();
    latency::measure(report, &messages, in_redis).await;
    redis.resume();
    lease::measure(report, &redis).await;
    let bytes = redis::bytes_per_key();
    report.add_absolute(
        "limiter redis, memory per key of 15 calls",
        "bytes",
        bytes,
        Goal::AtMost(260.0),
    );
}

struct Admitted {
    per_second: f64,
    /// Microseconds of CPU per request.
    cpu: f64,
}

fn admitted(server: &Server, messages: &[Vec<u8>]) -> Admitted {
    closed_loop(server.address(), messages, messages.len());
    let mut best = Admitted {
        per_second: 0.0,
        cpu: f64::MAX,
    };
    for _ in 0..ROUNDS {
        let before = server.cpu();
        let outcome = closed_loop(server.address(), messages, CALLS);
        let cpu = (server.cpu() - before).as_secs_f64() * 1e6 / CALLS as f64;
        assert_eq!(outcome.refused(), 0, "nothing may be refused here");
        best = Admitted {
            per_second: best.per_second.max(outcome.per_second()),
            cpu: best.cpu.min(cpu),
        };
    }
    best
}

/// Against what Redis does when nobody but `redis-benchmark` asks it the same.
fn redis_throughput(
    report: &mut Report,
    limiter: &Server,
    redis: &Redis,
    messages: &[Vec<u8>],
) -> f64 {
    let bare = Script::load(redis, 2, 15, Duration::from_secs(60)).run_bare(redis, 8 * CALLS);
    let before = cpu_of(redis.id());
    let in_redis = admitted(limiter, messages);
    let requests = messages.len() + ROUNDS * CALLS;
    let redis_cpu = (cpu_of(redis.id()) - before).as_secs_f64() * 1e6 / requests as f64;
    let value = in_redis.per_second;
    report.add_absolute(
        "limiter redis, 2 counters",
        "requests/s",
        value,
        Goal::AtLeast(40_000.0),
    );
    report.add(
        "limiter redis, 2 counters, to redis-benchmark",
        "requests/s",
        value,
        bare,
        Goal::AtLeast(0.7),
    );
    report.add_absolute(
        "limiter redis, 2 counters, CPU",
        "us/request",
        in_redis.cpu,
        Goal::AtMost(20.0),
    );
    report.add_plain(
        "limiter redis, 2 counters, CPU of Redis",
        "us/request",
        redis_cpu,
    );
    value
}

/// What a counter costs Redis while its window is full: every call lets an earlier one leave.
fn redis_cost(report: &mut Report, limiter: &Server, redis: &Redis, per_second: f64) {
    for (calls, keys, most) in [(15, 12_000, 6.0), (300, 1_000, 8.0)] {
        // Every key's turn comes once a round; this many rounds fill the window as far as it is
        // kept full.
        let rounds = calls as f64 * FILL;
        let period = Duration::from_secs_f64(keys as f64 / per_second * rounds);
        let both = |n: usize| {
            let counter = |key: String| check("steady", key, calls, period);
            message(vec![
                counter(format!("{calls}:{}", address(n))),
                counter(format!("{calls}:{}", subject(n))),
            ])
        };
        let messages: Vec<_> = (0..keys).map(both).collect();
        closed_loop(
            limiter.address(),
            &messages,
            (keys as f64 * rounds) as usize,
        );
        let mut cpu = f64::MAX;
        for _ in 0..ROUNDS {
            let before = cpu_of(redis.id());
            let outcome = closed_loop(limiter.address(), &messages, STEADY_CALLS);
            cpu = cpu
                .min((cpu_of(redis.id()) - before).as_secs_f64() * 1e6 / (2 * STEADY_CALLS) as f64);
            let refused = outcome.refused() as f64 / STEADY_CALLS as f64;
            assert!(
                refused < 0.05,
                "{refused} of the calls were refused, which costs Redis less"
            );
        }
        let name = format!("limiter redis, CPU of Redis, {calls} calls");
        report.add_absolute(&name, "us/counter", cpu, Goal::AtMost(most));
    }
}

/// A subject that is used up; its address is not limited here, so that the first check is the
/// refused one. Both limiters do the same for it, so their rounds take turns: the machine's speed
/// changes more than they differ.
fn refused_without_asking(
    report: &mut Report,
    memory: &Server,
    limiter: &Server,
    redis: &Redis,
    baseline: f64,
) {
    let used_up = check(
        "subject",
        format!("60:{}", subject(usize::MAX >> 16)),
        15,
        Duration::from_secs(60),
    );
    let messages = [message(vec![used_up])];
    for server in [memory, limiter] {
        closed_loop(server.address(), &messages, 1_000);
    }
    let before = redis.calls_of("evalsha");
    let (mut in_memory, mut in_redis) = (0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        in_memory = in_memory.max(refused(memory, &messages));
        in_redis = in_redis.max(refused(limiter, &messages));
    }
    let asked = (redis.calls_of("evalsha") - before) as f64;
    report.add(
        "limiter memory, refused",
        "requests/s",
        in_memory,
        baseline,
        Goal::AtLeast(0.8),
    );
    report.add(
        "limiter redis, refused",
        "requests/s",
        in_redis,
        in_memory,
        Goal::AtLeast(0.9),
    );
    report.add_absolute(
        "limiter redis, refused, calls of Redis",
        "calls",
        asked,
        Goal::AtMost(0.0),
    );
}

/// Calls per second. More calls than elsewhere: they are the fastest, and a round should not be
/// over at once.
fn refused(server: &Server, messages: &[Vec<u8>]) -> f64 {
    let outcome = closed_loop(server.address(), messages, 4 * CALLS);
    assert_eq!(outcome.allowed(), 0, "everything is refused here");
    outcome.per_second()
}

/// One key that everybody calls, against ten thousand.
fn hot_key(report: &mut Report, limiter: &Server) {
    let one_of = |n: usize| {
        message(vec![check(
            "hot",
            format!("hot:{n}"),
            1_000_000,
            Duration::from_secs(60),
        )])
    };
    let many: Vec<_> = (0..10_000).map(one_of).collect();
    let spread = admitted(limiter, &many).per_second;
    let hot = admitted(limiter, &many[..1]).per_second;
    report.add(
        "limiter redis, 1 hot key of 1,000,000 calls",
        "requests/s",
        hot,
        spread,
        Goal::AtLeast(1.0),
    );
}
