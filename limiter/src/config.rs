//! What a limiter can be told: plain data, and a named default with its reason for every number.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::reload::StoreReload;
use crate::stores::memory::MemoryConfig;
use crate::stores::redis::{Address, AddressError, FORMS};

/// A store on the same network answers in about a millisecond; a hundred of them is a store in
/// trouble, and still a wait nobody notices.
const STORE_TIMEOUT: Duration = Duration::from_millis(100);

/// Long enough for every call in flight, whose time is bounded by [`STORE_TIMEOUT`]; short enough
/// for an orchestrator that kills after ten seconds.
const DRAIN: Duration = Duration::from_secs(5);

/// Calls at once before the limiter says that it is full. A call waits about a millisecond, so this
/// is far above what one process can answer, and bounds the memory of a flood.
const CALLS_IN_FLIGHT: usize = 16_384;

/// Refused keys remembered: a few megabytes, and a flood with more refused keys than this only
/// costs store traffic.
const REFUSALS: usize = 65_536;

/// Keys counted to tell which stand out: more than a person reads, and about a megabyte with long
/// keys.
pub const DEFAULT_TOP_KEYS: usize = 1_024;

/// Everything [`crate::run`] needs besides its sockets.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the counters live.
    pub store: StoreConfig,
    /// What holds while the store does not answer.
    pub on_store_failure: FailureMode,
    /// How long one operation of the store may take, waiting for a place in a batch included.
    pub store_timeout: Duration,
    /// With TLS to the store, the authorities that are believed, in PEM; without, those of the
    /// machine.
    pub store_authorities: Option<Vec<u8>>,
    /// Replicas that must have a count before it is answered. With fewer in time, the store counts
    /// as not answering.
    pub store_wait_replicas: u32,
    /// Limits of more calls than this are leased: taken ahead many at a time where a key is hot.
    /// None is without it.
    pub lease_calls_above: Option<u64>,
    /// How much this process's own counters may take: all of them with a store in memory, otherwise
    /// those of the time while the store does not answer.
    pub memory: MemoryConfig,
    /// How many refusals are remembered, so that they need not be asked for again.
    pub refusals: usize,
    /// The most calls in flight at once; further ones are answered `UNAVAILABLE` at once.
    pub calls_in_flight: NonZeroUsize,
    /// How many keys are counted to tell operators the busiest and the most refused ones; 0: none.
    pub top_keys: usize,
    /// How the store's URL is read again while the limiter runs; `None`: never.
    pub reload: Option<StoreReload>,
    /// What connections may hold.
    pub connections: weir_serve::Limits,
}

/// The bounds on gateways' connections.
const CONNECTIONS: weir_serve::Limits = weir_serve::Limits {
    // Gateways hold one connection each; this is room for a thousand of them.
    connections: 1_024,
    // gRPC metadata is a few hundred bytes; a caller with more is something else.
    header_bytes: 16 * 1_024,
    // HTTP/2 bounds them by their bytes.
    headers: 100,
    // A gateway begins to speak as soon as it is connected.
    header_timeout: Duration::from_secs(10),
    // Not looked at: pings tell a gateway that is idle from one that is gone, and it may be idle
    // for ever.
    idle_timeout: Duration::MAX,
    // Above the time of two pings, which find a peer that is gone first.
    stall_timeout: Duration::from_secs(30),
    // A gateway has one connection and may have thousands of requests waiting.
    streams: 4_096,
    drain: DRAIN,
};

impl Default for Config {
    fn default() -> Self {
        Self {
            store: StoreConfig::Memory,
            on_store_failure: FailureMode::Local,
            store_timeout: STORE_TIMEOUT,
            store_authorities: None,
            store_wait_replicas: 0,
            lease_calls_above: None,
            memory: MemoryConfig::default(),
            refusals: REFUSALS,
            calls_in_flight: NonZeroUsize::new(CALLS_IN_FLIGHT).expect("the constant is not zero"),
            top_keys: DEFAULT_TOP_KEYS,
            reload: None,
            connections: CONNECTIONS,
        }
    }
}

/// Where counters live. `"memory"`, `redis://…`, `redis-cluster://…` and `redis-sentinel://…` parse
/// to it.
#[derive(Debug, Clone)]
pub enum StoreConfig {
    /// In this process: one limiter only, empty after a restart.
    Memory,
    /// In the Redis at this URL, which may hold a password.
    Redis(SecretString),
}

/// Why a text names no store. It never repeats the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreConfigError {
    /// Nothing that names a store.
    #[error("not a store: use memory, {FORMS}")]
    Unknown,
    /// It starts like a Redis URL but is none.
    #[error("not a Redis URL: {0}")]
    Redis(AddressError),
}

impl FromStr for StoreConfig {
    type Err = StoreConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text == "memory" {
            return Ok(Self::Memory);
        }
        match Address::parse(text) {
            Ok(_) => Ok(Self::Redis(text.into())),
            Err(AddressError::Scheme) => Err(StoreConfigError::Unknown),
            Err(error) => Err(StoreConfigError::Redis(error)),
        }
    }
}

impl StoreConfig {
    /// The store's name for logs: `memory`, or the Redis URL without user and password.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Memory => "memory".to_owned(),
            Self::Redis(url) => Address::parse(url.expose_secret())
                .map_or_else(|_| "redis".to_owned(), |address| address.describe()),
        }
    }
}

/// What holds while whoever keeps the counters does not answer. `"local"`, `"allow"` and `"deny"`
/// parse to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailureMode {
    /// This process enforces the limits in its own memory: every replica admits up to `calls` of
    /// its own.
    #[default]
    Local,
    /// Every call is admitted.
    Allow,
    /// Every call is refused.
    Deny,
}

/// A text that names no [`FailureMode`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a failure mode: use local, allow or deny")]
pub struct FailureModeError;

impl FromStr for FailureMode {
    type Err = FailureModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "local" => Ok(Self::Local),
            "allow" => Ok(Self::Allow),
            "deny" => Ok(Self::Deny),
            _ => Err(FailureModeError),
        }
    }
}

impl FailureMode {
    /// As it is written on the command line and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn stores_parse_and_describe_without_their_secret() {
        assert!(matches!("memory".parse(), Ok(StoreConfig::Memory)));
        let redis: StoreConfig = "redis://user:hunter2@cache.internal/3\n".parse().unwrap();
        assert_eq!(redis.describe(), "redis://cache.internal:6379/3");
        assert!(!format!("{redis:?}").contains("hunter2"));
        let cluster: StoreConfig = "rediss-cluster://user:hunter2@a,b:7000".parse().unwrap();
        assert_eq!(cluster.describe(), "rediss-cluster://a:6379,b:7000");
    }

    #[test]
    fn what_is_no_store_says_what_would_be_one_and_not_the_password() {
        let message = |text: &str| text.parse::<StoreConfig>().unwrap_err().to_string();
        let unknown = message("hunter2");
        assert!(
            unknown.starts_with("not a store: use memory, redis://[user:password@]host:port"),
            "{unknown}"
        );
        let malformed = message("redis://user:hunter2@host:notaport");
        assert!(
            malformed
                .starts_with("not a Redis URL: host 1 of the list is not of the form host:port"),
            "{malformed}"
        );
        assert!(!malformed.contains("hunter2"));
    }

    #[test]
    fn failure_modes_parse_by_their_names() {
        for mode in [FailureMode::Local, FailureMode::Allow, FailureMode::Deny] {
            assert_eq!(mode.as_str().parse(), Ok(mode));
        }
        assert_eq!("open".parse::<FailureMode>(), Err(FailureModeError));
    }
}
