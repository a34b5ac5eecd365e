//! A Redis Cluster of real servers.

use std::time::{Duration, Instant};

use super::{Redis, START_LIMIT};
use crate::certificates::Certificates;
use crate::wait::free_port;

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;

/// Three masters, each with one replica or none; ends when dropped.
#[derive(Debug)]
pub struct RedisCluster {
    /// Masters first; then the replica of each, in the same order.
    nodes: Vec<Redis>,
    tls: bool,
}

impl RedisCluster {
    /// Starts three masters and three replicas. A node is held for dead after `node_timeout`.
    ///
    /// # Panics
    /// If they do not become a cluster.
    #[must_use]
    pub fn start(node_timeout: Duration) -> Self {
        Self::launch(
            true,
            None,
            &[
                "--cluster-node-timeout",
                &node_timeout.as_millis().to_string(),
            ],
        )
    }

    /// Starts three masters that speak TLS, among themselves too.
    ///
    /// # Panics
    /// As [`RedisCluster::start`].
    #[must_use]
    pub fn start_with_tls(certificates: &Certificates, arguments: &[&str]) -> Self {
        Self::launch(false, Some(certificates), arguments)
    }

    /// `redis-cluster://127.0.0.1:PORT,…` with all nodes.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls {
            "rediss-cluster"
        } else {
            "redis-cluster"
        };
        let nodes: Vec<String> = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port()))
            .collect();
        format!("{scheme}://{}", nodes.join(","))
    }

    /// Every node: masters first, then the replica of each.
    #[must_use]
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// Has a node say that its clients reach it at another port of this machine, such as a proxy's.
    ///
    /// # Panics
    /// If the node refuses, or the others do not hear of it.
    pub fn announce(&self, index: usize, port: u16) {
        let () = self.nodes[index].run(&format!("CONFIG SET cluster-announce-port {port}"));
        let known = format!(":{port}@");
        until("all nodes know the port", || {
            let knows = |node: &Redis| node.run::<String>("CLUSTER NODES").contains(&known);
            self.nodes.iter().all(knows)
        });
    }

    /// One node, to be killed.
    pub fn node(&mut self, index: usize) -> &mut Redis {
        &mut self.nodes[index]
    }

    /// The index of the master that had the slot at the start.
    #[must_use]
    pub fn first_master_of(&self, slot: u16) -> usize {
        usize::from(slot) * MASTERS / SLOTS
    }

    /// Waits until a node says that it is a master.
    ///
    /// # Panics
    /// If it does not become one.
    pub fn wait_until_master(&self, index: usize) {
        let node = &self.nodes[index];
        until("a replica becomes master", || {
            node.info("replication", "role").as_deref() == Some("master")
                && node
                    .run::<String>("CLUSTER INFO")
                    .contains("cluster_state:ok")
        });
    }

    /// Moves a slot with all its keys, one key at a time, as `redis-cli --cluster reshard` does.
    ///
    /// # Panics
    /// If a node refuses a step.
    pub fn move_slot(&self, slot: u16, from: usize, to: usize) {
        let (source, target) = (&self.nodes[from], &self.nodes[to]);
        let (source_id, target_id) = (id(source), id(target));
        let () = target.run(&format!("CLUSTER SETSLOT {slot} IMPORTING {source_id}"));
        let () = source.run(&format!("CLUSTER SETSLOT {slot} MIGRATING {target_id}"));
        loop {
            let keys: Vec<String> = source.run(&format!("CLUSTER GETKEYSINSLOT {slot} 1"));
            let Some(key) = keys.first() else { break };
            // Gone meanwhile is NOKEY: nothing is left of it.
            let _: String = source.run(&format!(
                "MIGRATE 127.0.0.1 {} {key} 0 10000",
                target.port()
            ));
        }
        // The target first, as redis-cli does: it takes a higher epoch.
        let others = self
            .nodes
            .iter()
            .take(MASTERS)
            .filter(|node| ![source.port(), target.port()].contains(&node.port()));
        for node in [target, source].into_iter().chain(others) {
            let () = node.run(&format!("CLUSTER SETSLOT {slot} NODE {target_id}"));
        }
        // Until all know that epoch. If the slot goes on before, its next owner may take an epoch
        // that is no higher, and then believe this one again: the two send everybody to each other.
        until("the masters agree on their epochs", || {
            let views: Vec<Vec<String>> = self.nodes[..MASTERS].iter().map(epochs).collect();
            views.iter().all(|view| *view == views[0])
        });
    }

    fn launch(replicas: bool, certificates: Option<&Certificates>, arguments: &[&str]) -> Self {
        let count = if replicas { 2 * MASTERS } else { MASTERS };
        let mut nodes = Vec::new();
        let mut buses = Vec::new();
        for _ in 0..count {
            // The usual bus port, 10,000 above, may lie beyond the last port.
            let bus = free_port().to_string();
            let own = [
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--repl-diskless-sync-delay",
                "0",
            ];
            let arguments = [&own[..], arguments].concat();
            nodes.push(Redis::launch(&arguments, certificates.cloned()));
            buses.push(bus);
        }
        let cluster = Self {
            nodes,
            tls: certificates.is_some(),
        };
        cluster.join(&buses, replicas);
        cluster
    }

    fn join(&self, buses: &[String], replicas: bool) {
        for (index, node) in self.nodes.iter().enumerate().take(MASTERS) {
            // Rounded up, as `first_master_of` rounds down.
            let (first, next) = (
                (index * SLOTS).div_ceil(MASTERS),
                ((index + 1) * SLOTS).div_ceil(MASTERS),
            );
            let last = next - 1;
            let () = node.run(&format!("CLUSTER ADDSLOTSRANGE {first} {last}"));
            // Different epochs from the start: otherwise they have to be settled first.
            let () = node.run(&format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
        }
        for (node, bus) in self.nodes.iter().zip(buses).skip(1) {
            let () = self.nodes[0].run(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", node.port()));
        }
        until("the nodes know each other", || {
            self.nodes.iter().all(|node| {
                let known: String = node.run("CLUSTER NODES");
                known
                    .lines()
                    .filter(|line| !line.contains("handshake"))
                    .count()
                    == self.nodes.len()
            })
        });
        if replicas {
            for (master, replica) in self.nodes.iter().zip(&self.nodes[MASTERS..]) {
                let () = replica.run(&format!("CLUSTER REPLICATE {}", id(master)));
            }
        }
        until("the cluster serves", || self.nodes.iter().all(serves));
        if replicas {
            until("masters see their replicas", || {
                self.nodes[..MASTERS].iter().all(|node| {
                    node.info("replication", "connected_slaves").as_deref() == Some("1")
                })
            });
        }
    }
}

fn id(node: &Redis) -> String {
    node.run("CLUSTER MYID")
}

/// Each master and its epoch, as a node knows them.
fn epochs(node: &Redis) -> Vec<String> {
    let nodes: String = node.run("CLUSTER NODES");
    let fields = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let masters = nodes
        .lines()
        .map(fields)
        .filter(|fields| fields[2].contains("master"));
    let mut epochs: Vec<String> = masters
        .map(|fields| format!("{} {}", fields[0], fields[6]))
        .collect();
    epochs.sort_unstable();
    epochs
}

fn serves(node: &Redis) -> bool {
    let linked = || {
        node.info("replication", "master_link_status")
            .is_none_or(|status| status == "up")
    };
    node.run::<String>("CLUSTER INFO")
        .contains("cluster_state:ok")
        && linked()
}

pub(super) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < START_LIMIT,
            "{what}: not within {START_LIMIT:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
