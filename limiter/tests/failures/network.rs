//! A network that is slow, or swallows everything and tells nobody. No operation outlasts the
//! store's time-out.

use std::time::{Duration, Instant};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use weir_limiter::parts::{
    Admin as _, Decide as _, Inspect as _, Lease as _, LeaseAsk, RedisConfig, RedisStore, Refund,
    Unused,
};
use weir_limiter::{Admitted, StoreError};
use weir_testkit::{Network, Proxy, Redis};

use crate::load::{HOUR, Load, PATIENCE, check, config, until_served};

const TIMEOUT: Duration = Duration::from_millis(200);

/// What a machine under load adds, and still far below the five seconds of the delay.
const SLACK: Duration = Duration::from_secs(2);

async fn behind_proxy(redis: &Redis) -> (Proxy, RedisStore) {
    let proxy = Proxy::start(redis.address()).await;
    let url = format!("redis://{}", proxy.address());
    let store = RedisStore::new(RedisConfig {
        timeout: TIMEOUT,
        ..config(url)
    })
    .unwrap();
    until_served(&store, "k0").await;
    (proxy, store)
}

/// What is not a check keeps to the time-out as well.
async fn everything_else_fails_in_time(store: &RedisStore) {
    let key = || "other".into();
    let refund = Refund {
        key: key(),
        cost: 1,
        admitted: Admitted::Last,
    };
    let lease = LeaseAsk {
        key: key(),
        limit: check("other", 20_000, HOUR).limit,
        wanted: 100,
    };
    let unused = Unused {
        key: key(),
        units: 1,
        recorded: 0,
    };
    let operations: [(&str, futures_util::future::BoxFuture<'_, bool>); 5] = [
        (
            "reset",
            Box::pin(async { store.reset(key()).await.is_err() }),
        ),
        (
            "refund",
            Box::pin(async { store.refund(refund).await.is_err() }),
        ),
        (
            "lease",
            Box::pin(async { store.lease(lease).await.is_err() }),
        ),
        (
            "give_back",
            Box::pin(async { store.give_back(unused).await.is_err() }),
        ),
        (
            "inspect",
            Box::pin(async { store.inspect(key()).await.is_err() }),
        ),
    ];
    for (name, operation) in operations {
        let began = Instant::now();
        assert!(operation.await, "{name} was answered");
        assert!(
            began.elapsed() < TIMEOUT + SLACK,
            "{name}: {:?}",
            began.elapsed()
        );
    }
}

async fn cut(network: Network) {
    let redis = Redis::start();
    let (proxy, store) = behind_proxy(&redis).await;
    let load = Load::on_keys(&store, "k", 10, 15, HOUR);
    proxy.set(network);
    for n in 0..3 {
        let began = Instant::now();
        let error = store
            .check(&[vec![check("k0", 15, HOUR)]])
            .await
            .unwrap_err();
        assert!(
            matches!(error, StoreError::Timeout(_) | StoreError::Unavailable(_)),
            "{n}: {error:?}"
        );
        assert!(
            began.elapsed() < TIMEOUT + SLACK,
            "{n}: {:?}",
            began.elapsed()
        );
        everything_else_fails_in_time(&store).await;
    }
    proxy.set(Network::Forward);
    until_served(&store, "k0").await;
    let report = load.stop().await;
    println!("{network:?}: {report}");
    assert!(report.worst_window <= 15 && report.most() <= 15, "{report}");
    assert!(
        report.failed > 0 && report.slowest < TIMEOUT + SLACK,
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_answers_after_five_seconds_delays_no_call_beyond_the_timeout() {
    cut(Network::Delay(Duration::from_secs(5))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_hole_delays_no_call_beyond_the_timeout() {
    cut(Network::Swallow).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_swallows_the_greeting_delays_no_call_either() {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.address()).await;
    proxy.set(Network::Swallow);
    let url = format!("redis://{}", proxy.address());
    let store = RedisStore::new(RedisConfig {
        timeout: TIMEOUT,
        ..config(url)
    })
    .unwrap();
    let began = Instant::now();
    assert!(store.check(&[vec![check("k", 15, HOUR)]]).await.is_err());
    assert!(began.elapsed() < TIMEOUT + SLACK, "{:?}", began.elapsed());
    proxy.set(Network::Forward);
    until_served(&store, "k").await;
}

/// A connection that is reset while it is made, as by a network that forgets all it carries.
#[tokio::test]
async fn a_connection_that_is_reset_while_it_is_made_costs_no_call() {
    let redis = Redis::start();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let server = redis.address();
    tokio::spawn(async move {
        drop(listener.accept().await.unwrap());
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(server).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    let store = RedisStore::new(RedisConfig {
        timeout: PATIENCE,
        connections: 1,
        ..config(url)
    })
    .unwrap();
    let outcomes = store.check(&[vec![check("k", 15, HOUR)]]).await.unwrap();
    assert!(outcomes[0].allowed());
}
