//! Finding the master through Sentinels.
//!
//! All Sentinels are asked at once, and the first whose master says itself that it is one is believed: one that is dead or
//! cut off costs nothing. (The library's own client asks them in turn.)
//!
//! In a planned failover the old master goes on as one for about ten seconds, and what it counts then is lost. So
//! every Sentinel is listened to: when one tells that the master has changed, all connections are replaced, and a
//! Sentinel that has not heard of it yet is not believed.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{join_all, select_ok};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, RedisError, RedisResult, TlsMode};
use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep, timeout};

use super::access::Access;
use super::address::{Credentials, Endpoint};

/// The channel on which a Sentinel tells `master-name old-ip old-port new-ip new-port`.
const SWITCHES: &str = "+switch-master";

/// Before a Sentinel that hung up is listened to again.
const BETWEEN_CALLS: Duration = Duration::from_secs(1);

/// The most it may take to be listened to.
const LONGEST_CALL: Duration = Duration::from_secs(2);

/// Sentinels tell each other of a new master every two seconds; after this none speaks of the old one by mistake.
const SETTLED: Duration = Duration::from_secs(10);

/// The Sentinels of one master.
pub(super) struct Sentinels {
    master: String,
    database: i64,
    /// A client per Sentinel, because one client asks its Sentinels in turn. Locked while it asks: it keeps a connection.
    askers: Vec<tokio::sync::Mutex<SentinelClient>>,
    listeners: Vec<Client>,
    /// The master that was replaced last, and when. Locked for a few instructions.
    replaced: Mutex<Option<(Endpoint, Instant)>>,
}

impl Sentinels {
    pub(super) fn new(
        endpoints: &[Endpoint],
        master: &str,
        credentials: &Credentials,
        access: &Access,
    ) -> RedisResult<Self> {
        let asker = |endpoint| {
            client(access.connection_addr(endpoint), master, credentials, access).map(tokio::sync::Mutex::new)
        };
        Ok(Self {
            master: master.to_owned(),
            database: access.database(),
            askers: endpoints.iter().map(asker).collect::<RedisResult<_>>()?,
            listeners: endpoints
                .iter()
                .map(|endpoint| access.client_as(endpoint, credentials, 0))
                .collect::<RedisResult<_>>()?,
            replaced: Mutex::default(),
        })
    }

    pub(super) fn master(&self) -> &str {
        &self.master
    }

    pub(super) fn database(&self) -> i64 {
        self.database
    }

    /// A connection to the present master.
    pub(super) async fn connect(&self, config: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
        let attempts = self.askers.iter().map(|asker| {
            Box::pin(async move {
                let client = asker.lock().await.async_get_client().await?;
                if self.is_replaced(client.get_connection_info().addr()) {
                    return Err(RedisError::from((ErrorKind::Io, "this Sentinel has not heard of the new master yet")));
                }
                client.get_multiplexed_async_connection_with_config(config).await
            })
        });
        let (connection, _) = select_ok(attempts).await?;
        Ok(connection)
    }

    /// Listens to all Sentinels, for ever, and calls `switched` when one tells of another master.
    pub(super) async fn listen(&self, switched: impl Fn()) {
        join_all(self.listeners.iter().map(|listener| self.listen_to(listener, &switched))).await;
    }

    async fn listen_to(&self, sentinel: &Client, switched: &impl Fn()) {
        loop {
            if let Ok(Ok(mut pubsub)) = timeout(LONGEST_CALL, subscribe(sentinel)).await {
                let mut messages = pubsub.on_message();
                while let Some(message) = messages.next().await {
                    if let Some(old) = message.get_payload::<String>().ok().and_then(|text| self.replaced_by(&text)) {
                        tracing::info!(master = self.master, left = %old, "the Sentinels have another master");
                        *self.replaced.lock() = Some((old, Instant::now()));
                        switched();
                    }
                }
            }
            sleep(BETWEEN_CALLS).await;
        }
    }

    /// The old master of a message, if it is about this one.
    fn replaced_by(&self, message: &str) -> Option<Endpoint> {
        // A name may hold blanks: read from the end.
        let mut words = message.rsplitn(5, ' ');
        let (_new_port, _new_host) = (words.next()?, words.next()?);
        let port = words.next()?.parse().ok()?;
        let host = words.next()?.to_owned();
        (words.next()? == self.master).then_some(Endpoint { host, port })
    }

    fn is_replaced(&self, address: &ConnectionAddr) -> bool {
        let (ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. }) = address else {
            return false;
        };
        let replaced = self.replaced.lock();
        replaced.as_ref().is_some_and(|(old, at)| old.host == *host && old.port == *port && at.elapsed() < SETTLED)
    }
}

async fn subscribe(sentinel: &Client) -> RedisResult<redis::aio::PubSub> {
    let mut pubsub = sentinel.get_async_pubsub().await?;
    pubsub.subscribe(SWITCHES).await?;
    Ok(pubsub)
}

fn client(
    sentinel: ConnectionAddr,
    master: &str,
    credentials: &Credentials,
    access: &Access,
) -> RedisResult<SentinelClient> {
    let mut builder = SentinelClientBuilder::new([sentinel], master, SentinelServerType::Master)?
        .set_client_to_redis_db(access.database());
    if let Some(username) = &access.credentials().username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = &access.credentials().password {
        builder = builder.set_client_to_redis_password(password.expose_secret());
    }
    if let Some(username) = &credentials.username {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = &credentials.password {
        builder = builder.set_client_to_sentinel_password(password.expose_secret());
    }
    if access.has_tls() {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = access.certificates() {
        builder = builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates);
    }
    builder.build()
}
