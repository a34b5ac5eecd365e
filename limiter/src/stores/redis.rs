//! Counters in Redis: exact over any number of limiters that share it.
//!
//! One server, the master that Sentinels know, or a Redis Cluster; with TLS or without.
//!
//! All checks of a call go to Redis as few script calls, each one round trip and atomic (see
//! `redis/log.lua` and `redis/check.lua`); in a cluster one call takes keys of one slot (see
//! `redis/cluster/rounds.rs`). Time is Redis's own. A counter is one string of at most 10 KB that
//! expires when nothing in it matters any more. What Redis loses is lost: keep the append-only file
//! on, and know that a failover may forget the last moments, unless replicas are waited for.
//!
//! Every operation ends within the configured timeout, connecting included. An operation that
//! failed may have been carried out, so a caller who asks again may be charged twice; never too
//! little is counted. A connection that ended while nobody used it is no failure: the question goes
//! out again on a fresh one (see `redis/node.rs`).

mod access;
mod address;
mod cluster;
mod config;
mod node;
mod node_error;
mod one_key;
mod pool;
mod script;
mod sentinel;
mod value;

use std::sync::Arc;
use std::time::Duration;

use ::redis::{FromRedisValue, Value};
use bytes::Bytes;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use crate::check::{Check, CheckList, Outcome};
use crate::error::StoreError;
use crate::inspect::Inspection;
use crate::store::{Admin, Decide, Inspect, Lease, LeaseAsk, Refund, Unused};
use crate::stores::clock::Clock;
use crate::stores::key::StoredKey;
use crate::window::{Grant, Snapshot};
use access::Access;
use address::Layout;
use cluster::{Cluster, rounds, slots};
use node::{Node, Question, Settings};
use node_error::{NodeError, store_error};
use one_key::KeyCall;
use pool::Source;
use script::ScriptCall;
use sentinel::Sentinels;

pub use address::AddressError;
pub(crate) use address::{Address, FORMS};
pub use config::RedisConfig;

/// Asked for too seldom for Redis to remember it.
const INSPECT: &str = include_str!("redis/inspect.lua");

/// The script that decides checks, for benchmarks of Redis alone.
#[doc(hidden)]
pub const CHECK_SCRIPT: &str = script::SOURCE;

/// Its argument for these lists, whose keys it is called with.
#[doc(hidden)]
#[must_use]
pub fn check_argument(lists: &[CheckList]) -> Vec<u8> {
    ScriptCall::new(lists, None).packed()
}

/// About a millisecond of Redis's time.
const MOST_CHECKS_PER_CALL: usize = 128;

/// A [`Store`](crate::store::Store) in Redis. Clones share the connections.
#[derive(Clone)]
pub struct RedisStore {
    servers: Servers,
    timeout: Duration,
    clock: Option<Arc<dyn Clock>>,
}

/// Who is asked.
#[derive(Clone)]
enum Servers {
    One(Node),
    Cluster(Cluster),
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisStore")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl RedisStore {
    /// A store that starts to connect in the background. Call it in a Tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Config`] if the URL, the authorities or the number of connections make no
    /// sense.
    pub fn new(config: RedisConfig) -> Result<Self, StoreError> {
        let RedisConfig {
            url,
            authorities,
            wait_replicas: replicas,
            timeout,
            connections,
        } = config;
        if connections == 0 {
            return Err(StoreError::Config(
                "connections must be at least 1".to_owned(),
            ));
        }
        let address =
            Address::parse(&url).map_err(|error| StoreError::Config(error.to_string()))?;
        let access = Access::new(&address, authorities.as_deref())?;
        let settings = Settings {
            timeout,
            connections,
            replicas,
        };
        Ok(Self {
            servers: servers(address, access, settings)?,
            timeout,
            clock: None,
        })
    }

    /// As [`RedisStore::new`], with a clock instead of Redis's own, for tests only: it must show a
    /// time in the future, or Redis forgets every counter at once.
    ///
    /// # Errors
    /// As [`RedisStore::new`].
    pub fn with_clock(config: RedisConfig, clock: impl Clock) -> Result<Self, StoreError> {
        Ok(Self {
            clock: Some(Arc::new(clock)),
            ..Self::new(config)?
        })
    }

