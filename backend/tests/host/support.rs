//! A running host and ways to call it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_backend::{Config, Error, Function, Invocation, Level};
use weir_serve::Listeners;
use weir_testkit::eventually;

use crate::provider::{AUDIENCE, Provider};

pub(crate) const KEY: &str = "the-function-key";
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A host with `hello`, and `echo`, which answers with what reached it.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    pub(crate) ops: SocketAddr,
    pub(crate) provider: Provider,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<Result<(), Error>>,
}

impl Host {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let host = Self::start_on("127.0.0.1:0", change).await.unwrap();
        host.ready().await;
        host
    }

    /// `None` if the address cannot be bound. Does not wait for the provider's keys.
    pub(crate) async fn start_on(listen: &str, change: impl FnOnce(&mut Config)) -> Option<Self> {
        let provider = Provider::start().await;
        let service = TcpListener::bind(listen).await.ok()?;
        let ops = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, ops_address) = (service.local_addr().unwrap(), ops.local_addr().unwrap());
        let mut config = Config {
            function_keys: vec![SecretString::from(KEY)],
            openid_config: provider.discovery(),
            audiences: vec![AUDIENCE.to_owned()],
            ..Config::default()
        };
        config.functions.push(Function::new(
            "echo",
            Level::Function,
            [Method::GET, Method::POST],
            echo,
        ));
        change(&mut config);
        let shutdown = CancellationToken::new();
        let listeners = Listeners::plain(service, Some(ops));
        let task = tokio::spawn(weir_backend::run(config, listeners, shutdown.clone()));
        Some(Self {
            address,
            ops: ops_address,
            provider,
            shutdown,
            task,
        })
    }

    pub(crate) async fn ready(&self) {
        let url = format!("http://{}/readyz", self.ops);
        eventually(PATIENCE, || async {
            client()
                .get(&url)
                .send()
                .await
                .is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.address.port())
    }

    /// A request that lacks nothing.
    pub(crate) fn good(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = client().request(method, self.url(path));
        request
            .bearer_auth(self.provider.token())
            .header("x-functions-key", KEY)
    }

    pub(crate) async fn metrics(&self) -> String {
        client()
            .get(format!("http://{}/metrics", self.ops))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    }

    /// Sends `text` as it is, and reads until the host closes.
    pub(crate) async fn raw(&self, text: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.address.port()))
            .await
            .unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        // A reset is a close as well: the host need not read what it refuses.
        let _ = read.expect("the host closes the connection");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

pub(crate) fn client() -> reqwest::Client {
    client_from(IpAddr::from([127, 0, 0, 1]))
}

pub(crate) fn client_from(address: IpAddr) -> reqwest::Client {
    // A proxy in the environment is not for loopback.
    reqwest::Client::builder()
        .no_proxy()
        .local_address(address)
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

async fn echo(invocation: Invocation) -> Response<Bytes> {
    let headers: Vec<_> = invocation
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    let principal = invocation
        .principal
        .map(|principal| json!({ "id": principal.id, "name": principal.name }));
    let body = json!({ "headers": headers, "body": invocation.body.len(), "principal": principal });
    Response::new(Bytes::from(body.to_string()))
}

/// The values that `echo` says a header had.
pub(crate) fn values<'a>(echoed: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = echoed["headers"].as_array().unwrap().iter();
    headers
        .filter(|pair| pair[0] == name)
        .map(|pair| pair[1].as_str().unwrap())
        .collect()
}

/// A function that says when it was entered and stays until it is let go.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) entered: Arc<Semaphore>,
    pub(crate) open: Arc<Semaphore>,
    pub(crate) left: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        Self {
            entered: closed(),
            open: closed(),
            left: closed(),
        }
    }

    pub(crate) fn function(&self) -> Function {
        let gate = self.clone();
        Function::new("gate", Level::Function, [Method::GET], move |_| {
            gate.clone().pass()
        })
    }

    async fn pass(self) -> Response<Bytes> {
        struct Left(Arc<Semaphore>);
        impl Drop for Left {
            fn drop(&mut self) {
                self.0.add_permits(1);
            }
        }
        let _left = Left(Arc::clone(&self.left));
        self.entered.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        Response::new(Bytes::from_static(b"passed"))
    }
}

/// Waits for `happened`, which adds a permit.
pub(crate) async fn wait_for(happened: &Semaphore) {
    tokio::time::timeout(PATIENCE, happened.acquire())
        .await
        .expect("it happens")
        .unwrap()
        .forget();
}
