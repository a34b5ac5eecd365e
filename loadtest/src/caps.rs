//! The most that one run may ask for, and why. A load generator without bounds is a way to lose the
//! machine it runs on.

use std::time::Duration;

/// Requests a second. A single process cannot send more than this anyway.
pub(crate) const RATE: f64 = 100_000.0;

/// All stages together: as long as the longest renewal period the limiter takes.
pub(crate) const DURATION: Duration = Duration::from_hours(24);

/// Subjects that sign in. Each costs the identity a sign-up or a token.
pub(crate) const USERS: usize = 10_000;

/// Tokens in a file.
pub(crate) const TOKENS: usize = 100_000;

/// Bytes of a token file, so that a wrong path does not fill the memory.
pub(crate) const TOKEN_FILE: u64 = 256 << 20;

/// Client addresses.
pub(crate) const ADDRESSES: u32 = 65_536;

/// Targets.
pub(crate) const TARGETS: usize = 64;

/// Requests under way, and connections: each is a socket, and a source address has some 28,000
/// ports.
pub(crate) const IN_FLIGHT: usize = 20_000;

/// Bytes of a request's body.
pub(crate) const BODY: usize = 1 << 20;

/// Bytes of an answer's body that are read; a longer one ends its connection.
pub(crate) const ANSWER: usize = 16 << 20;

/// Requests of a run whose limits are judged: each is remembered in 32 bytes until the end.
pub(crate) const JUDGED_REQUESTS: u64 = 10_000_000;

/// Limits judged in one run.
pub(crate) const LIMITS: usize = 8;

/// Points in time of the report's charts: more cannot be told apart on a page.
pub(crate) const SLICES: u32 = 120;

/// Keys listed in the report, the fullest first.
pub(crate) const LISTED_KEYS: usize = 100;

/// Trace ids of each kind in the report.
pub(crate) const LISTED_TRACES: usize = 5;
