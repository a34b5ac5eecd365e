//! A few connections, each shared by everybody.
//!
//! Commands of many tasks travel on one connection at the same time, so nobody waits for a free
//! one: the pool hands out clones in turn and only has to replace connections that broke. When one
//! breaks they usually all did (Redis went away), and a second caller should not have to find that
//! out again: all connections older than the failure are replaced.
//!
//! Redis, load balancers and NAT gateways end connections that nobody uses. An end that is told is
//! noticed when it happens (the library says so where RESP3 is spoken), and the connection is
//! replaced before anybody asks for it. For an end that is not told, each connection counts what
//! was heard on it: see `node.rs`.
//!
//! **Why a pool**, where nobody takes a connection for himself: bb8 does what a set of slots would
//! have to do as well. It makes connections in the background though nobody waits, one attempt at a
//! time for each place, goes on with one whose caller has given up, lets many callers wait for
//! whichever comes first, hands them out in turn, and looks at each before it does. What is written
//! here are only the answers to its questions: how to connect, and whether a connection is stale.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bb8::{ErrorSink, ManageConnection, RunError};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, PushInfo, PushKind, RedisError, RedisResult,
};
use tokio::sync::{Notify, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::address::Endpoint;
use super::node::Settings;
use super::node_error::store_error;
use super::sentinel::Sentinels;
use crate::error::StoreError;

/// Connecting goes on in the background when the operation that needed it has given up, so a server
/// that is far away is reached all the same.
const LONGEST_CONNECT: Duration = Duration::from_secs(1);

/// Between two rounds of replacing what has ended: a server that hangs up on everybody is not
/// flooded.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(100);

/// Where connections come from.
pub(super) enum Source {
    /// A server that stays the right one.
    Server(Box<Clients>, Endpoint),
    /// Whoever is the master of this name when a connection is made.
    Master(Arc<Sentinels>),
}

/// Clients of one server. Only RESP3 tells when a connection ends, and something in front of Redis
/// may not speak it.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) resp3: Client,
    pub(super) resp2: Client,
}

impl Clients {
    /// `ended` is called when the connection ends, if the server speaks RESP3.
    pub(super) async fn connect(
        &self,
        config: &AsyncConnectionConfig,
        ended: impl Fn() + Send + Sync + 'static,
    ) -> RedisResult<MultiplexedConnection> {
        let tell = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                ended();
            }
            Ok::<(), ()>(())
        };
        let telling = config.clone().set_push_sender(tell);
        match self
            .resp3
            .get_multiplexed_async_connection_with_config(&telling)
            .await
        {
            Err(error) if knows_no_resp3(&error) => {
                self.resp2
                    .get_multiplexed_async_connection_with_config(config)
                    .await
            }
            result => result,
        }
    }
}

/// Whether the server refused the greeting of RESP3 (`HELLO 3`): it has no such command or no such
/// version, or is something in front of Redis that says so in words of its own.
fn knows_no_resp3(error: &RedisError) -> bool {
    error.kind() == ErrorKind::RESP3NotSupported
        || error.code() == Some("NOPROTO")
        || error.detail().is_some_and(is_about_hello)
}

fn is_about_hello(detail: &str) -> bool {
    let detail = detail.to_ascii_lowercase();
    detail.contains("hello") && (detail.contains("unknown") || detail.contains("support"))
}

impl Source {
    fn server(&self) -> Server {
        match self {
            Self::Server(clients, endpoint) => {
                let database = clients.resp3.get_connection_info().redis_settings().db();
                Server {
                    address: endpoint.host.clone(),
                    port: Some(endpoint.port),
                    database: database.to_string(),
                }
            }
            Self::Master(sentinels) => Server {
                address: sentinels.master().to_owned(),
                port: None,
                database: sentinels.database().to_string(),
            },
        }
    }

