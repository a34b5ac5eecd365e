//! Connections to the store that end while nobody uses them: Redis closes them after its `timeout`,
//! an operator kills them, a network forgets them. Redis is there all the time, so every call is
//! decided by it, exactly, whatever mode holds for an outage.

use std::time::Duration;

use futures_util::future::join_all;
use weir_limiter::parts::{Decide as _, RedisConfig, RedisStore};
use weir_limiter::{Config, FailureMode, StoreConfig, StoreError};
use weir_proto::limiter::v1;
use weir_testkit::{
    Certificates, Forgotten, Proxy, Redis, RedisCluster, RedisSentinel, eventually,
};

use crate::support::{Limiter, PATIENCE, check, one};

/// The limit; and rounds of two calls each, one more call than it admits.
const CALLS: u64 = 9;
const ROUNDS: usize = 5;

/// Long enough for a loaded machine; half of it is how long a connection that says nothing is
/// believed.
const TIMEOUT: Duration = Duration::from_secs(6);

/// Connections of a limiter to one server.
const CONNECTIONS: usize = 2;

const HOUR_MS: u64 = 3_600_000;

fn config(url: String, mode: FailureMode, certificates: Option<&Certificates>) -> Config {
    Config {
        store: StoreConfig::Redis(url.into()),
        on_store_failure: mode,
        store_timeout: TIMEOUT,
        store_authorities: certificates.map(|certificates| certificates.authority().to_vec()),
        ..Config::default()
    }
}

/// Two calls, then `end` ends every connection, and so on, with a limiter in each mode: every call
/// is decided by the store, and the limit is what it is.
async fn schedule(url: String, certificates: Option<&Certificates>, end: impl AsyncFn()) {
    let modes = [FailureMode::Local, FailureMode::Allow, FailureMode::Deny];
    let limiters = modes.map(|mode| Limiter::start(config(url.clone(), mode, certificates)));
    let limiters = join_all(limiters).await;
    let mut answers = vec![Vec::new(); modes.len()];
    for round in 0..ROUNDS {
        if round > 0 {
            end().await;
        }
        for _ in 0..2 {
            let calls = limiters
                .iter()
                .zip(modes)
                .map(|(limiter, mode)| ask(limiter, mode.as_str()));
            for (told, answer) in answers.iter_mut().zip(join_all(calls).await) {
                told.push(answer);
            }
        }
    }
    for (mode, told) in modes.iter().zip(answers) {
        let exact = told
            .iter()
            .filter(|(decided_by, _)| *decided_by == v1::Mode::Exact)
            .count();
        let admitted: Vec<bool> = told.iter().map(|(_, allowed)| *allowed).collect();
        let mut expected = vec![true; CALLS as usize];
        expected.resize(2 * ROUNDS, false);
        assert_eq!(
            (exact, &admitted),
            (2 * ROUNDS, &expected),
            "{}: {told:?}",
            mode.as_str()
        );
    }
}

async fn ask(limiter: &Limiter, key: &str) -> (v1::Mode, bool) {
    let answer = limiter
        .client()
        .await
        .check(one(key, CALLS, HOUR_MS))
        .await
        .unwrap()
        .into_inner();
    (answer.mode(), answer.allowed)
}

/// Ids of a server's clients, without Sentinels and replicas, which have connections of their own
/// kind.
fn clients(redis: &Redis) -> Vec<u64> {
    let mut connection = redis.connection();
    let own: u64 = redis::cmd("CLIENT")
        .arg("ID")
        .query(&mut connection)
        .unwrap();
    let list: String = redis::cmd("CLIENT")
        .arg("LIST")
        .query(&mut connection)
        .unwrap();
    let field = |line: &str, name: &str| {
        let found = line
            .split(' ')
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        found
            .unwrap_or_else(|| panic!("no {name} in {line}"))
            .to_owned()
    };
    let ordinary =
        |line: &&str| field(line, "flags") == "N" && !field(line, "name").starts_with("sentinel-");
    let ids = list
        .lines()
        .filter(ordinary)
        .map(|line| field(line, "id").parse().unwrap());
    ids.filter(|id| *id != own).collect()
}

/// Waits until Redis has closed every connection that was there, each because it was idle.
async fn until_closed(servers: &[&Redis]) {
    for redis in servers {
        let () = redis.run("CONFIG SET timeout 1");
    }
    let before: Vec<Vec<u64>> = servers.iter().map(|redis| clients(redis)).collect();
    assert!(
        before.iter().any(|ids| !ids.is_empty()),
        "somebody is connected"
    );
    for (redis, before) in servers.iter().zip(before) {
        eventually(PATIENCE, || async {
            !clients(redis).iter().any(|id| before.contains(id))
        })
        .await;
    }
}

