//! Connections to limiters that a network forgets while nobody uses them. The limiters are there
//! all the time, so they decide every call, whatever mode holds for an outage.

use std::time::Duration;

use futures_util::future::join_all;
use weir_limiter::{Admitted, Client, ClientConfig, FailureMode, Mode};
use weir_telemetry::Ops;
use weir_testkit::{Forgotten, Network, Proxy, Redis, eventually};

use crate::support::{Limiter, PATIENCE, check, on};

const CALLS: u64 = 9;
const ROUNDS: usize = 5;

/// Half of it is how long a connection that says nothing is believed.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Limiters that share a Redis, each behind a network of its own.
struct Behind {
    _redis: Redis,
    _limiters: Vec<Limiter>,
    proxies: Vec<Proxy>,
}

impl Behind {
    async fn start(count: usize) -> Self {
        let redis = Redis::start();
        let limiters = join_all((0..count).map(|_| Limiter::start(on(&redis)))).await;
        let proxies = join_all(limiters.iter().map(|limiter| Proxy::start(limiter.address))).await;
        Self {
            _redis: redis,
            _limiters: limiters,
            proxies,
        }
    }

    fn client(&self, on_failure: FailureMode) -> (Client, Ops) {
        let ops = Ops::new("gateway");
        let endpoints = self
            .proxies
            .iter()
            .map(|proxy| format!("http://{}", proxy.address()))
            .collect();
        let config = ClientConfig {
            endpoints,
            on_failure,
            timeout: TIMEOUT,
            ..ClientConfig::default()
        };
        (Client::new(config, &ops).unwrap(), ops)
    }

    fn forget(&self, how: Forgotten) {
        self.proxies
            .iter()
            .for_each(|proxy| proxy.forget_connections(how));
    }
}

/// Two calls, then every connection is forgotten, and so on, in each mode: the limiters decide all
/// of it.
async fn schedule(limiters: usize, how: Forgotten) {
    let behind = Behind::start(limiters).await;
    let modes = [FailureMode::Local, FailureMode::Allow, FailureMode::Deny];
    let clients = modes.map(|mode| behind.client(mode));
    let mut answers = vec![Vec::new(); modes.len()];
    for round in 0..ROUNDS {
        if round > 0 {
            behind.forget(how);
        }
        for _ in 0..2 {
            let calls = clients
                .iter()
                .zip(modes)
                .map(|((client, _), mode)| async move {
                    let outcome = client.check(vec![check(mode.as_str(), CALLS)]).await;
                    (outcome.mode, outcome.allowed())
                });
            for (told, answer) in answers.iter_mut().zip(join_all(calls).await) {
                told.push(answer);
            }
        }
    }
    for (mode, told) in modes.iter().zip(answers) {
        let expected: Vec<_> = (0..2 * ROUNDS)
            .map(|n| (Mode::Exact, n < CALLS as usize))
            .collect();
        assert_eq!(
            told,
            expected,
            "{limiters} limiters, {how:?}, mode {}",
            mode.as_str()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_a_network_resets_cost_no_call() {
    schedule(1, Forgotten::Resets).await;
    schedule(3, Forgotten::Resets).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_a_network_swallows_cost_no_call() {
    schedule(1, Forgotten::Swallows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_all_limiters_that_are_swallowed_at_once_cost_no_call() {
    schedule(3, Forgotten::Swallows).await;
}

/// A limiter whose machine is gone: the question that finds it out is asked of another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limiter_that_falls_silent_costs_no_call_while_there_is_another() {
    let behind = Behind::start(2).await;
    let (client, ops) = behind.client(FailureMode::Deny);
    for number in 0..12 {
        if number == 4 {
            behind.proxies[0].set(Network::Swallow);
        }
        let outcome = client.check(vec![check("k", 1_000)]).await;
        assert_eq!(
            (outcome.mode, outcome.allowed()),
            (Mode::Exact, true),
            "call {number}"
        );
    }
    let gone = behind.proxies[0].address();
    let left_out = format!("endpoint_up{{endpoint=\"http://{gone}\"}} 0");
    eventually(PATIENCE, || async { ops.render().contains(&left_out) }).await;
}

/// A limiter, or a network, that takes more than half of the time: what it says still counts, and a
/// call is charged twice at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_answer_is_waited_for_until_the_time_is_up() {
    for limiters in [1, 3] {
        let behind = Behind::start(limiters).await;
        let (client, _ops) = behind.client(FailureMode::Deny);
        // All are connected: the delay is to be that of questions and answers.
        for _ in 0..2 * limiters {
            assert!(client.check(vec![check("warm", 1_000)]).await.allowed());
        }
        let each_way = Network::Delay(TIMEOUT.mul_f64(0.26));
        behind.proxies.iter().for_each(|proxy| proxy.set(each_way));
        for number in 0..2 {
            let outcome = client.check(vec![check("k", 1_000)]).await;
            let told = (outcome.mode, outcome.allowed());
            assert_eq!(
                told,
                (Mode::Exact, true),
                "{limiters} limiters, call {number}"
            );
        }
        behind
            .proxies
            .iter()
            .for_each(|proxy| proxy.set(Network::Forward));
        let counted = 1_000 - client.peek(check("k", 1_000)).await.decisions[0].remaining;
        assert!((2..=4).contains(&counted), "{limiters} limiters: {counted}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_goes_out_again_and_a_refund_that_may_have_been_done_does_not() {
    for how in [Forgotten::Resets, Forgotten::Swallows] {
        let behind = Behind::start(1).await;
        let (client, _ops) = behind.client(FailureMode::Deny);
        assert!(client.check(vec![check("k", 5)]).await.allowed());
        behind.forget(how);
        assert!(client.reset("k".into()).await.unwrap(), "{how:?}");
        assert!(client.check(vec![check("k", 5)]).await.allowed());
        behind.forget(how);
        assert!(
            client.refund("k".into(), 1, Admitted::Last).await.is_err(),
            "{how:?}: nobody knows"
        );
        assert_eq!(
            client.refund("k".into(), 1, Admitted::Last).await.unwrap(),
            1,
            "{how:?}"
        );
    }
}
