//! Limiters on ports of their own, and questions to ask them.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use weir_limiter::{Check, Config, Error, Limit, StoreConfig};
use weir_proto::limiter::v1;
use weir_proto::limiter::v1::limiter_client::LimiterClient;
use weir_serve::Listeners;
use weir_testkit::Redis;

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running limiter.
pub struct Limiter {
    pub address: SocketAddr,
    pub ops: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
}

impl Limiter {
    pub async fn start(config: Config) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), config).await
    }

    pub async fn start_at(address: SocketAddr, config: Config) -> Self {
        let service = TcpListener::bind(address).await.unwrap();
        let ops = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, ops_address) = (service.local_addr().unwrap(), ops.local_addr().unwrap());
        let stop = CancellationToken::new();
        let listeners = Listeners::plain(service, Some(ops));
        let task = tokio::spawn(weir_limiter::run(config, listeners, stop.clone()));
        let limiter = Self {
            address,
            ops: ops_address,
            stop,
            task,
        };
        weir_testkit::eventually(PATIENCE, || async {
            limiter.get("/readyz").await.starts_with("HTTP/1.1 200")
        })
        .await;
        limiter
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub async fn channel(&self) -> Channel {
        Endpoint::from_shared(self.url())
            .unwrap()
            .connect()
            .await
            .unwrap()
    }

    pub async fn client(&self) -> LimiterClient<Channel> {
        LimiterClient::new(self.channel().await)
    }

    /// Asks it to stop and does not wait.
    pub fn begin_stop(&self) {
        self.stop.cancel();
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// The whole response of its operations listener; empty if there is none.
    pub async fn get(&self, path: &str) -> String {
        let mut text = String::new();
        if let Ok(mut stream) = TcpStream::connect(self.ops).await {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: limiter\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let _ = stream.read_to_string(&mut text).await;
        }
        text
    }

    /// The value of a metric; 0 if it is not there.
    pub async fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").await;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.trim().parse().unwrap())
    }
}

/// A configuration on a Redis, with a time-out that a loaded machine keeps.
pub fn on(redis: &Redis) -> Config {
    Config {
        store: StoreConfig::Redis(redis.url().into()),
        store_timeout: PATIENCE,
        ..Config::default()
    }
}

/// Evaluations of a script so far.
pub fn evaluations(redis: &Redis) -> u64 {
    ["evalsha", "eval", "fcall"]
        .iter()
        .map(|command| redis.calls_of(command))
        .sum()
}

/// A check of cost 1 as it goes over the wire.
pub fn wire(key: &str, calls: u64, renewal_period_ms: u64) -> v1::Check {
    v1::Check {
        limit_name: "per-subject".to_owned(),
        key: Bytes::copy_from_slice(key.as_bytes()),
        calls,
        renewal_period_ms,
        cost: None,
    }
}

/// A list of one check.
pub fn one(key: &str, calls: u64, renewal_period_ms: u64) -> v1::CheckRequest {
    v1::CheckRequest {
        checks: vec![wire(key, calls, renewal_period_ms)],
    }
}

/// A check of cost 1 for the client, per hour.
pub fn check(key: &str, calls: u64) -> Check {
    Check {
        limit_name: "per-subject".into(),
        key: Bytes::copy_from_slice(key.as_bytes()),
        limit: Limit {
            calls: NonZeroU64::new(calls).unwrap(),
            renewal_period: Duration::from_secs(3_600),
        },
        cost: 1,
    }
}
