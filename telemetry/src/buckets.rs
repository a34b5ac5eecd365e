//! The buckets of every histogram, in one place, so that figures of different roles can be laid
//! over each other.

/// Seconds a request may take, from a check answered out of memory (50 µs) to a request at its
/// timeout (10 s). Each bucket is about twice the one before: a quantile read from them is off by
/// less than a factor of two.
pub const LATENCY_SECONDS: [f64; 18] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125,
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How many things went together, such as the checks in one round trip.
pub const BATCH_SIZE: [f64; 11] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0,
];
