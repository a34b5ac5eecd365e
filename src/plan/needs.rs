//! The arithmetic of `weir plan`: a load, and what it needs.

use std::fmt::Write;

use super::figures::{Figure, GATEWAY_REFUSED, GATEWAY_SERVED, LIMITER, LIMITER_MEMORY, REDIS};

/// Bytes of a key in Redis besides its remembered calls: the entry, the name (up to 64 bytes), the
/// log's head. Redis 7 says (`MEMORY USAGE`) 168 bytes for a key with 3 calls and 8,296 for one
/// with 1,000; this and the next are a little above.
const KEY_BYTES: f64 = 150.0;
/// Bytes of one remembered call, with the room that a log has.
const CALL_BYTES: f64 = 8.2;
/// Above this, calls share slots (1/128 of the period each, and as many to spare).
const MOST_SLOTS: u64 = 1_000;
/// Bytes between gateway and limiter, and between limiter and Redis, for one request with two
/// counters.
const LIMITER_BYTES: f64 = 300.0;

/// What has to be carried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) rps: f64,
    pub(super) keys: f64,
    pub(super) calls: u64,
    /// The part that is refused, 0 to 1.
    pub(super) refused: f64,
    /// How busy a core may be, 0 to 1.
    pub(super) busy: f64,
    /// Of a request and its answer.
    pub(super) bytes: f64,
}

/// What carries it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    pub(super) gateway_cores: f64,
    pub(super) limiter_cores: f64,
    pub(super) redis_shards: f64,
    pub(super) redis_bytes: f64,
    /// Bits per second in and out of all gateways.
    pub(super) gateway_bits: f64,
    pub(super) limiter_bits: f64,
}

impl Needs {
    pub(super) fn of(load: &Load) -> Self {
        let (refused, served) = (load.rps * load.refused, load.rps * (1.0 - load.refused));
        let cores = |figure: Figure, rps: f64| rps * figure.micros / 1e6 / load.busy;
        let slots = load.calls.min(MOST_SLOTS) as f64;
        Self {
            gateway_cores: cores(GATEWAY_SERVED, served) + cores(GATEWAY_REFUSED, refused),
            // What the gateway's refusal cache refuses never gets to a limiter.
            limiter_cores: cores(LIMITER, served),
            // Redis runs commands on one core.
            redis_shards: cores(REDIS, served).ceil().max(1.0),
            redis_bytes: load.keys * (KEY_BYTES + slots * CALL_BYTES),
            // From the client, and once more to and from the backend.
            gateway_bits: (load.rps + served) * load.bytes * 8.0,
            limiter_bits: served * LIMITER_BYTES * 8.0,
        }
    }

    /// The plan as text.
    pub(super) fn table(&self, load: &Load) -> String {
        let mut text = String::new();
        let busy = load.busy * 100.0;
        let _ = writeln!(
            text,
            "{} requests/s, {:.0} % refused, {} keys with a limit of {} calls, cores {busy:.0} % busy:\n",
            grouped(load.rps),
            load.refused * 100.0,
            grouped(load.keys),
            grouped(load.calls as f64)
        );
        let rows = [
            (
                "gateway",
                cores(self.gateway_cores),
                format!(
                    "{}; {} µs a request served, {} refused",
                    bits(self.gateway_bits),
                    GATEWAY_SERVED.micros,
                    GATEWAY_REFUSED.micros
                ),
            ),
            (
                "limiter",
                cores(self.limiter_cores),
                format!(
                    "{}; {} µs a request",
                    bits(self.limiter_bits),
                    LIMITER.micros
                ),
            ),
            (
                "Redis",
                shards(self.redis_shards),
                format!(
                    "{} of memory; {} µs a request",
                    bytes(self.redis_bytes),
                    REDIS.micros
                ),
            ),
        ];
        for (part, amount, why) in rows {
            let _ = writeln!(text, "  {part:<10}{amount:<14}{why}");
        }
        let _ = writeln!(text, "\n{}", self.advice(load));
        text
    }

