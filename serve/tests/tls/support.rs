//! A server with and without TLS, and clients.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use weir_serve::{
    Certificates, ClientCertificates, Http, Limits, Listeners, Peer, Protocols, Service, Tls,
    TlsConfig, TlsListener,
};
use weir_telemetry::Ops;
use weir_testkit::Identity;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const LIMITS: Limits = Limits {
    connections: 8,
    header_bytes: 8 * 1024,
    headers: 100,
    header_timeout: Duration::from_secs(2),
    idle_timeout: PATIENCE,
    stall_timeout: PATIENCE,
    streams: 10,
    drain: Duration::from_secs(5),
};

/// Says how it was reached: scheme, and the subject of the client's certificate.
struct Mirror;

impl Service for Mirror {
    type Body = Full<Bytes>;

    async fn answer(&self, _: Request<Incoming>, peer: &Peer) -> Response<Full<Bytes>> {
        let subject = peer.certificate.as_ref().map(|shown| &*shown.subject);
        let text = format!("{} {}", peer.scheme, subject.unwrap_or("nobody"));
        Response::new(Full::from(text))
    }
}

pub(crate) struct Server {
    pub(crate) plain: SocketAddr,
    pub(crate) secure: SocketAddr,
    pub(crate) tls: Tls,
    pub(crate) ops: Ops,
    shutdown: CancellationToken,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Server {
    pub(crate) async fn start(config: TlsConfig) -> Self {
        Self::start_with(config, None, None).await
    }

    pub(crate) async fn start_with(
        config: TlsConfig,
        redirect: Option<u16>,
        strict_transport: Option<HeaderValue>,
    ) -> Self {
        let tls = Tls::load(config).unwrap();
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (plain, secure) = (
            service.local_addr().unwrap(),
            listener.local_addr().unwrap(),
        );
        let mut listeners = Listeners::plain(service, None);
        listeners.tls = Some(TlsListener {
            listener,
            tls: tls.clone(),
            redirect,
            strict_transport,
        });
        let ops = Ops::new("test");
        let (sockets, _) = listeners.split(&ops);
        let shutdown = CancellationToken::new();
        let mut how = Http::new(Protocols::Http1AndHttp2, LIMITS);
        how.trusted = vec!["127.0.0.2/32".parse().unwrap()].into();
        tokio::spawn(weir_serve::http(sockets, how, Mirror, shutdown.clone()));
        Self {
            plain,
            secure,
            tls,
            ops,
            shutdown,
        }
    }

    /// A metric's value.
    pub(crate) fn metric(&self, name: &str) -> String {
        let text = self.ops.render();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))
            .trim()
            .to_owned()
    }
}

/// One certificate for `localhost`, and no questions.
pub(crate) fn folder(path: &Path) -> TlsConfig {
    TlsConfig {
        certificates: Certificates::Folder(path.to_owned()),
        clients: None,
        protocols: TlsConfig::http_protocols(),
    }
}

/// The testkit's certificate for `localhost`.
pub(crate) fn pair(certificates: &weir_testkit::Certificates) -> TlsConfig {
    TlsConfig {
        certificates: Certificates::Pair {
            certificate: certificates.certificate_file(),
            key: certificates.key_file(),
        },
        clients: None,
        protocols: TlsConfig::http_protocols(),
    }
}

/// The same, and clients have to show one of `authority`.
pub(crate) fn mutual(
    certificates: &weir_testkit::Certificates,
    authority: &weir_testkit::Certificates,
    required: bool,
) -> TlsConfig {
    TlsConfig {
        clients: Some(ClientCertificates {
            authorities: authority.authority_file(),
            required,
        }),
        ..pair(certificates)
    }
}

/// The authority of `certificates`.
pub(crate) fn roots(certificates: &weir_testkit::Certificates) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(certificates.authority()).unwrap();
    roots.add(authority).unwrap();
    roots
}

/// A client that believes `certificates`' authority and shows `own`.
pub(crate) fn client(
    certificates: &weir_testkit::Certificates,
    own: Option<&Identity>,
) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(certificates));
    match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

pub(crate) async fn connect(
    address: SocketAddr,
    config: ClientConfig,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// The answer to a request on a connection of its own, head and all.
pub(crate) async fn ask(
    address: SocketAddr,
    config: ClientConfig,
    name: &str,
) -> std::io::Result<String> {
    let mut stream = connect(address, config, name).await?;
    let request = format!("GET / HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
