//! The limiter's script in Redis without a limiter: what Redis itself takes.

use std::process::{Command, Stdio};
use std::time::Duration;

use weir_testkit::Redis;

/// As `limiter/src/redis/script.rs` puts it together.
const SOURCE: &str = concat!(
    include_str!("../../limiter/src/redis/prelude.lua"),
    "local function extraordinary()\n",
    include_str!("../../limiter/src/redis/log.lua"),
    include_str!("../../limiter/src/redis/check_any.lua"),
    "return check_any, check_shared, write_shared\nend\n",
    include_str!("../../limiter/src/redis/check.lua"),
);

/// The script with its packed argument as a constant, because `redis-benchmark` cannot send one with zeros in it.
pub(crate) struct Script {
    hash: String,
    keys: usize,
}

impl Script {
    /// For calls of one list with `keys` checks of one limit.
    pub(crate) fn load(redis: &Redis, keys: usize, calls: u64, period: Duration) -> Self {
        let argument: String = pack(keys, calls, period).iter().map(|byte| format!("\\{byte:03}")).collect();
        let source = format!("local ARGV = {{'{argument}'}} {SOURCE}");
        let mut load = redis::cmd("SCRIPT");
        let hash = load.arg("LOAD").arg(source).query(&mut redis.connection()).expect("Redis takes the script");
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
        let keys: Vec<_> = (0..self.keys).map(|key| format!("weir:bare:{key}:__rand_int__")).collect();
        self.run(redis, &keys, calls)
    }

    /// The same on one key.
    pub(crate) fn run_bare_on(&self, redis: &Redis, key: &str, calls: usize) -> f64 {
        self.run(redis, &[key.to_owned()], calls)
    }

    fn run(&self, redis: &Redis, keys: &[String], calls: usize) -> f64 {
        let (port, calls) = (redis.port().to_string(), calls.to_string());
        let mut benchmark = Command::new("redis-benchmark");
        benchmark.args(["-p", &port, "-n", &calls, "-P", "32", "-c", "2", "-r", "100000", "--csv", "evalsha"]);
        benchmark.arg(&self.hash).arg(keys.len().to_string()).args(keys);
        let output = benchmark.stderr(Stdio::inherit()).output().expect("redis-benchmark is installed");
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().unwrap_or_default().rsplit("\",\"").nth(6).unwrap_or_default();
        last.trim_matches('"').parse().unwrap_or_else(|_| panic!("redis-benchmark said {text}"))
    }
}

/// The script's first argument; `check.lua` describes it.
fn pack(checks: usize, calls: u64, period: Duration) -> Vec<u8> {
    let mut packed = vec![0, 0, 0x80];
    packed.resize(3 * checks, 0);
    packed.extend_from_slice(&calls.to_le_bytes()[..5]);
    packed.extend_from_slice(&(period.as_micros() as u64).to_le_bytes()[..5]);
    packed.extend_from_slice(&1_u64.to_le_bytes()[..6]);
    packed.push(0);
    packed
}

/// All the memory Redis uses for a key that has counted 15 calls, tables and expiry included. The key is 22 bytes, as
/// long as an object id.
pub(crate) fn bytes_per_key(redis: &Redis) -> f64 {
    const KEYS: usize = 65_536;
    let script = Script::load(redis, 1, 15, Duration::from_secs(3600));
    let mut connection = redis.connection();
    let () = redis::cmd("FLUSHALL").query(&mut connection).expect("Redis empties itself");
    let used = |connection: &mut redis::Connection| -> f64 {
        let info: String = redis::cmd("INFO").arg("memory").query(connection).expect("Redis describes itself");
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        used.and_then(|used| used.trim().parse().ok()).expect("Redis knows its memory")
    };
    let before = used(&mut connection);
    for _ in 0..15 {
        for first in (0..KEYS).step_by(1024) {
            let mut calls = redis::pipe();
            for n in first..first + 1024 {
                calls.cmd("EVALSHA").arg(&script.hash).arg(1).arg(format!("weir:user:00015:{n:011}")).ignore();
            }
            let () = calls.query(&mut connection).expect("Redis runs the script");
        }
    }
    (used(&mut connection) - before) / KEYS as f64
}
