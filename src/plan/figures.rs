//! What a request costs, measured by `make bench` (`bench/latest.json`; a test compares). To
//! refresh: run `make bench` on a quiet machine and copy the values of the named rows.
//!
//! CPU times, not requests per second: they add up, and do not depend on how many cores the machine
//! had.

/// A measured figure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figure {
    /// Its row in `bench/latest.json`.
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "it says where the figure comes from, and the test goes there"
        )
    )]
    pub(super) row: &'static str,
    /// Microseconds of one core per request.
    pub(super) micros: f64,
}

/// The gateway, for a request that is served: token, two limits in one call to the limiter, proxy.
pub(super) const GATEWAY_SERVED: Figure = Figure {
    row: "gateway with JWT and both limits, CPU",
    micros: 69.7,
};
/// The gateway, for a request that its refusal cache refuses.
pub(super) const GATEWAY_REFUSED: Figure = Figure {
    row: "gateway all refused, CPU",
    micros: 18.1,
};
/// The limiter in front of Redis, two counters.
pub(super) const LIMITER: Figure = Figure {
    row: "limiter redis, 2 counters, CPU",
    micros: 16.2,
};
/// Redis itself, two counters.
pub(super) const REDIS: Figure = Figure {
    row: "limiter redis, 2 counters, CPU of Redis",
    micros: 10.1,
};
/// The limiter with counters in its own memory, two counters.
pub(super) const LIMITER_MEMORY: Figure = Figure {
    row: "limiter memory, 2 counters, CPU",
    micros: 11.0,
};

#[cfg(test)]
mod tests {
    use super::*;

    /// How far a figure may be from the last run: two runs on one machine differ by less.
    const TOLERANCE: f64 = 0.15;

    #[test]
    fn the_figures_are_those_of_the_last_benchmark() {
        // Not `include_str!`: `make bench` writes the file, and a checkout without one has nothing
        // to compare with.
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/latest.json");
        let Ok(text) = std::fs::read_to_string(path) else {
            return;
        };
        let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        for figure in [
            GATEWAY_SERVED,
            GATEWAY_REFUSED,
            LIMITER,
            REDIS,
            LIMITER_MEMORY,
        ] {
            let row = rows.iter().find(|row| row["name"] == figure.row);
            let row = row.unwrap_or_else(|| panic!("{path} has no row {:?}", figure.row));
            assert_eq!(row["unit"], "us/request", "{}", figure.row);
            let measured = row["value"].as_f64().unwrap();
            assert!(
                (measured / figure.micros - 1.0).abs() <= TOLERANCE,
                "{}: src/plan/figures.rs says {}, {path} says {measured}; copy it",
                figure.row,
                figure.micros
            );
        }
    }
}
