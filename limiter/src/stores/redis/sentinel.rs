//! Finding the master through Sentinels.
//!
//! All Sentinels are asked at once, and the first whose master says itself that it is one is
//! believed: one that is dead or cut off costs nothing. (The library's own client asks them in
//! turn.)
//!
//! In a planned failover the old master goes on as one for about ten seconds, and what it counts
//! then is lost. So every Sentinel is listened to: when one tells that the master has changed, all
//! connections are replaced, and a Sentinel that has not heard of it yet is not believed.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{join_all, select_ok};
use parking_lot::Mutex;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{Client, ConnectionAddr, ErrorKind, ProtocolVersion, RedisError, RedisResult, TlsMode};
use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep, timeout};

use super::access::Access;
use super::address::{Credentials, Endpoint};
use super::pool::Clients;

/// The channel on which a Sentinel tells `master-name old-ip old-port new-ip new-port`.
const SWITCHES: &str = "+switch-master";

/// Before a Sentinel that hung up is listened to again.
const BETWEEN_CALLS: Duration = Duration::from_secs(1);

/// The most it may take to be listened to.
const LONGEST_CALL: Duration = Duration::from_secs(2);

/// Sentinels tell each other of a new master every two seconds; after this none speaks of the old
/// one by mistake.
const SETTLED: Duration = Duration::from_secs(10);

/// The Sentinels of one master.
pub(super) struct Sentinels {
    master: String,
    endpoints: Vec<Endpoint>,
    /// How to enter the Sentinels.
    credentials: Credentials,
    /// How to enter the master.
    access: Access,
    listeners: Vec<Client>,
    /// The master that was replaced last, and when. Locked for a few instructions.
    replaced: Mutex<Option<(Endpoint, Instant)>>,
}

impl Sentinels {
    pub(super) fn new(
        endpoints: Vec<Endpoint>,
        master: String,
        credentials: Credentials,
        access: Access,
    ) -> RedisResult<Self> {
        let listener =
            |endpoint| access.client_as(endpoint, &credentials, 0, ProtocolVersion::RESP2);
        let listeners = endpoints.iter().map(listener).collect::<RedisResult<_>>()?;
        let sentinels = Self {
            master,
            endpoints,
            credentials,
            access,
            listeners,
            replaced: Mutex::default(),
        };
        // What is wrong with the settings shows at the start.
        sentinels
            .endpoints
            .iter()
            .try_for_each(|endpoint| sentinels.asker(endpoint).map(drop))?;
        Ok(sentinels)
    }

    pub(super) fn master(&self) -> &str {
        &self.master
    }

    pub(super) fn database(&self) -> i64 {
        self.access.database()
    }

    /// Clients of the present master. No Sentinel's connection is kept: it would be used again
    /// after hours, and may have been cut off meanwhile without a word.
    pub(super) async fn master_clients(&self) -> RedisResult<Clients> {
        let attempts = self
            .endpoints
            .iter()
            .map(|endpoint| Box::pin(self.ask(endpoint)));
        let (master, _) = select_ok(attempts).await?;
        self.access.clients(&master)
    }

    /// What one Sentinel takes for the master, if that says so itself.
    async fn ask(&self, sentinel: &Endpoint) -> RedisResult<Endpoint> {
        let client = self.asker(sentinel)?.async_get_client().await?;
        let (ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. }) =
            client.get_connection_info().addr()
        else {
            return Err(RedisError::from((
                ErrorKind::Parse,
                "the master has no host and port",
            )));
        };
        let master = Endpoint {
            host: host.clone(),
            port: *port,
        };
        if self.is_replaced(&master) {
            return Err(RedisError::from((
                ErrorKind::Io,
                "this Sentinel has not heard of the new master yet",
            )));
        }
        Ok(master)
    }

    fn asker(&self, sentinel: &Endpoint) -> RedisResult<SentinelClient> {
        let address = self.access.connection_addr(sentinel);
        let mut builder =
            SentinelClientBuilder::new([address], &self.master, SentinelServerType::Master)?
                .set_client_to_redis_db(self.access.database());
        let (master, sentinel) = (self.access.credentials(), &self.credentials);
        if let Some(username) = &master.username {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = &master.password {
            builder = builder.set_client_to_redis_password(password.expose_secret());
        }
        if let Some(username) = &sentinel.username {
            builder = builder.set_client_to_sentinel_username(username);
        }
        if let Some(password) = &sentinel.password {
            builder = builder.set_client_to_sentinel_password(password.expose_secret());
        }
        if self.access.has_tls() {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = self.access.certificates() {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
        builder.build()
    }

    /// Listens to all Sentinels, for ever, and calls `switched` when one tells of another master.
    pub(super) async fn listen(&self, switched: impl Fn()) {
        join_all(
            self.listeners
                .iter()
                .map(|listener| self.listen_to(listener, &switched)),
        )
        .await;
    }

    async fn listen_to(&self, sentinel: &Client, switched: &impl Fn()) {
        let mut was_deaf = false;
        loop {
            if let Ok(Ok(mut pubsub)) = timeout(LONGEST_CALL, subscribe(sentinel)).await {
                if was_deaf {
                    // What was told meanwhile was not heard: new connections find the master anew.
                    switched();
                }
                let mut messages = pubsub.on_message();
                while let Some(message) = messages.next().await {
                    if let Some(old) = message
                        .get_payload::<String>()
                        .ok()
                        .and_then(|text| self.replaced_by(&text))
                    {
                        tracing::info!(
                            master = self.master,
                            left = %old,
                            "the Sentinels have another master"
                        );
                        *self.replaced.lock() = Some((old, Instant::now()));
                        switched();
                    }
                }
            }
            was_deaf = true;
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

    fn is_replaced(&self, master: &Endpoint) -> bool {
        let replaced = self.replaced.lock();
        replaced
            .as_ref()
            .is_some_and(|(old, at)| old == master && at.elapsed() < SETTLED)
    }
}

async fn subscribe(sentinel: &Client) -> RedisResult<redis::aio::PubSub> {
    let mut pubsub = sentinel.get_async_pubsub().await?;
    pubsub.subscribe(SWITCHES).await?;
    Ok(pubsub)
}
