//! The limiters there are, while replicas come and go.
//!
//! A name stands for all its addresses, each a limiter of its own. Names are looked up every few
//! seconds, and at once when a limiter fails; what is gone gets no more calls, what is new gets its
//! share. A name that cannot be looked up, or has no address, changes nothing: limiters outlive a
//! hiccup of the name service.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Uri;

use super::address::{EndpointError, parse};
use super::endpoint::{Endpoint, EndpointMetrics};
use super::resolve::Resolve;

/// How soon a new replica gets calls, at the latest.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Failures of many calls at a time are one reason to look.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// A name service that takes longer has no answer.
const LONGEST_LOOK: Duration = Duration::from_secs(2);

/// Addresses of one name that are used: far more than one gateway needs, and a bound on its
/// connections.
const MOST_ADDRESSES: usize = 64;

type List = Arc<Vec<Arc<Endpoint>>>;

/// The limiters to choose from. Dropping it ends the looking.
#[derive(Debug)]
pub(super) struct Members {
    list: Arc<ArcSwap<Vec<Arc<Endpoint>>>>,
    /// Whether every name has been looked up once.
    looked: watch::Receiver<bool>,
    _stop: DropGuard,
}

impl Members {
    /// Starts to look the names up. Call it in a Tokio runtime.
    pub(super) fn new(
        given: &[String],
        timeout: Duration,
        resolver: Arc<dyn Resolve>,
        metrics: EndpointMetrics,
    ) -> Result<Self, EndpointError> {
        let origins = given
            .iter()
            .map(|given| Origin::new(given))
            .collect::<Result<Vec<_>, _>>()?;
        let list = Arc::new(ArcSwap::default());
        let (tell, looked) = watch::channel(false);
        let failed = Arc::new(Notify::new());
        let mut lookout = Lookout {
            origins,
            resolver,
            timeout,
            metrics,
            failed,
            list: Arc::clone(&list),
        };
        // Addresses need no looking up, and the first call no waiting.
        lookout.publish();
        let stop = CancellationToken::new();
        if lookout.origins.iter().any(|origin| origin.name.is_some()) {
            tokio::spawn(
                stop.clone()
                    .run_until_cancelled_owned(lookout.keep_looking(tell)),
            );
        } else {
            tell.send_replace(true);
        }
        Ok(Self {
            list,
            looked,
            _stop: stop.drop_guard(),
        })
    }

    /// All that are known now. Waits, until `deadline`, only for the first look.
    pub(super) async fn known(&self, deadline: Instant) -> List {
        let list = self.list.load_full();
        if !list.is_empty() || *self.looked.borrow() {
            return list;
        }
        let _ = timeout_at(deadline, self.looked.clone().wait_for(|looked| *looked)).await;
        self.list.load_full()
    }
}

/// What the configuration names.
#[derive(Debug)]
struct Origin {
    uri: Uri,
    /// Host and port to look up, unless it is an address.
    name: Option<(String, u16)>,
    addresses: Vec<SocketAddr>,
    /// Whether the last look failed: the log says it once.
    lost: bool,
}

impl Origin {
    fn new(given: &str) -> Result<Self, EndpointError> {
        let uri = parse(given)?;
        let host = uri
            .host()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned();
        let port = uri.port_u16().unwrap_or_default();
        let (name, addresses) = match host.parse::<IpAddr>() {
            Ok(address) => (None, vec![SocketAddr::new(address, port)]),
            Err(_) => (Some((host, port)), Vec::new()),
        };
        Ok(Self {
            uri,
            name,
            addresses,
            lost: false,
        })
    }

    async fn look(&mut self, resolver: &dyn Resolve) {
        let Some((host, port)) = &self.name else {
            return;
        };
        let found = timeout(LONGEST_LOOK, resolver.resolve(host.clone(), *port)).await;
        let cause = match found {
            Ok(Ok(found)) if !found.is_empty() => {
                self.addresses = found;
                self.addresses.sort_unstable();
                self.addresses.dedup();
                self.addresses.truncate(MOST_ADDRESSES);
                self.lost = false;
                return;
            }
            Ok(Ok(_)) => "it has no address".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {LONGEST_LOOK:?}"),
        };
        if !std::mem::replace(&mut self.lost, true) {
            let kept = self.addresses.len();
            tracing::warn!(
                host,
                cause,
                kept,
                "a limiter's name cannot be looked up; its known addresses stay"
            );
        }
    }
}

/// Looks names up and publishes what it finds.
struct Lookout {
    origins: Vec<Origin>,
    resolver: Arc<dyn Resolve>,
    timeout: Duration,
    metrics: EndpointMetrics,
    /// A limiter did not answer.
    failed: Arc<Notify>,
    list: Arc<ArcSwap<Vec<Arc<Endpoint>>>>,
}

impl Lookout {
    async fn keep_looking(mut self, looked: watch::Sender<bool>) {
        loop {
            let resolver = Arc::clone(&self.resolver);
            join_all(
                self.origins
                    .iter_mut()
                    .map(|origin| origin.look(&*resolver)),
            )
            .await;
            self.publish();
            looked.send_replace(true);
            sleep(BETWEEN_LOOKS).await;
            let _ = timeout(LOOK_EVERY - BETWEEN_LOOKS, self.failed.notified()).await;
        }
    }

    /// Makes endpoints for what is new, keeps those that stay, and forgets the rest: calls under
    /// way on them end as they do.
    fn publish(&mut self) {
        let old = self.list.load_full();
        let mut new: Vec<Arc<Endpoint>> = Vec::with_capacity(old.len());
        for origin in &self.origins {
            for &address in &origin.addresses {
                if new.iter().any(|endpoint| endpoint.address() == address) {
                    continue;
                }
                let known = old
                    .iter()
                    .find(|endpoint| endpoint.address() == address)
                    .cloned();
                new.push(known.unwrap_or_else(|| Arc::new(self.endpoint(address, &origin.uri))));
            }
        }
        let mut gone: Vec<SocketAddr> = old.iter().map(|endpoint| endpoint.address()).collect();
        gone.retain(|address| new.iter().all(|endpoint| endpoint.address() != *address));
        if gone.is_empty() && new.len() == old.len() {
            return;
        }
        tracing::info!(
            limiters = new.len(),
            gone = gone.len(),
            "the limiters have changed"
        );
        self.list.store(Arc::new(new));
        for address in gone {
            self.metrics.forget(address);
        }
    }

    fn endpoint(&self, address: SocketAddr, origin: &Uri) -> Endpoint {
        Endpoint::new(
            address,
            origin,
            self.timeout,
            Arc::clone(&self.failed),
            &self.metrics,
        )
    }
}
