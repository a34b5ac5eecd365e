//! Counters in Redis.

use std::time::Duration;

use bytes::Bytes;

use crate::check::{CheckList, Outcome};
use crate::store::{Store, StoreError};

/// How to reach Redis.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// `redis://[user:password@]host:port[/database]`.
    pub url: String,
    /// The most time one operation may take, connecting included.
    pub timeout: Duration,
    /// Connections shared by all checks.
    pub connections: u32,
}
/// Counters in Redis.
#[derive(Debug, Clone)]
pub struct RedisStore;
impl RedisStore {
    /// Prepares a store; connects when first used.
    ///
    /// # Errors
    /// If the URL is wrong.
    pub fn new(_config: RedisConfig) -> Result<Self, StoreError> {
        todo!()
    }
}
impl Store for RedisStore {
    async fn check(&self, _lists: Vec<CheckList>) -> Result<Vec<Outcome>, StoreError> {
        todo!()
    }
    async fn reset(&self, _key: Bytes) -> Result<bool, StoreError> {
        todo!()
    }
}
