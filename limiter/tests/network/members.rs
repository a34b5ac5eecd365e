//! Limiters that come and go behind one name.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_limiter::{Client, ClientConfig, FailureMode, Mode, Resolve};
use weir_telemetry::Ops;
use weir_testkit::{Network, Proxy, Redis, eventually};

use crate::support::{Limiter, PATIENCE, check, on};

/// What a machine under load adds to the time in which a dead limiter is left out.
const SLACK: Duration = Duration::from_secs(2);

const ASKED: &str = "weir_limiter_requests_total{method=\"Check\",code=\"OK\"}";

/// A name service of the test's own: one name, and whatever it stands for now.
#[derive(Debug, Default)]
struct Names {
    addresses: Mutex<Vec<SocketAddr>>,
    broken: Mutex<bool>,
    lookups: AtomicUsize,
}

impl Names {
    fn set(&self, addresses: &[SocketAddr]) {
        *self.addresses.lock().unwrap() = addresses.to_vec();
    }
}

impl Resolve for Names {
    fn resolve(&self, host: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        assert_eq!((&*host, port), ("limiter", 8081));
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let broken = *self.broken.lock().unwrap();
        let answer = if broken {
            Err(io::Error::other("no name service"))
        } else {
            Ok(self.addresses.lock().unwrap().clone())
        };
        Box::pin(async move { answer })
    }
}

fn client_of(names: &Arc<Names>, timeout: Duration) -> (Client, Ops) {
    let ops = Ops::new("gateway");
    let config = ClientConfig {
        endpoints: vec!["http://limiter:8081".to_owned()],
        resolver: Arc::clone(names) as Arc<dyn Resolve>,
        on_failure: FailureMode::Deny,
        timeout,
        ..ClientConfig::default()
    };
    (Client::new(config, &ops).unwrap(), ops)
}

fn up(ops: &Ops, address: SocketAddr) -> Option<bool> {
    let line = format!("weir_limiter_client_endpoint_up{{endpoint=\"http://{address}\"}} ");
    ops.render()
        .lines()
        .find_map(|text| text.strip_prefix(&line).map(|value| value == "1"))
}

#[derive(Debug, Default)]
struct Figures {
    sent: usize,
    admitted: usize,
    refused: usize,
    failed: usize,
}

/// Callers that ask until they are told to stop, each for keys of 15 calls an hour.
struct Callers {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<(Figures, Vec<usize>)>>,
}

const KEYS: usize = 200;

impl Callers {
    fn start(client: &Client) -> Self {
        let stop = CancellationToken::new();
        let tasks = (0..4)
            .map(|first| tokio::spawn(call(client.clone(), first, stop.clone())))
            .collect();
        Self { stop, tasks }
    }

    /// All figures, and the most that one key was admitted.
    async fn stop(self) -> (Figures, usize) {
        self.stop.cancel();
        let (mut all, mut by_key) = (Figures::default(), vec![0; KEYS]);
        for task in self.tasks {
            let (figures, admitted) = task.await.unwrap();
            all.sent += figures.sent;
            all.admitted += figures.admitted;
            all.refused += figures.refused;
            all.failed += figures.failed;
            by_key
                .iter_mut()
                .zip(admitted)
                .for_each(|(sum, more)| *sum += more);
        }
        (all, by_key.into_iter().max().unwrap_or(0))
    }
}

