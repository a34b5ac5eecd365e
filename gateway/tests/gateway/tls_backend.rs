//! A backend in TLS that remembers how it was spoken to.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use weir_gateway::BackendTls;
use weir_testkit::{Certificates, Identity};

use crate::support::{Gateway, document};
use crate::upstream::Body;

/// What the backend offers inside TLS.
pub(crate) const HTTP_1: &[&str] = &["http/1.1"];
pub(crate) const HTTP_2: &[&str] = &["h2", "http/1.1"];

/// How many connections there were of each kind.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    full: AtomicUsize,
    resumed: AtomicUsize,
    refused: AtomicUsize,
    /// With the name that was asked for.
    named: AtomicUsize,
}

/// A running backend. It stops when dropped.
pub(crate) struct TlsBackend {
    pub(crate) address: SocketAddr,
    counts: Arc<Counts>,
    drain: watch::Sender<()>,
    stop: CancellationToken,
}

impl Drop for TlsBackend {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What a server with `identity` that offers `protocols` says; with `authority` it wants a
/// certificate of its own kind from clients.
pub(crate) fn config(
    identity: &Identity,
    protocols: &[&str],
    authority: Option<&[u8]>,
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match authority {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(authority).unwrap())
                .unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let chain = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(vec![chain], key).unwrap();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    config
}

impl TlsBackend {
    /// Gives each request to `handler` as it arrives.
    pub(crate) async fn start<F, Fut>(config: ServerConfig, handler: F) -> Self
    where
        F: Fn(Request<Incoming>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Response<Body>> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (acceptor, handler) = (TlsAcceptor::from(Arc::new(config)), Arc::new(handler));
        let (counts, stop) = (Arc::new(Counts::default()), CancellationToken::new());
        let drain = watch::Sender::new(());
        let backend = Self {
            address,
            counts: Arc::clone(&counts),
            drain: drain.clone(),
            stop: stop.clone(),
        };
        tokio::spawn(async move {
            while let Some(Ok((stream, _))) = stop.run_until_cancelled(listener.accept()).await {
                let (acceptor, handler) = (acceptor.clone(), Arc::clone(&handler));
                let (counts, stop, draining) = (counts.clone(), stop.clone(), drain.subscribe());
                tokio::spawn(async move {
                    let connection = async {
                        if let Some(stream) = counts.accept(&acceptor, stream).await {
                            serve(stream, handler, draining).await;
                        }
                    };
                    stop.run_until_cancelled(connection).await;
                });
            }
        });
        backend
    }

    /// Answers `hello` to everything.
    pub(crate) async fn hello(config: ServerConfig) -> Self {
        Self::start(config, |_| async {
            Response::new(crate::upstream::full("hello"))
        })
        .await
    }

    /// Its URL, by name.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/api", self.address.port())
    }

    /// Ends every connection once its requests are answered: in HTTP/2 with GOAWAY.
    pub(crate) fn drain(&self) {
        self.drain.send_replace(());
    }

    /// Connections whose handshake was finished.
    pub(crate) fn connections(&self) -> usize {
        self.full() + self.resumed()
    }

    pub(crate) fn full(&self) -> usize {
        self.counts.full.load(Ordering::SeqCst)
    }

    pub(crate) fn resumed(&self) -> usize {
        self.counts.resumed.load(Ordering::SeqCst)
    }

    pub(crate) fn refused(&self) -> usize {
        self.counts.refused.load(Ordering::SeqCst)
    }

    /// Connections that asked for `localhost`.
    pub(crate) fn named(&self) -> usize {
        self.counts.named.load(Ordering::SeqCst)
    }
}

impl Counts {
    async fn accept(
        &self,
        acceptor: &TlsAcceptor,
        stream: TcpStream,
    ) -> Option<TlsStream<TcpStream>> {
        match acceptor.accept(stream).into_fallible().await {
            Ok(stream) => {
                let session = stream.get_ref().1;
                let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
                let count = if resumed { &self.resumed } else { &self.full };
                count.fetch_add(1, Ordering::SeqCst);
                if session.server_name() == Some("localhost") {
                    self.named.fetch_add(1, Ordering::SeqCst);
                }
                Some(stream)
            }
            Err((_, mut stream)) => {
                self.refused.fetch_add(1, Ordering::SeqCst);
                // Closing with bytes unread would take back the alert that says why.
                let _ = stream.read_to_end(&mut Vec::new()).await;
                None
            }
        }
    }
}

async fn serve<F, Fut>(
    stream: TlsStream<TcpStream>,
    handler: Arc<F>,
    mut draining: watch::Receiver<()>,
) where
    F: Fn(Request<Incoming>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<Body>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(handler(request).await) }
    });
    let server = auto::Builder::new(TokioExecutor::new());
    let connection = server.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = draining.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Says in a header why a request failed.
pub(crate) fn telling(steps: &str) -> String {
    let why = r#"<set-header name="x-why" exists-action="override">
                   <value>@(context.LastError.Message)</value></set-header>"#;
    document(steps, "<forward-request/>", "", why)
}

pub(crate) fn believing(authority: &Certificates) -> BackendTls {
    BackendTls {
        authorities: Some(authority.authority_file()),
        certificates: None,
    }
}

pub(crate) async fn failures(gateway: &Gateway, cause: &str) -> f64 {
    let name = format!("weir_gateway_upstream_failures_total{{cause=\"{cause}\"}}");
    gateway.metric(&name).await.unwrap()
}

/// A backend entity `f` at `backend`.
pub(crate) fn entity(backend: &TlsBackend, tls: &str, credentials: &str) -> String {
    format!(
        r#"{{"properties": {{"url": "{}", "protocol": "http",
             "tls": {{{tls}}}, "credentials": {{{credentials}}} }} }}"#,
        backend.url()
    )
}

pub(crate) const USE_ENTITY: &str = r#"<set-backend-service backend-id="f"/>"#;
pub(crate) const ENTITY: &str = "backends/f/backendInformation.json";