fn kill(servers: &[&Redis]) {
    for redis in servers {
        for id in clients(redis) {
            let _: u64 = redis.run(&format!("CLIENT KILL ID {id}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_closes_because_it_is_idle_costs_no_call() {
    let redis = Redis::start();
    schedule(redis.url(), None, async || until_closed(&[&redis]).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_closes_with_tls_costs_no_call() {
    let certificates = Certificates::new();
    let redis = Redis::start_with_tls(&certificates, &[]);
    schedule(redis.url(), Some(&certificates), async || {
        until_closed(&[&redis]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_nodes_of_a_cluster_close_costs_no_call() {
    let cluster = RedisCluster::start(Duration::from_secs(5));
    let masters: Vec<&Redis> = cluster.nodes()[..3].iter().collect();
    schedule(cluster.url(), None, async || until_closed(&masters).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_master_of_sentinels_closes_costs_no_call() {
    let group = RedisSentinel::start(Duration::from_secs(30));
    schedule(group.url(), None, async || {
        until_closed(&[&group.servers()[0]]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_killed_cost_no_call() {
    let redis = Redis::start();
    schedule(redis.url(), None, async || kill(&[&redis])).await;
    let certificates = Certificates::new();
    let redis = Redis::start_with_tls(&certificates, &[]);
    schedule(redis.url(), Some(&certificates), async || kill(&[&redis])).await;
    let cluster = RedisCluster::start(Duration::from_secs(5));
    let masters: Vec<&Redis> = cluster.nodes()[..3].iter().collect();
    schedule(cluster.url(), None, async || kill(&masters)).await;
    let group = RedisSentinel::start(Duration::from_secs(30));
    schedule(group.url(), None, async || kill(&[&group.servers()[0]])).await;
}

/// Behind a network that forgets what it carries, in both ways that networks have.
async fn forgotten(how: Forgotten) {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.address()).await;
    let url = format!("redis://{}", proxy.address());
    schedule(url, None, async || proxy.forget_connections(how)).await;

    let certificates = Certificates::new();
    let redis = Redis::start_with_tls(&certificates, &[]);
    let proxy = Proxy::start(redis.address()).await;
    let url = format!("rediss://{}", proxy.address());
    schedule(url, Some(&certificates), async || {
        proxy.forget_connections(how);
    })
    .await;
}

/// The same in front of every node of a cluster, and in front of the master of Sentinels.
async fn forgotten_of_many(how: Forgotten) {
    let cluster = RedisCluster::start(Duration::from_secs(5));
    let nodes = cluster
        .nodes()
        .iter()
        .map(|node| Proxy::start(node.address()));
    let proxies = join_all(nodes).await;
    for (index, proxy) in proxies.iter().enumerate() {
        cluster.announce(index, proxy.address().port());
    }
    let url = format!("redis-cluster://{}", proxies[0].address());
    let forget = async || {
        proxies
            .iter()
            .for_each(|proxy| proxy.forget_connections(how));
    };
    schedule(url, None, forget).await;

    let group = RedisSentinel::start(Duration::from_secs(30));
    let proxy = Proxy::start(group.servers()[0].address()).await;
    group.watch_at(proxy.address().port());
    schedule(group.url(), None, async || proxy.forget_connections(how)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_many_servers_that_are_swallowed_cost_no_call() {
    forgotten_of_many(Forgotten::Swallows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_many_servers_that_are_reset_cost_no_call() {
    forgotten_of_many(Forgotten::Resets).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_a_network_swallows_cost_no_call() {
    forgotten(Forgotten::Swallows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_a_network_resets_cost_no_call() {
    forgotten(Forgotten::Resets).await;
}

/// A server that does not know `HELLO`, or something in front of it, speaks RESP2 only: nothing
/// tells there that a connection has ended, and still no call is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_resp3_a_call_that_finds_its_connection_closed_is_asked_again() {
    let redis = Redis::start_with(&["--rename-command", "HELLO", ""]);
    schedule(redis.url(), None, async || kill(&[&redis])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_ended_is_replaced_before_anybody_asks() {
    let redis = Redis::start();
    let _limiter = Limiter::start(config(redis.url(), FailureMode::Deny, None)).await;
    eventually(PATIENCE, || async { clients(&redis).len() == CONNECTIONS }).await;
    let before = clients(&redis);
    kill(&[&redis]);
    eventually(PATIENCE, || async {
        let now = clients(&redis);
        now.len() == CONNECTIONS && !now.iter().any(|id| before.contains(id))
    })
    .await;
    let asked = redis.calls_of("evalsha") + redis.calls_of("eval");
    assert_eq!(asked, 2, "the probe of the start, and nobody since");
}

/// What the server says on the fresh connection counts: it has forgotten the script, say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_was_forgotten_meanwhile_is_sent_again() {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.address()).await;
    let url = format!("redis://{}", proxy.address());
    schedule(url, None, async || {
        proxy.forget_connections(Forgotten::Swallows);
        let () = redis.run("SCRIPT FLUSH");
    })
    .await;
}

/// A replica that is waited for and does not confirm in time makes no connection suspect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_replicas_is_no_silence() {
    let redis = Redis::start();
    let config = RedisConfig {
        url: redis.url(),
        timeout: TIMEOUT,
        connections: 2,
        ..RedisConfig::default()
    };
    // It brings the script.
    let other = RedisStore::new(config.clone()).unwrap();
    other.check(&[vec![check("other", 15)]]).await.unwrap();
    drop(other);
    eventually(PATIENCE, || async { clients(&redis).is_empty() }).await;
    let store = RedisStore::new(RedisConfig {
        wait_replicas: 1,
        ..config
    })
    .unwrap();
    eventually(PATIENCE, || async { clients(&redis).len() == 2 }).await;
    let (before, asked) = (clients(&redis), redis.calls_of("evalsha"));
    for number in 1..=3 {
        let error = store.check(&[vec![check("k", 15)]]).await.unwrap_err();
        let unconfirmed = matches!(&error, StoreError::Refused(text) if text.contains("0 of 1"));
        assert!(unconfirmed, "{error}");
        assert_eq!(
            redis.calls_of("evalsha"),
            asked + number,
            "each was charged once"
        );
    }
    assert_eq!(clients(&redis), before);
}
