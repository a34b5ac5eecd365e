//! A Redis Cluster: every slot's node, redirections, and a map that is looked at again when it
//! proves wrong.
//!
//! Each node has a pool of its own, so a node that is dead or silent delays nobody who asks another
//! one. (The library's cluster client stops all requests while it repairs one node, and takes a
//! silent node for a slow one for ever.) The map comes from whichever node answers first. It is
//! asked for again when a node redirects, breaks, stays silent or says that it is no master, at
//! most ten times a second, and never while a caller waits for it, except for the first.

pub(super) mod rounds;
pub(super) mod slots;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_ok;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::access::Access;
use super::address::Endpoint;
use super::node::{Node, Settings};
use super::node_error::{NodeError, store_error};
use super::pool::Source;
use crate::error::StoreError;
use slots::{Range, SLOTS};

/// Redirections one question follows. A slot that moves takes one or two.
const MOST_REDIRECTIONS: usize = 5;

/// Between looks at the map: a failover is found this soon after it, and a broken cluster is not
/// flooded.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// The most one node may take to tell the map, connecting included. All nodes are asked at once.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// While some keys of a slot have moved and others have not, a question about both has to wait for
/// the rest.
const BETWEEN_TRIES: Duration = Duration::from_millis(2);

/// A cluster. Clones share everything.
#[derive(Clone)]
pub(super) struct Cluster {
    state: Arc<State>,
    _stop_looking: Arc<DropGuard>,
}

struct State {
    access: Access,
    settings: Settings,
    seeds: Vec<Endpoint>,
    view: watch::Sender<View>,
    /// Every node that is asked. Locked for a few instructions, never across an await.
    nodes: Mutex<HashMap<Endpoint, Node>>,
    /// Somebody found the map wrong.
    stale: Notify,
}

/// What is known of the cluster.
#[derive(Clone, Default)]
struct View {
    map: Option<Arc<Map>>,
    /// Why the last look brought none.
    error: Option<Arc<StoreError>>,
}

/// Who has which slot.
#[derive(Clone)]
struct Map {
    /// By slot, an index into `masters`.
    owners: Vec<Option<u16>>,
    masters: Vec<Endpoint>,
    replicas: Vec<Endpoint>,
}

impl Cluster {
    /// Starts to look for the map in the background. Call it in a Tokio runtime.
    pub(super) fn new(seeds: Vec<Endpoint>, access: Access, settings: Settings) -> Self {
        let state = Arc::new(State {
            access,
            settings,
            seeds,
            view: watch::Sender::new(View::default()),
            nodes: Mutex::default(),
            stale: Notify::new(),
        });
        let stop = CancellationToken::new();
        let look = Arc::clone(&state).keep_looking();
        tokio::spawn(stop.clone().run_until_cancelled_owned(look));
        Self {
            state,
            _stop_looking: Arc::new(stop.drop_guard()),
        }
    }

    /// Asks the node of `slot`, and where it points to. `ask` gets the node and whether it has to
    /// be told that the slot is on its way to it.
    pub(super) async fn ask<T, F>(
        &self,
        slot: u16,
        deadline: Instant,
        ask: impl Fn(Node, bool) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, NodeError>>,
    {
        let mut endpoint = self.state.master_by(slot, deadline).await?;
        let mut asking = false;
        let mut redirections = 0;
        loop {
            match ask(self.state.node(&endpoint)?, asking).await {
                Ok(answer) => return Ok(answer),
                Err(NodeError::Moved(to)) if redirections < MOST_REDIRECTIONS => {
                    endpoint = redirected(&to, &endpoint)?;
                    self.state.moved(slot, &endpoint);
                    asking = false;
                    redirections += 1;
                }
                Err(NodeError::Ask(to)) if redirections < MOST_REDIRECTIONS => {
                    endpoint = redirected(&to, &endpoint)?;
                    asking = true;
                    redirections += 1;
                }
                Err(NodeError::TryAgain) => {
                    sleep_until(deadline.min(Instant::now() + BETWEEN_TRIES)).await;
                    if Instant::now() >= deadline {
                        return Err(self.state.late());
                    }
                    // The rest of the keys may have arrived, or the whole slot.
                    endpoint = self.state.master_by(slot, deadline).await?;
                    asking = false;
                }
                Err(NodeError::Moved(_) | NodeError::Ask(_)) => {
                    self.state.stale.notify_one();
                    let text =
                        "the cluster's nodes redirect in a circle: do they agree on their slots?";
                    return Err(StoreError::Refused(text.to_owned()));
                }
                Err(failure) => {
                    let error = StoreError::from(failure);
                    if may_be_the_map(&error) {
                        self.state.stale.notify_one();
                    }
                    return Err(error);
                }
            }
        }
    }
}

/// Whether another node may have the slot by now.
fn may_be_the_map(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Timeout(_) | StoreError::Unavailable(_) | StoreError::Refused(_)
    )
}

fn redirected(text: &str, from: &Endpoint) -> Result<Endpoint, StoreError> {
    slots::redirected(text, from)
        .ok_or_else(|| StoreError::Protocol(format!("a redirection to {text:?}")))
}

impl State {
    fn late(&self) -> StoreError {
        StoreError::Timeout(self.settings.timeout)
    }

    /// The node of a slot, if it is known by `deadline`.
    async fn master_by(&self, slot: u16, deadline: Instant) -> Result<Endpoint, StoreError> {
        timeout_at(deadline, self.master_of(slot))
            .await
            .unwrap_or_else(|_| Err(self.late()))
    }

