//! The limiter's script in Redis without a limiter: what Redis itself takes.

use std::num::NonZeroU64;
use std::process::{Command, Stdio};
use std::time::Duration;

use weir_limiter::parts::{CHECK_SCRIPT, check_argument};
use weir_limiter::{Check, CheckList, Limit};
use weir_testkit::Redis;

/// The script with its packed argument as a constant, because `redis-benchmark` cannot send one
/// with zeros in it.
pub(crate) struct Script {
    hash: String,
    keys: usize,
}

impl Script {
    /// For calls of one list with `keys` checks of one limit.
    pub(crate) fn load(redis: &Redis, keys: usize, calls: u64, period: Duration) -> Self {
        let argument: String = check_argument(&[list(keys, calls, period)])
            .iter()
            .map(|byte| format!("\\{byte:03}"))
            .collect();
        let source = format!("local ARGV = {{'{argument}'}} {CHECK_SCRIPT}");
        let mut load = redis::cmd("SCRIPT");
        let hash = load
            .arg("LOAD")
            .arg(source)
            .query(&mut redis.connection())
            .expect("Redis takes the script");
        Self { hash, keys }
    }

    /// One call, on keys of the number `n`.
    pub(crate) fn call(&self, connection: &mut redis::Connection, n: usize) {
        let mut call = redis::cmd("EVALSHA");
        call.arg(&self.hash).arg(self.keys);
        for key in 0..self.keys {
            call.arg(format!("weir:bare:{key}:{n:012}"));
        }
        let _: redis::Value = call.query(connection).expect("Redis runs the script");
    }

    /// Calls per second under `redis-benchmark -P 32`, each on random keys.
    pub(crate) fn run_bare(&self, redis: &Redis, calls: usize) -> f64 {
        let keys: Vec<_> = (0..self.keys)
            .map(|key| format!("weir:bare:{key}:__rand_int__"))
            .collect();
        self.run(redis, &keys, calls)
    }

    /// The same on one key.
    pub(crate) fn run_bare_on(&self, redis: &Redis, key: &str, calls: usize) -> f64 {
        self.run(redis, &[key.to_owned()], calls)
    }

    fn run(&self, redis: &Redis, keys: &[String], calls: usize) -> f64 {
        let (port, calls) = (redis.port().to_string(), calls.to_string());
        let mut benchmark = Command::new("redis-benchmark");
        benchmark.args([
            "-p", &port, "-n", &calls, "-P", "32", "-c", "2", "-r", "100000", "--csv", "evalsha",
        ]);
        benchmark
            .arg(&self.hash)
            .arg(keys.len().to_string())
            .args(keys);
        let output = benchmark
            .stderr(Stdio::inherit())
            .output()
            .expect("redis-benchmark is installed");
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text
            .lines()
            .last()
            .unwrap_or_default()
            .rsplit("\",\"")
            .nth(6)
            .unwrap_or_default();
        last.trim_matches('"')
            .parse()
            .unwrap_or_else(|_| panic!("redis-benchmark said {text}"))
    }
}

/// A list of checks of one limit, each of a key of its own.
fn list(checks: usize, calls: u64, period: Duration) -> CheckList {
    let limit = Limit {
        calls: NonZeroU64::new(calls).expect("a limit has calls"),
        renewal_period: period,
    };
    let check = |key: usize| Check {
        limit_name: "bare".into(),
        key: key.to_string().into(),
        limit,
        cost: 1,
    };
    (0..checks).map(check).collect()
}

/// All the memory Redis uses for a key that has counted 15 calls, tables and expiry included. The
/// key is 22 bytes, as long as an object id. A Redis of its own: one more key than these, and its
/// tables are twice as large.
pub(crate) fn bytes_per_key() -> f64 {
    const KEYS: usize = 65_536;
    let redis = Redis::start();
    let script = Script::load(&redis, 1, 15, Duration::from_secs(3600));
    let mut connection = redis.connection();
    let used = |connection: &mut redis::Connection| -> f64 {
        let info: String = redis::cmd("INFO")
            .arg("memory")
            .query(connection)
            .expect("Redis describes itself");
        let used = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory:"));
        used.and_then(|used| used.trim().parse().ok())
            .expect("Redis knows its memory")
    };
    let before = used(&mut connection);
    for _ in 0..15 {
        for first in (0..KEYS).step_by(1024) {
            let mut calls = redis::pipe();
            for n in first..first + 1024 {
                calls
                    .cmd("EVALSHA")
                    .arg(&script.hash)
                    .arg(1)
                    .arg(format!("weir:user:00015:{n:011}"))
                    .ignore();
            }
            let () = calls.query(&mut connection).expect("Redis runs the script");
        }
    }
    (used(&mut connection) - before) / KEYS as f64
}
