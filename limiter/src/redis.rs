//! Counters in Redis: exact over any number of limiters that share it.
//!
//! All checks of a call go to Redis as few script calls, each one round trip and atomic (see `redis/check.lua`). Time is
//! Redis's own. A counter is one string of at most 10 KB that expires when nothing in it matters any more. What Redis
//! loses is lost: keep the append-only file on, and know that a failover may forget the last moments.
//!
//! Every operation ends within the configured timeout, connecting included. An operation that failed may have been
//! carried out, so a caller who asks again may be charged twice; never too little is counted.

mod failure;
mod pool;
mod script;
mod value;

use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, FromRedisValue};
use bytes::Bytes;
use futures_util::future::try_join_all;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, field};

use crate::check::{CheckList, Outcome};
use crate::clock::Clock;
use crate::inspect::{Inspect, Inspection};
use crate::key::StoredKey;
use crate::store::{Store, StoreError};
use crate::window::Snapshot;
use failure::Failure;
use pool::Pool;
use script::Call;

/// How to reach Redis.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://[user:password@]host[:port][/database]`. Redis 7 or newer.
    pub url: String,
    /// The most time one operation may take, connecting included.
    pub timeout: Duration,
    /// Connections, each shared by any number of operations under way.
    pub connections: u32,
}

/// Long enough for a network hiccup, short enough that a caller need not notice an outage.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(100);

/// Commands of many callers share a connection; a few keep one large answer from delaying everything else.
const DEFAULT_CONNECTIONS: u32 = 4;

/// Asked for too seldom for Redis to remember it.
const INSPECT: &str = include_str!("redis/inspect.lua");

/// About a millisecond of Redis's time.
const MOST_CHECKS_PER_CALL: usize = 128;

impl Default for RedisConfig {
    fn default() -> Self {
        Self { url: "redis://127.0.0.1:6379".to_owned(), timeout: DEFAULT_TIMEOUT, connections: DEFAULT_CONNECTIONS }
    }
}

impl std::fmt::Debug for RedisConfig {
    /// Without the URL: it may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig")
            .field("timeout", &self.timeout)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// A [`Store`] in Redis. Clones share the connections.
#[derive(Clone)]
pub struct RedisStore {
    pool: Pool,
    timeout: Duration,
    clock: Option<Arc<dyn Clock>>,
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisStore").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl RedisStore {
    /// A store that starts to connect in the background. Call it in a Tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Config`] if the URL or the number of connections makes no sense.
    pub fn new(config: RedisConfig) -> Result<Self, StoreError> {
        let timeout = config.timeout;
        let pool = Pool::new(config)?;
        Ok(Self { pool, timeout, clock: None })
    }

    /// As [`RedisStore::new`], with a clock instead of Redis's own, for tests only: it must show a time in the future,
    /// or Redis forgets every counter at once.
    ///
    /// # Errors
    /// As [`RedisStore::new`].
    pub fn with_clock(config: RedisConfig, clock: impl Clock) -> Result<Self, StoreError> {
        Ok(Self { clock: Some(Arc::new(clock)), ..Self::new(config)? })
    }

    /// Asks whether Redis answers, for readiness.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let _: String = self.run("PING", 1, &::redis::cmd("PING"), self.deadline()).await?;
        Ok(())
    }

    async fn evaluate(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        let call = Call::new(lists, self.clock.as_deref().map(Clock::now_micros));
        let deadline = self.deadline();
        let answer: Result<Vec<i64>, Failure> = match self.run("EVALSHA", lists.len(), &call.by_hash(), deadline).await
        {
            // Redis forgets scripts when it restarts. Sending the source also makes it remember.
            Err(Failure::NoScript) => self.run("EVAL", lists.len(), &call.by_source(), deadline).await,
            other => other,
        };
        script::outcomes(lists, &answer?)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// One round trip, as one span.
    async fn run<T>(&self, name: &'static str, batch: usize, command: &Cmd, deadline: Instant) -> Result<T, Failure>
    where
        T: FromRedisValue,
    {
        let server = self.pool.server();
        let span = tracing::info_span!(
            "redis",
            otel.name = name,
            otel.kind = "client",
            db.system.name = "redis",
            db.operation.name = name,
            db.namespace = server.database,
            weir.lists = batch,
            server.address = server.address,
            server.port = server.port,
            error.type = field::Empty,
            otel.status_code = field::Empty,
        );
        let answer = self.ask(command, deadline).instrument(span.clone()).await;
        if let Err(Failure::Store(error)) = &answer {
            span.record("error.type", failure::kind_of(error)).record("otel.status_code", "ERROR");
        }
        answer
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd, deadline: Instant) -> Result<T, Failure> {
        let late = |_| Failure::Store(StoreError::Timeout(self.timeout));
        let mut connection = timeout_at(deadline, self.pool.get()).await.map_err(late)??;
        match timeout_at(deadline, command.query_async(connection.redis())).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if failure::needs_reconnect(&error) {
                    connection.give_up();
                }
                Err(error.into())
            }
            Err(elapsed) => {
                // Slow, or cut off without notice? A new connection finds out.
                connection.give_up();
                Err(late(elapsed))
            }
        }
    }
}

/// Splits lists so that no script call runs long: Redis serves nobody else meanwhile.
fn chunks(lists: &[CheckList]) -> impl Iterator<Item = &[CheckList]> {
    let mut checks = 0;
    lists.chunk_by(move |list, next| {
        checks += list.len();
        let together = checks + next.len() <= MOST_CHECKS_PER_CALL;
        if !together {
            checks = 0;
        }
        together
    })
}

impl Store for RedisStore {
    async fn check(&self, lists: Vec<CheckList>) -> Result<Vec<Outcome>, StoreError> {
        let answers = try_join_all(chunks(&lists).map(|chunk| self.evaluate(chunk))).await?;
        Ok(answers.into_iter().flatten().collect())
    }

    async fn reset(&self, key: Bytes) -> Result<bool, StoreError> {
        let mut delete = ::redis::cmd("DEL");
        delete.arg(StoredKey::new(&key).as_bytes());
        let deleted: u64 = self.run("DEL", 1, &delete, self.deadline()).await?;
        Ok(deleted > 0)
    }
}

impl Inspect for RedisStore {
    async fn inspect(&self, key: Bytes) -> Result<Inspection, StoreError> {
        let mut command = ::redis::cmd("EVAL");
        command.arg(INSPECT).arg(1).arg(StoredKey::new(&key).as_bytes());
        let answer: (u64, u64, Option<Vec<u8>>) = self.run("EVAL", 1, &command, self.deadline()).await?;
        let (seconds, micros, value) = answer;
        let now = self.clock.as_deref().map_or(seconds * 1_000_000 + micros, Clock::now_micros);
        let snapshot = value.map_or_else(|| Ok(Snapshot::default()), |value| value::read(&value, now))?;
        Ok(Inspection::exact(snapshot))
    }
}