async fn call(client: Client, first: usize, stop: CancellationToken) -> (Figures, Vec<usize>) {
    let (mut figures, mut by_key) = (Figures::default(), vec![0; KEYS]);
    let mut key = first;
    while !stop.is_cancelled() {
        key = (key + 1) % KEYS;
        // The first check is never refused, so a limiter is asked also when the second is known to
        // be.
        let outcome = client
            .check(vec![
                check("all", 1_000_000),
                check(&format!("key {key}"), 15),
            ])
            .await;
        figures.sent += 1;
        match (outcome.mode, outcome.allowed()) {
            (Mode::Exact, true) => {
                figures.admitted += 1;
                by_key[key] += 1;
            }
            (Mode::Exact, false) => figures.refused += 1,
            _ => figures.failed += 1,
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    (figures, by_key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_come_and_go_under_load_and_no_call_notices() {
    let redis = Redis::start();
    let names = Arc::new(Names::default());
    let first = Limiter::start(on(&redis)).await;
    names.set(&[first.address]);
    // A loaded machine must not look like a dead limiter.
    let (client, ops) = client_of(&names, PATIENCE);
    let callers = Callers::start(&client);
    eventually(PATIENCE, || async { first.metric(ASKED).await > 20 }).await;

    let (second, third) = (
        Limiter::start(on(&redis)).await,
        Limiter::start(on(&redis)).await,
    );
    names.set(&[first.address, second.address, third.address]);
    let came = Instant::now();
    eventually(PATIENCE, || async {
        second.metric(ASKED).await > 20 && third.metric(ASKED).await > 20
    })
    .await;
    let found = came.elapsed();

    // One ends while it is still named, one is not named any more.
    let (gone, left) = (first.address, second.address);
    first.stop().await;
    names.set(&[second.address, third.address]);
    eventually(PATIENCE, || async { up(&ops, gone).is_none() }).await;
    names.set(&[third.address]);
    eventually(PATIENCE, || async { up(&ops, left).is_none() }).await;
    second.stop().await;
    let asked = third.metric(ASKED).await;
    eventually(PATIENCE, || async {
        third.metric(ASKED).await > asked + 50
    })
    .await;

    let (figures, most) = callers.stop().await;
    println!(
        "replicas come and go: {figures:?}, most of one key {most}, new ones asked after {found:?}"
    );
    assert_eq!(figures.failed, 0, "{figures:?}");
    assert!(most <= 15, "{most}");
    assert!(ops.render().contains("weir_limiter_client_circuit_open 0"));
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_dies_under_load_is_left_out_within_a_second_and_taken_back() {
    let redis = Redis::start();
    let limiters = [
        Limiter::start(on(&redis)).await,
        Limiter::start(on(&redis)).await,
    ];
    let cable = Proxy::start(limiters[0].address).await;
    let names = Arc::new(Names::default());
    names.set(&[cable.address(), limiters[1].address]);
    let (client, ops) = client_of(&names, ClientConfig::default().timeout);
    let callers = Callers::start(&client);
    eventually(PATIENCE, || async { limiters[0].metric(ASKED).await > 20 }).await;
    let looked = names.lookups.load(Ordering::SeqCst);

    // As when its machine dies: nothing says that it is gone.
    cable.set(Network::Swallow);
    let cut = Instant::now();
    while up(&ops, cable.address()) != Some(false) {
        assert!(cut.elapsed() < PATIENCE, "{:?}", ops.render());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let left_out = cut.elapsed();
    let asked = limiters[1].metric(ASKED).await;
    eventually(PATIENCE, || async {
        limiters[1].metric(ASKED).await > asked + 200
    })
    .await;
    let (figures, most) = callers.stop().await;
    println!("cut off: left out after {left_out:?}: {figures:?}, most of one key {most}");
    assert!(left_out < Duration::from_secs(1) + SLACK, "{left_out:?}");
    assert!(most <= 15, "{most}");
    assert!(figures.admitted > 20, "{figures:?}");
    eventually(PATIENCE, || async {
        names.lookups.load(Ordering::SeqCst) > looked
    })
    .await;

    cable.set(Network::Forward);
    eventually(PATIENCE, || async {
        up(&ops, cable.address()) == Some(true)
    })
    .await;
    let asked = limiters[0].metric(ASKED).await;
    eventually(PATIENCE, || async {
        client.check(vec![check("any", 1_000_000)]).await;
        limiters[0].metric(ASKED).await > asked
    })
    .await;
    for limiter in limiters {
        limiter.stop().await;
    }
}

#[tokio::test]
async fn a_name_service_that_fails_takes_no_limiter_away() {
    let redis = Redis::start();
    let limiter = Limiter::start(on(&redis)).await;
    let names = Arc::new(Names::default());
    *names.broken.lock().unwrap() = true;
    let (client, _ops) = client_of(&names, Duration::from_secs(2));
    assert_eq!(
        client.check(vec![check("k", 9)]).await.mode,
        Mode::Deny,
        "nobody is known yet"
    );
    assert!(client.reset("k".into()).await.is_err());

    names.set(&[limiter.address]);
    *names.broken.lock().unwrap() = false;
    eventually(PATIENCE, || async {
        client.check(vec![check("k", 1_000_000)]).await.mode == Mode::Exact
    })
    .await;
    for broken in [true, false] {
        *names.broken.lock().unwrap() = broken;
        names.set(&[]);
        let looked = names.lookups.load(Ordering::SeqCst);
        eventually(PATIENCE, || async {
            names.lookups.load(Ordering::SeqCst) > looked
        })
        .await;
        assert_eq!(
            client.check(vec![check("k", 1_000_000)]).await.mode,
            Mode::Exact,
            "the known one stays"
        );
    }
    limiter.stop().await;
}

#[tokio::test]
async fn the_systems_names_are_looked_up_and_the_first_call_waits_for_them() {
    let limiter = Limiter::start(weir_limiter::Config::default()).await;
    let ops = Ops::new("gateway");
    let config = ClientConfig {
        endpoints: vec![format!("http://localhost:{}", limiter.address.port())],
        on_failure: FailureMode::Deny,
        timeout: PATIENCE,
        ..ClientConfig::default()
    };
    let client = Client::new(config, &ops).unwrap();
    assert_eq!(client.check(vec![check("k", 9)]).await.mode, Mode::Exact);
    limiter.stop().await;
}