    async fn master_of(&self, slot: u16) -> Result<Endpoint, StoreError> {
        let map = self.map().await?;
        let owner =
            map.owners[usize::from(slot)].and_then(|owner| map.masters.get(usize::from(owner)));
        owner.cloned().ok_or_else(|| {
            self.stale.notify_one();
            StoreError::Refused(format!("no node of the cluster has slot {slot}"))
        })
    }

    /// The map. Only the first one is waited for.
    async fn map(&self) -> Result<Arc<Map>, StoreError> {
        let mut view = self.view.subscribe();
        let view = view
            .wait_for(|view| view.map.is_some() || view.error.is_some())
            .await
            .map_err(|_| StoreError::Unavailable("the store was closed".into()))?;
        match (&view.map, &view.error) {
            (Some(map), _) => Ok(Arc::clone(map)),
            (None, error) => {
                self.stale.notify_one();
                Err(error.as_deref().map_or_else(
                    || StoreError::Unavailable("no map".into()),
                    StoreError::duplicate,
                ))
            }
        }
    }

    fn node(&self, endpoint: &Endpoint) -> Result<Node, StoreError> {
        let mut nodes = self.nodes.lock();
        if let Some(node) = nodes.get(endpoint) {
            return Ok(node.clone());
        }
        let clients = self.access.clients(endpoint).map_err(store_error)?;
        let node = Node::new(
            Source::Server(Box::new(clients), endpoint.clone()),
            self.settings,
        );
        nodes.insert(endpoint.clone(), node.clone());
        Ok(node)
    }

    /// Notes who has a slot now. The next look may know of more.
    fn moved(&self, slot: u16, to: &Endpoint) {
        self.view.send_if_modified(|view| {
            let Some(map) = &mut view.map else {
                return false;
            };
            let map = Arc::make_mut(map);
            let index = map
                .masters
                .iter()
                .position(|master| master == to)
                .unwrap_or_else(|| {
                    map.masters.push(to.clone());
                    map.masters.len() - 1
                });
            map.owners[usize::from(slot)] = u16::try_from(index).ok();
            true
        });
        self.stale.notify_one();
    }

    async fn keep_looking(self: Arc<Self>) {
        loop {
            match self.look().await {
                Ok(ranges) => self.learn(&ranges),
                Err(error) => {
                    tracing::debug!(
                        cause = crate::error::with_causes(&error),
                        "no node tells the cluster's slots"
                    );
                    self.view
                        .send_modify(|view| view.error = Some(Arc::new(error)));
                }
            }
            sleep(BETWEEN_LOOKS).await;
            self.stale.notified().await;
        }
    }

    /// Asks every node that is known for the map; the first answer counts.
    async fn look(&self) -> Result<Vec<Range>, StoreError> {
        let mut endpoints: BTreeSet<Endpoint> = self.seeds.iter().cloned().collect();
        if let Some(map) = &self.view.borrow().map {
            endpoints.extend(map.masters.iter().chain(&map.replicas).cloned());
        }
        let mut looks = Vec::with_capacity(endpoints.len());
        for endpoint in &endpoints {
            looks.push(Box::pin(async move {
                timeout(LONGEST_LOOK, self.look_at(endpoint))
                    .await
                    .unwrap_or(Err(StoreError::Timeout(LONGEST_LOOK)))
            }));
        }
        Ok(select_ok(looks).await?.0)
    }

    async fn look_at(&self, endpoint: &Endpoint) -> Result<Vec<Range>, StoreError> {
        let client = self.access.client(endpoint).map_err(store_error)?;
        let mut connection = client
            .get_multiplexed_async_connection()
            .await
            .map_err(store_error)?;
        let answer = redis::cmd("CLUSTER")
            .arg("SLOTS")
            .query_async(&mut connection)
            .await
            .map_err(|error| {
                if error.to_string().contains("cluster support disabled") {
                    return StoreError::Config(format!(
                        "{endpoint} is no node of a Redis Cluster: use redis://"
                    ));
                }
                store_error(error)
            })?;
        let ranges = slots::ranges(&answer, endpoint).ok_or_else(|| {
            StoreError::Protocol("CLUSTER SLOTS was answered with something else".to_owned())
        })?;
        if ranges.is_empty() {
            return Err(StoreError::Refused(
                "the cluster has given no slot to any node yet".to_owned(),
            ));
        }
        Ok(ranges)
    }

    fn learn(&self, ranges: &[Range]) {
        let mut map = Map {
            owners: vec![None; usize::from(SLOTS)],
            masters: Vec::new(),
            replicas: Vec::new(),
        };
        for range in ranges {
            let index = map
                .masters
                .iter()
                .position(|master| *master == range.master)
                .unwrap_or_else(|| {
                    map.masters.push(range.master.clone());
                    map.masters.len() - 1
                });
            map.owners[usize::from(range.first)..=usize::from(range.last)]
                .fill(u16::try_from(index).ok());
            map.replicas.extend(range.replicas.iter().cloned());
        }
        // Connections to nodes that have no slot any more are closed.
        self.nodes
            .lock()
            .retain(|endpoint, _| map.masters.contains(endpoint));
        self.view.send_replace(View {
            map: Some(Arc::new(map)),
            error: None,
        });
    }
}
