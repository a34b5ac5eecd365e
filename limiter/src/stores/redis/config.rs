//! How Redis is reached.

use std::time::Duration;

/// How to reach Redis.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://[user:password@]host[:port][/database]`, `redis-cluster://…` or
    /// `redis-sentinel://…`; with TLS `rediss…://`. Redis 7 or newer.
    pub url: String,
    /// With TLS, the authorities that are believed, in PEM; without, those of the machine.
    pub authorities: Option<Vec<u8>>,
    /// Replicas that must have a write before it is answered. With fewer the operation fails,
    /// though the master has counted it.
    pub wait_replicas: u32,
    /// The most time one operation may take, connecting included.
    pub timeout: Duration,
    /// Connections to each server, each shared by any number of operations under way.
    pub connections: u32,
}

/// Long enough for a network hiccup, short enough that a caller need not notice an outage.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(100);

/// Commands of many callers share a connection; a few keep one large answer from delaying
/// everything else.
const DEFAULT_CONNECTIONS: u32 = 4;

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379".to_owned(),
            authorities: None,
            wait_replicas: 0,
            timeout: DEFAULT_TIMEOUT,
            connections: DEFAULT_CONNECTIONS,
        }
    }
}

impl std::fmt::Debug for RedisConfig {
    /// Without the URL: it may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig")
            .field("timeout", &self.timeout)
            .field("connections", &self.connections)
            .field("wait_replicas", &self.wait_replicas)
            .finish_non_exhaustive()
    }
}