    /// Asks whether Redis answers, for readiness; in a cluster, the node of one slot.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let _: Value = self.command("PING", &::redis::cmd("PING"), 0).await?;
        Ok(())
    }

    /// Decides lists on one server, in one round trip.
    async fn evaluate<L: AsRef<[Check]>>(
        &self,
        node: &Node,
        asking: bool,
        lists: &[L],
        deadline: Instant,
    ) -> Result<Vec<Outcome>, NodeError> {
        let call = ScriptCall::new(lists, self.clock.as_deref().map(Clock::now_micros));
        let command = &call.by_hash();
        let by_hash = Question {
            name: "EVALSHA",
            batch: lists.len(),
            command,
            repeatable: true,
            asking,
        };
        let answer = node
            .ask_script(by_hash, || call.by_source(), deadline)
            .await?;
        let packed: Vec<u8> =
            ::redis::from_redis_value(answer).map_err(::redis::RedisError::from)?;
        Ok(script::outcomes(lists, &packed)?)
    }

    /// Decides lists whose keys all have one slot.
    async fn evaluate_slot(
        &self,
        cluster: &Cluster,
        slot: u16,
        lists: &[&[Check]],
        deadline: Instant,
    ) -> Result<Vec<Outcome>, StoreError> {
        let answers = chunks(lists).map(|chunk| {
            cluster.ask(slot, deadline, move |node, asking| async move {
                self.evaluate(&node, asking, chunk, deadline).await
            })
        });
        Ok(try_join_all(answers).await?.into_iter().flatten().collect())
    }

    /// A command about one key, or about none, that may be carried out twice.
    async fn command<T>(
        &self,
        name: &'static str,
        command: &::redis::Cmd,
        slot: u16,
    ) -> Result<T, StoreError>
    where
        T: FromRedisValue,
    {
        let deadline = self.deadline();
        let question = Question {
            name,
            batch: 1,
            command,
            repeatable: true,
            asking: false,
        };
        self.ask_owner(slot, deadline, |node, asking| async move {
            node.ask(Question { asking, ..question }, deadline).await
        })
        .await
    }

    /// Runs one of the scripts that are about a single key.
    async fn on_one_key<T: FromRedisValue>(&self, call: KeyCall) -> Result<T, StoreError> {
        let (now, deadline) = (
            self.clock.as_deref().map(Clock::now_micros),
            self.deadline(),
        );
        let (call, by_hash) = (&call, &call.by_hash(now));
        self.ask_owner(call.slot(), deadline, |node, asking| async move {
            let question = Question {
                name: "EVALSHA",
                batch: 1,
                command: by_hash,
                repeatable: call.is_repeatable(),
                asking,
            };
            node.ask_script(question, || call.by_source(now), deadline)
                .await
        })
        .await
    }

    /// Asks the server that holds a slot.
    async fn ask_owner<T, F>(
        &self,
        slot: u16,
        deadline: Instant,
        ask: impl Fn(Node, bool) -> F,
    ) -> Result<T, StoreError>
    where
        T: FromRedisValue,
        F: Future<Output = Result<Value, NodeError>>,
    {
        let answer = match &self.servers {
            Servers::One(node) => ask(node.clone(), false).await?,
            Servers::Cluster(cluster) => cluster.ask(slot, deadline, ask).await?,
        };
        ::redis::from_redis_value(answer).map_err(|error| StoreError::Protocol(error.to_string()))
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }
}

fn servers(address: Address, access: Access, settings: Settings) -> Result<Servers, StoreError> {
    let source = match address.layout {
        Layout::Cluster(seeds) => {
            return Ok(Servers::Cluster(Cluster::new(seeds, access, settings)));
        }
        Layout::Single(endpoint) => {
            let clients = access.clients(&endpoint);
            let clients = clients.map_err(|error| StoreError::Config(error.to_string()))?;
            Source::Server(Box::new(clients), endpoint)
        }
        Layout::Sentinel {
            sentinels,
            master,
            credentials,
        } => {
            let sentinels = Sentinels::new(sentinels, master, credentials, access);
            Source::Master(Arc::new(sentinels.map_err(store_error)?))
        }
    };
    Ok(Servers::One(Node::new(source, settings)))
}

/// Splits lists so that no script call runs long: Redis serves nobody else meanwhile.
fn chunks<L: AsRef<[Check]>>(lists: &[L]) -> impl Iterator<Item = &[L]> {
    let mut checks = 0;
    lists.chunk_by(move |list, next| {
        checks += list.as_ref().len();
        let together = checks + next.as_ref().len() <= MOST_CHECKS_PER_CALL;
        if !together {
            checks = 0;
        }
        together
    })
}

impl Decide for RedisStore {
    async fn check(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        let deadline = self.deadline();
        match &self.servers {
            Servers::One(node) => {
                let answers =
                    chunks(lists).map(|chunk| self.evaluate(node, false, chunk, deadline));
                Ok(try_join_all(answers).await?.into_iter().flatten().collect())
            }
            Servers::Cluster(cluster) => {
                rounds::decide(lists, |slot, runs| async move {
                    self.evaluate_slot(cluster, slot, &runs, deadline).await
                })
                .await
            }
        }
    }
}

impl Admin for RedisStore {
    async fn reset(&self, key: Bytes) -> Result<bool, StoreError> {
        let stored = StoredKey::new(&key);
        let mut delete = ::redis::cmd("DEL");
        delete.arg(stored.as_bytes());
        let deleted: u64 = self
            .command("DEL", &delete, slots::slot_of(stored.as_bytes()))
            .await?;
        Ok(deleted > 0)
    }

    async fn refund(&self, refund: Refund) -> Result<u64, StoreError> {
        if refund.cost == 0 {
            return Ok(0);
        }
        self.on_one_key(KeyCall::refund(&refund)).await
    }
}

impl Lease for RedisStore {
    async fn lease(&self, ask: LeaseAsk) -> Result<Grant, StoreError> {
        let Some(call) = KeyCall::lease(&ask) else {
            return Ok(Grant::default());
        };
        let (units, recorded, remaining) = self.on_one_key(call).await?;
        Ok(Grant {
            units,
            recorded,
            remaining,
        })
    }

    async fn give_back(&self, unused: Unused) -> Result<u64, StoreError> {
        self.on_one_key(KeyCall::give_back(&unused)).await
    }
}

impl Inspect for RedisStore {
    async fn inspect(&self, key: Bytes) -> Result<Inspection, StoreError> {
        let stored = StoredKey::new(&key);
        let mut command = ::redis::cmd("EVAL");
        command.arg(INSPECT).arg(1).arg(stored.as_bytes());
        let slot = slots::slot_of(stored.as_bytes());
        let (seconds, micros, value): (u64, u64, Option<Vec<u8>>) =
            self.command("EVAL", &command, slot).await?;
        let now = self
            .clock
            .as_deref()
            .map_or(seconds * 1_000_000 + micros, Clock::now_micros);
        let snapshot =
            value.map_or_else(|| Ok(Snapshot::default()), |value| value::read(&value, now))?;
        Ok(Inspection::exact(snapshot))
    }
}