    async fn connect(
        &self,
        config: &AsyncConnectionConfig,
        ended: impl Fn() + Send + Sync + 'static,
    ) -> RedisResult<MultiplexedConnection> {
        match self {
            Self::Server(clients, _) => clients.connect(config, ended).await,
            Self::Master(sentinels) => {
                sentinels
                    .master_clients()
                    .await?
                    .connect(config, ended)
                    .await
            }
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
    /// The last connection attempt that failed, so that waiting for a connection ends with the
    /// reason.
    failed: watch::Receiver<Option<RedisError>>,
    server: Arc<Server>,
    timeout: Duration,
    /// Ends what goes on in the background with the last clone.
    _stop: Arc<DropGuard>,
}

impl Pool {
    /// Starts to connect in the background.
    pub(super) fn new(source: Source, settings: Settings) -> Self {
        let server = Arc::new(source.server());
        let (failures, failed) = watch::channel(None);
        let (generation, ended) = (Arc::new(AtomicU64::default()), Arc::new(Notify::new()));
        let stop = CancellationToken::new();
        if let Source::Master(sentinels) = &source {
            listen(
                Arc::clone(sentinels),
                Arc::clone(&generation),
                Arc::clone(&ended),
                stop.clone(),
            );
        }
        let connector = Connector {
            source,
            generation,
            ended: Arc::clone(&ended),
            timeout: settings.timeout,
        };
        let connections = bb8::Pool::builder()
            .max_size(settings.connections)
            .min_idle(settings.connections)
            .max_lifetime(None)
            .idle_timeout(None)
            .connection_timeout(settings.timeout)
            .retry_connection(false)
            .error_sink(Box::new(Failures(failures)))
            .build_unchecked(connector);
        tokio::spawn(
            stop.clone()
                .run_until_cancelled_owned(keep_full(connections.clone(), ended)),
        );
        let timeout = settings.timeout;
        Self {
            connections,
            failed,
            server,
            timeout,
            _stop: Arc::new(stop.drop_guard()),
        }
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// A connection of the caller's own that was made just now: the server has greeted it.
    pub(super) async fn fresh(&self) -> Result<Connection, StoreError> {
        self.connections
            .dedicated_connection()
            .await
            .map_err(|error| match error {
                ConnectError::Stale => StoreError::Timeout(self.timeout),
                ConnectError::Redis(error) => store_error(error),
            })
    }

    /// The next connection in turn.
    pub(super) async fn get(&self) -> Result<Connection, StoreError> {
        let mut failed = self.failed.clone();
        failed.mark_unchanged();
        tokio::select! {
            biased;
            connection = self.connections.get() => match connection {
                Ok(connection) => Ok(connection.clone()),
                Err(RunError::TimedOut | RunError::User(ConnectError::Stale)) => {
                    Err(StoreError::Timeout(self.timeout))
                }
                Err(RunError::User(ConnectError::Redis(error))) => Err(store_error(error)),
            },
            Ok(()) = failed.changed() => {
                let error = failed.borrow().clone();
                Err(error.map_or(StoreError::Timeout(self.timeout), store_error))
            }
        }
    }
}

/// Has all connections replaced when the master changes.
fn listen(
    sentinels: Arc<Sentinels>,
    generation: Arc<AtomicU64>,
    ended: Arc<Notify>,
    stop: CancellationToken,
) {
    let switched = move || {
        generation.fetch_add(1, Ordering::Relaxed);
        ended.notify_one();
    };
    let listening = async move { sentinels.listen(switched).await };
    tokio::spawn(stop.run_until_cancelled_owned(listening));
}

/// Replaces connections that have ended, for ever: whoever asks next need not wait for a new one.
async fn keep_full(connections: bb8::Pool<Connector>, ended: Arc<Notify>) {
    loop {
        ended.notified().await;
        tracing::debug!("a connection to Redis has ended: it is replaced");
        // The pool hands them out in turn, and looks at each before it does.
        for _ in 0..connections.state().connections.max(1) {
            if connections.get().await.is_err() {
                break;
            }
        }
        tokio::time::sleep(BETWEEN_ROUNDS).await;
    }
}

/// A shared connection. Clones are the same one.
#[derive(Clone)]
pub(super) struct Connection {
    redis: MultiplexedConnection,
    generation: u64,
    current: Arc<AtomicU64>,
    signs: Arc<Signs>,
}

/// What is known of a connection without asking.
#[derive(Debug, Default)]
struct Signs {
    /// It was told to have ended.
    ended: AtomicBool,
    /// Answers so far.
    heard: AtomicU64,
}

impl Connection {
    pub(super) fn redis(&mut self) -> &mut MultiplexedConnection {
        &mut self.redis
    }

    /// Answers that came on this connection so far: while the number stays, nothing was heard.
    pub(super) fn heard(&self) -> u64 {
        self.signs.heard.load(Ordering::Relaxed)
    }

    /// Counts an answer.
    pub(super) fn hear(&self) {
        self.signs.heard.fetch_add(1, Ordering::Relaxed);
    }

    /// Has this connection and all that are as old replaced.
    pub(super) fn give_up(&self) {
        // Fails if another caller has said so already.
        let next = self.generation + 1;
        let _ = self.current.compare_exchange(
            self.generation,
            next,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    fn is_stale(&self) -> bool {
        self.signs.ended.load(Ordering::Relaxed)
            || self.generation != self.current.load(Ordering::Relaxed)
    }
}

struct Connector {
    source: Source,
    /// Rises with every failure; connections of an older generation are not used again.
    generation: Arc<AtomicU64>,
    /// Told of every connection that ends.
    ended: Arc<Notify>,
    timeout: Duration,
}

#[derive(Debug)]
enum ConnectError {
    /// It has ended, or belongs to an older generation.
    Stale,
    Redis(RedisError),
}

impl ManageConnection for Connector {
    type Connection = Connection;
    type Error = ConnectError;

    async fn connect(&self) -> Result<Connection, ConnectError> {
        let generation = self.generation.load(Ordering::Relaxed);
        let longest = self.timeout.max(LONGEST_CONNECT);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(longest))
            .set_response_timeout(None); // every operation has its own deadline
        let signs = Arc::new(Signs::default());
        let (state, ended) = (Arc::clone(&signs), Arc::clone(&self.ended));
        let on_end = move || {
            state.ended.store(true, Ordering::Relaxed);
            ended.notify_one();
        };
        // Sentinels are asked one after the other for several things, each with a limit of its own:
        // one for all of it.
        let redis = tokio::time::timeout(longest, self.source.connect(&config, on_end))
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
            .map_err(ConnectError::Redis)?;
        Ok(Connection {
            redis,
            generation,
            current: Arc::clone(&self.generation),
            signs,
        })
    }

    async fn is_valid(&self, connection: &mut Connection) -> Result<(), ConnectError> {
        if connection.is_stale() {
            Err(ConnectError::Stale)
        } else {
            Ok(())
        }
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
