//! A few connections, each shared by everybody.
//!
//! Commands of many tasks travel on one connection at the same time, so nobody waits for a free one: the pool hands out
//! clones in turn and only has to replace connections that broke. When one breaks they usually all did (Redis went
//! away), and a second caller should not have to find that out again: all connections older than the failure are
//! replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bb8::{ErrorSink, ManageConnection, RunError};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::address::Endpoint;
use super::failure::store_error;
use super::node::Settings;
use super::sentinel::Sentinels;
use crate::store::StoreError;

/// Connecting goes on in the background when the operation that needed it has given up, so a server that is far away
/// is reached all the same.
const LONGEST_CONNECT: Duration = Duration::from_secs(1);

/// Where connections come from.
pub(super) enum Source {
    /// A server that stays the right one.
    Server(Box<Client>, Endpoint),
    /// Whoever is the master of this name when a connection is made.
    Master(Arc<Sentinels>),
}

impl Source {
    fn server(&self) -> Server {
        match self {
            Self::Server(client, endpoint) => {
                let database = client.get_connection_info().redis_settings().db().to_string();
                Server { address: endpoint.host.clone(), port: Some(endpoint.port), database }
            }
            Self::Master(sentinels) => Server {
                address: sentinels.master().to_owned(),
                port: None,
                database: sentinels.database().to_string(),
            },
        }
    }

    async fn connect(&self, config: &AsyncConnectionConfig) -> Result<MultiplexedConnection, RedisError> {
        match self {
            Self::Server(client, _) => client.get_multiplexed_async_connection_with_config(config).await,
            Self::Master(sentinels) => sentinels.connect(config).await,
        }
    }
}

/// Where the connections lead, for spans.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: String,
    pub(super) port: Option<u16>,
    /// The number of the database, as text.
    pub(super) database: String,
}

#[derive(Clone)]
pub(super) struct Pool {
    connections: bb8::Pool<Connector>,
    /// The last connection attempt that failed, so that waiting for a connection ends with the reason.
    failed: watch::Receiver<Option<RedisError>>,
    server: Arc<Server>,
    timeout: Duration,
    /// Ends the listening to Sentinels with the last clone.
    _stop_listening: Option<Arc<DropGuard>>,
}

impl Pool {
    /// Starts to connect in the background.
    pub(super) fn new(source: Source, settings: Settings) -> Self {
        let server = Arc::new(source.server());
        let (failures, failed) = watch::channel(None);
        let generation = Arc::new(AtomicU64::default());
        let stop_listening = match &source {
            Source::Server(..) => None,
            Source::Master(sentinels) => Some(Arc::new(listen(Arc::clone(sentinels), Arc::clone(&generation)))),
        };
        let connections = bb8::Pool::builder()
            .max_size(settings.connections)
            .min_idle(settings.connections)
            .max_lifetime(None)
            .idle_timeout(None)
            .connection_timeout(settings.timeout)
            .retry_connection(false)
            .error_sink(Box::new(Failures(failures)))
            .build_unchecked(Connector { source, generation, timeout: settings.timeout });
        Self { connections, failed, server, timeout: settings.timeout, _stop_listening: stop_listening }
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// The next connection in turn.
    pub(super) async fn get(&self) -> Result<Connection, StoreError> {
        let mut failed = self.failed.clone();
        failed.mark_unchanged();
        tokio::select! {
            biased;
            connection = self.connections.get() => match connection {
                Ok(connection) => Ok(connection.clone()),
                Err(RunError::TimedOut | RunError::User(ConnectError::Stale)) => Err(StoreError::Timeout(self.timeout)),
                Err(RunError::User(ConnectError::Redis(error))) => Err(store_error(error)),
            },
            Ok(()) = failed.changed() => {
                let error = failed.borrow().clone();
                Err(error.map_or(StoreError::Timeout(self.timeout), store_error))
            }
        }
    }
}

/// Has all connections replaced when the master changes, until the guard is dropped.
fn listen(sentinels: Arc<Sentinels>, generation: Arc<AtomicU64>) -> DropGuard {
    let stop = CancellationToken::new();
    let switched = move || {
        generation.fetch_add(1, Ordering::Relaxed);
    };
    let listening = async move { sentinels.listen(switched).await };
    tokio::spawn(stop.clone().run_until_cancelled_owned(listening));
    stop.drop_guard()
}

/// A shared connection. Clones are the same one.
#[derive(Clone)]
pub(super) struct Connection {
    redis: MultiplexedConnection,
    generation: u64,
    current: Arc<AtomicU64>,
}

impl Connection {
    pub(super) fn redis(&mut self) -> &mut MultiplexedConnection {
        &mut self.redis
    }

    /// Has this connection and all that are as old replaced.
    pub(super) fn give_up(&self) {
        // Fails if another caller has said so already.
        let next = self.generation + 1;
        let _ = self.current.compare_exchange(self.generation, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn is_stale(&self) -> bool {
        self.generation != self.current.load(Ordering::Relaxed)
    }
}

struct Connector {
    source: Source,
    /// Rises with every failure; connections of an older generation are not used again.
    generation: Arc<AtomicU64>,
    timeout: Duration,
}

#[derive(Debug)]
enum ConnectError {
    /// Belongs to an older generation.
    Stale,
    Redis(RedisError),
}

impl ManageConnection for Connector {
    type Connection = Connection;
    type Error = ConnectError;

    async fn connect(&self) -> Result<Connection, ConnectError> {
        let generation = self.generation.load(Ordering::Relaxed);
        let longest = self.timeout.max(LONGEST_CONNECT);
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(longest)).set_response_timeout(None); // every operation has its own deadline
        // Sentinels are asked one after the other for several things, each with a limit of its own: one for all of it.
        let redis = tokio::time::timeout(longest, self.source.connect(&config)).await;
        let late = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        let redis = redis.map_err(late).flatten().map_err(ConnectError::Redis)?;
        Ok(Connection { redis, generation, current: Arc::clone(&self.generation) })
    }

    async fn is_valid(&self, connection: &mut Connection) -> Result<(), ConnectError> {
        if connection.is_stale() { Err(ConnectError::Stale) } else { Ok(()) }
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.is_stale()
    }
}

/// Tells everybody who waits for a connection that an attempt failed.
#[derive(Debug, Clone)]
struct Failures(watch::Sender<Option<RedisError>>);

impl ErrorSink<ConnectError> for Failures {
    fn sink(&self, error: ConnectError) {
        if let ConnectError::Redis(error) = error {
            self.0.send_replace(Some(error));
        }
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<ConnectError>> {
        Box::new(self.clone())
    }
}
