//! The connection to one limiter, which is replaced when nothing is heard on it any more.
//!
//! HTTP/2's own pings find a connection that was cut off after some fifteen seconds. Until then
//! every call on it would wait for its time limit and be decided by the degraded mode, though the
//! limiter is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint as Address};
use weir_proto::limiter::v1::limiter_client::LimiterClient;

/// One connection, which is made when it is first used.
#[derive(Debug)]
pub(super) struct Connection {
    client: LimiterClient<Channel>,
    began: Instant,
    /// When an answer came last, in microseconds since it began.
    heard: AtomicU64,
}

impl Connection {
    fn new(address: &Address) -> Self {
        let client = LimiterClient::new(address.connect_lazy());
        Self {
            client,
            began: Instant::now(),
            heard: AtomicU64::new(0),
        }
    }

    /// To make calls on it.
    pub(super) fn client(&self) -> LimiterClient<Channel> {
        self.client.clone()
    }

    /// Notes that an answer came.
    pub(super) fn hear(&self) {
        self.heard
            .store(self.micros(Instant::now()), Ordering::Relaxed);
    }

    /// Whether an answer came after `moment`.
    pub(super) fn heard_since(&self, moment: Instant) -> bool {
        self.heard.load(Ordering::Relaxed) > self.micros(moment)
    }

    fn micros(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.began).as_micros()).unwrap_or(u64::MAX)
    }
}

/// The present connection to one address.
#[derive(Debug)]
pub(super) struct Connections {
    address: Address,
    current: ArcSwap<Connection>,
}

impl Connections {
    /// Must be called within a Tokio runtime.
    pub(super) fn new(address: Address) -> Self {
        let current = ArcSwap::from_pointee(Connection::new(&address));
        Self { address, current }
    }

    pub(super) fn current(&self) -> Arc<Connection> {
        self.current.load_full()
    }

    /// Another connection to the same address, which nobody else uses yet.
    pub(super) fn fresh(&self) -> Arc<Connection> {
        Arc::new(Connection::new(&self.address))
    }

    /// Puts a connection that answers in the place of one that does not, unless somebody has done
    /// so. Calls under way on the old one go on.
    pub(super) fn replace(&self, silent: &Arc<Connection>, answering: Arc<Connection>) {
        self.current.compare_and_swap(silent, answering);
    }
}