    /// What fits, and what gives next.
    fn advice(&self, load: &Load) -> String {
        let carries = |figure: Figure| load.busy * 1e6 / figure.micros;
        let one_redis = carries(REDIS) / (1.0 - load.refused).max(0.01);
        let in_memory = carries(LIMITER_MEMORY) / (1.0 - load.refused).max(0.01);
        if self.gateway_cores + load.rps * LIMITER_MEMORY.micros / 1e6 / load.busy <= 1.0 {
            return "One core carries all of it, with counters in memory (`weir up`). Redis is for counters that survive a\n\
                    restart, and for a second gateway machine."
                .to_owned();
        }
        if self.redis_shards <= 1.0 {
            return format!(
                "One Redis carries it. It gives next: at {} requests/s its core is {:.0} % busy. A single limiter with\n\
                 counters in memory would do without Redis up to {} requests/s a core, and forget them when it restarts.",
                grouped(one_redis),
                load.busy * 100.0,
                grouped(in_memory)
            );
        }
        format!(
            "Redis gives first: one server carries {} requests/s. Either split the keys over {} shards, or over as many\n\
             independent stacks; docs/scaling.md says what each does to the promise. Add one shard and one of each\n\
             machine for failures.",
            grouped(one_redis),
            grouped(self.redis_shards)
        )
    }
}

fn cores(cores: f64) -> String {
    let rounded = if cores < 10.0 {
        (cores * 10.0).ceil() / 10.0
    } else {
        cores.ceil()
    };
    format!(
        "{rounded} core{}",
        if (rounded - 1.0).abs() < f64::EPSILON {
            ""
        } else {
            "s"
        }
    )
}

fn shards(shards: f64) -> String {
    if shards <= 1.0 {
        "1 server".to_owned()
    } else {
        format!("{} shards", grouped(shards))
    }
}

/// `1,234,567`
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bits(bits: f64) -> String {
    format!("{}bit/s", scaled(bits))
}

fn bytes(bytes: f64) -> String {
    format!("{}B", scaled(bytes))
}

/// Two or three digits and a prefix: `1.6 G`.
fn scaled(number: f64) -> String {
    let (value, prefix) = match number {
        n if n >= 1e12 => (n / 1e12, "T"),
        n if n >= 1e9 => (n / 1e9, "G"),
        n if n >= 1e6 => (n / 1e6, "M"),
        n => (n / 1e3, "k"),
    };
    if value < 10.0 {
        format!("{value:.1} {prefix}")
    } else {
        format!("{value:.0} {prefix}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load {
        rps: 100_000.0,
        keys: 1e6,
        calls: 15,
        refused: 0.0,
        busy: 0.5,
        bytes: 1_000.0,
    };

    fn near(a: f64, b: f64) -> bool {
        (a / b - 1.0).abs() < 1e-9
    }

    #[test]
    fn cores_are_requests_times_cost_over_how_busy_they_may_be() {
        let needs = Needs::of(&LOAD);
        assert!(near(needs.gateway_cores, 0.1 * GATEWAY_SERVED.micros / 0.5));
        assert!(near(needs.limiter_cores, 0.1 * LIMITER.micros / 0.5));
        assert!(near(needs.redis_shards, (0.1 * REDIS.micros / 0.5).ceil()));
        assert!(near(needs.gateway_bits, 2.0 * 100_000.0 * 8_000.0));
        assert!(near(
            needs.redis_bytes,
            1e6 * (KEY_BYTES + 15.0 * CALL_BYTES)
        ));
    }

    #[test]
    fn refused_requests_cost_only_the_gateway() {
        let needs = Needs::of(&Load {
            refused: 1.0,
            ..LOAD
        });
        assert!(near(
            needs.gateway_cores,
            0.1 * GATEWAY_REFUSED.micros / 0.5
        ));
        assert_eq!((needs.limiter_cores, needs.redis_shards), (0.0, 1.0));
    }

    #[test]
    fn large_limits_do_not_remember_every_call() {
        let bytes = |calls| Needs::of(&Load { calls, ..LOAD }).redis_bytes;
        assert!(bytes(300) > bytes(15) && near(bytes(1_000_000), bytes(1_000)));
    }

    #[test]
    fn the_advice_follows_the_load() {
        let advice = |rps| Needs::of(&Load { rps, ..LOAD }).table(&Load { rps, ..LOAD });
        assert!(advice(100.0).contains("weir up"));
        assert!(advice(10_000.0).contains("One Redis carries it"));
        let large = advice(1_000_000.0);
        assert!(
            large.contains("1,000,000 requests/s")
                && large.contains("shards")
                && large.contains("gives first"),
            "{large}"
        );
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            (grouped(1_234_567.0), grouped(12.0)),
            ("1,234,567".to_owned(), "12".to_owned())
        );
        assert_eq!(
            (bits(1.6e9), bytes(270e6), cores(0.01), cores(1.0)),
            (
                "1.6 Gbit/s".into(),
                "270 MB".into(),
                "0.1 cores".into(),
                "1 core".into()
            )
        );
    }
}
