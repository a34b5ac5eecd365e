//! Starts a gateway on a configuration written to a folder of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_gateway::{BackendTls, ClientLimits, Config, Reload, UpstreamLimits};
use weir_limiter::{ClientConfig, FailureMode, StoreConfig};
use weir_policy::artifacts::NamedValueOverrides;
use weir_serve::{Listeners, Tls, TlsConfig, TlsListener};
use weir_testkit::Certificates;

/// Far above what anything here takes on a loaded machine; only a failing test waits that long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The secret of the tokens that the test policies accept.
pub(crate) const SECRET: &[u8; 32] = b"a secret of thirty-two bytes !!!";

/// The operations of the test API, which lives under `/api`.
const SPECIFICATION: &str = r#"
openapi: 3.0.3
info: { title: Test, version: "1" }
paths:
  /hello:
    get: { operationId: hello, responses: { "200": { description: ok } } }
    head: { operationId: hello-head, responses: { "200": { description: ok } } }
    post: { operationId: hello-post, responses: { "200": { description: ok } } }
    delete: { operationId: hello-delete, responses: { "200": { description: ok } } }
  /items/{id}:
    get: { operationId: item, parameters: [ { name: id, in: path, required: true, schema: { type: string } } ], responses: { "200": { description: ok } } }
  /files/*:
    get: { operationId: files, responses: { "200": { description: ok } } }
  /own:
    options: { operationId: own, responses: { "200": { description: ok } } }
"#;

/// A gateway to be.
pub(crate) struct Setup {
    policy: String,
    files: Vec<(String, String)>,
    service_url: String,
    trusted: Vec<String>,
    pub(crate) clients: ClientLimits,
    pub(crate) upstream: UpstreamLimits,
    backend_tls: BackendTls,
    on_limiter_failure: FailureMode,
    limiter: Option<SocketAddr>,
    reloadable: bool,
    secure: Option<Certificates>,
    /// The last word on everything else.
    pub(crate) configure: fn(&mut Config),
}

impl Setup {
    /// A gateway in front of `backend` with `policy` as the global document.
    pub(crate) fn new(backend: SocketAddr, policy: impl Into<String>) -> Self {
        Self {
            policy: policy.into(),
            files: Vec::new(),
            service_url: format!("http://{backend}/backend"),
            trusted: Vec::new(),
            clients: ClientLimits::default(),
            upstream: UpstreamLimits::default(),
            backend_tls: BackendTls::default(),
            on_limiter_failure: FailureMode::Local,
            limiter: None,
            reloadable: false,
            secure: None,
            configure: |_| {},
        }
    }

    /// Adds a file of the configuration folder.
    pub(crate) fn file(mut self, path: &str, text: impl Into<String>) -> Self {
        self.files.push((path.to_owned(), text.into()));
        self
    }

    /// The API's `serviceUrl`.
    pub(crate) fn service_url(mut self, url: String) -> Self {
        self.service_url = url;
        self
    }

    /// The files that TLS to backends needs.
    pub(crate) fn backend_tls(mut self, files: BackendTls) -> Self {
        self.backend_tls = files;
        self
    }

    pub(crate) fn trusted(mut self, network: &str) -> Self {
        self.trusted.push(network.to_owned());
        self
    }

    /// The limiter is somewhere else, maybe nowhere.
    pub(crate) fn limiter(mut self, address: SocketAddr, on_failure: FailureMode) -> Self {
        self.limiter = Some(address);
        self.on_limiter_failure = on_failure;
        self
    }

    /// It serves TLS as well.
    pub(crate) fn secure(mut self, certificates: &Certificates) -> Self {
        self.secure = Some(certificates.clone());
        self
    }

    /// It reads its folder again when [`Gateway::reload`] asks for it.
    pub(crate) fn reloadable(mut self) -> Self {
        self.reloadable = true;
        self
    }

    /// Writes the folder, starts the limiter and the gateway.
    pub(crate) async fn start(self) -> Gateway {
        let dir = TempDir::new().unwrap();
        let information = json!({ "properties": {
            "displayName": "Test", "path": "api", "protocols": ["http"],
            "serviceUrl": self.service_url, "subscriptionRequired": false,
        }});
        write(dir.path(), "policy.xml", &self.policy);
        write(
            dir.path(),
            "apis/test/apiInformation.json",
            &information.to_string(),
        );
        write(dir.path(), "apis/test/specification.yaml", SPECIFICATION);
        for (path, text) in &self.files {
            write(dir.path(), path, text);
        }
        let overrides = NamedValueOverrides::new();
        let configuration = weir_gateway::load_with(dir.path(), &overrides, &self.backend_tls);
        let configuration = configuration.unwrap_or_else(|problems| panic!("{problems}"));
        let shutdown = CancellationToken::new();
        let limiter = match self.limiter {
            Some(address) => address,
            None => start_limiter(shutdown.clone()).await,
        };
        let client = ClientConfig {
            endpoints: vec![format!("http://{limiter}")],
            on_failure: self.on_limiter_failure,
            // A loaded machine must not make an exact limit a local one.
            timeout: if self.limiter.is_some() {
                Duration::from_millis(250)
            } else {
                PATIENCE
            },
            ..ClientConfig::default()
        };
        let mut config = Config {
            trusted_proxies: self
                .trusted
                .iter()
                .map(|network| network.parse().unwrap())
                .collect(),
            clients: self.clients,
            upstream: self.upstream,
            backend_tls: self.backend_tls.clone(),
            ..Config::new(configuration, client)
        };
        let (ask, requests) = watch::channel(());
        if self.reloadable {
            let folder = dir.path().to_owned();
            let files = self.backend_tls.clone();
            let load = move || Ok(weir_gateway::load_with(&folder, &overrides, &files)?);
            config.reload = Some(Reload {
                load: Arc::new(load),
                requests,
            });
        }
        (self.configure)(&mut config);
        let service = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let ops = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, operations) = (service.local_addr().unwrap(), ops.local_addr().unwrap());
        let mut listeners = Listeners::plain(service, Some(ops));
        if let Some(certificates) = &self.secure {
            listeners.tls = Some(secure_listener(certificates).await);
        }
        let secure = listeners.tls.as_ref();
        let secure = secure.map(|secure| secure.listener.local_addr().unwrap());
        let running = tokio::spawn(weir_gateway::run(config, listeners, shutdown.clone()));
        Gateway {
            address,
            secure,
            operations,
            shutdown,
            running,
            ask,
            dir,
        }
    }
}

async fn secure_listener(certificates: &Certificates) -> TlsListener {
    let config = TlsConfig {
        certificates: weir_serve::Certificates::Pair {
            certificate: certificates.certificate_file(),
            key: certificates.key_file(),
        },
        clients: Some(weir_serve::ClientCertificates {
            authorities: certificates.authority_file(),
            required: false,
        }),
        protocols: TlsConfig::http_protocols(),
    };
    TlsListener {
        listener: TcpListener::bind(("127.0.0.1", 0)).await.unwrap(),
        tls: Tls::load(config).unwrap(),
        redirect: None,
        strict_transport: None,
    }
}

async fn start_limiter(shutdown: CancellationToken) -> SocketAddr {
    let service = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = service.local_addr().unwrap();
    let config = weir_limiter::Config {
        store: StoreConfig::Memory,
        ..Default::default()
    };
    tokio::spawn(weir_limiter::run(
        config,
        Listeners::plain(service, None),
        shutdown,
    ));
    address
}

fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    /// Where it serves TLS.
    pub(crate) secure: Option<SocketAddr>,
    pub(crate) operations: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) running: JoinHandle<Result<(), weir_gateway::Error>>,
    ask: watch::Sender<()>,
    dir: TempDir,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Gateway {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Replaces a file of the configuration folder.
    pub(crate) fn write(&self, path: &str, text: &str) {
        write(self.dir.path(), path, text);
    }

    /// Asks it to read its folder again, and waits until it has, with this result.
    pub(crate) async fn reload(&self, result: &str) {
        let before = self.reloads(result).await;
        self.ask.send_replace(());
        weir_testkit::eventually(PATIENCE, || async { self.reloads(result).await > before }).await;
    }

    async fn reloads(&self, result: &str) -> u64 {
        self.metric(&format!(
            "weir_gateway_config_reloads_total{{result=\"{result}\"}}"
        ))
        .await
        .unwrap_or(0.0) as u64
    }

    /// The value of a metric.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let text = send(client().get(format!("http://{}/metrics", self.operations)))
            .await
            .body;
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// A request to be sent with [`send`].
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        client().request(method.parse().unwrap(), self.url(path))
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.request("GET", path)
    }
}

/// A client with connections of its own.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer {
        status,
        headers,
        body: response.text().await.unwrap(),
    }
}

/// A global document with these inbound steps.
pub(crate) fn inbound(steps: &str) -> String {
    document(steps, "<forward-request/>", "", "")
}

pub(crate) fn document(inbound: &str, backend: &str, outbound: &str, on_error: &str) -> String {
    format!(
        "<policies><inbound>{inbound}</inbound><backend>{backend}</backend>\
         <outbound>{outbound}</outbound><on-error>{on_error}</on-error></policies>"
    )
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(crate) fn base64_url(bytes: &[u8]) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    i64::try_from(now).unwrap() + seconds
}

/// A token of `subject` that the test policies accept.
pub(crate) fn token(subject: &str) -> String {
    token_of(&json!({ "sub": subject, "aud": "test", "exp": seconds_from_now(3600) }))
}

pub(crate) fn token_of(claims: &Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET);
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).unwrap()
}

/// The `validate-jwt` of the scenario with an inline key instead of a provider.
pub(crate) fn validate_jwt(attributes: &str, children: &str) -> String {
    format!(
        r#"<validate-jwt header-name="Authorization" {attributes}>
             <issuer-signing-keys><key>{}</key></issuer-signing-keys>{children}
           </validate-jwt>"#,
        base64(SECRET)
    )
}
