//! TLS to clients: certificates that are chosen by name and taken up as their files change, and
//! what clients have to show.
//!
//! TLS 1.2 and 1.3 with rustls' own choice of suites, all of them with forward secrecy and
//! authenticated encryption; there is no renegotiation and no early data.

mod client_certificate;
mod error;
mod metrics;
mod pairs;
mod resolver;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use weir_telemetry::Ops;

pub use self::client_certificate::ClientCertificate;
pub use self::error::TlsError;
pub(crate) use self::metrics::Handshake;
use self::metrics::Metrics;
use self::pairs::Pair;
use self::resolver::ByName;

/// Where certificates are, and what clients have to show.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// The server's own.
    pub certificates: Certificates,
    /// What clients have to show; `None`: nothing.
    pub clients: Option<ClientCertificates>,
    /// The protocols offered, the preferred one first (ALPN).
    pub protocols: Vec<Vec<u8>>,
}

/// Where the server's certificates are.
#[derive(Debug, Clone)]
pub enum Certificates {
    /// One certificate with its chain, and its key, both in PEM.
    Pair {
        /// The file with the certificate, followed by those that lead to the authority.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
    /// A folder of pairs: `NAME.key` with `NAME.crt` or `NAME.pem`. Clients get the one that is
    /// made out to the name they ask for; all others get `default`, or the first by file name.
    Folder(PathBuf),
}

/// Client certificates.
#[derive(Debug, Clone)]
pub struct ClientCertificates {
    /// The file with the authorities that are believed, in PEM.
    pub authorities: PathBuf,
    /// Whether a client without one is turned away.
    pub required: bool,
}

impl TlsConfig {
    /// HTTP/2 and HTTP/1.1.
    #[must_use]
    pub fn http_protocols() -> Vec<Vec<u8>> {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    }

    /// A number that changes whenever a file does that [`Tls::reload`] reads.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let authorities = self.clients.as_ref().map(|clients| &*clients.authorities);
        pairs::fingerprint(&self.certificates, authorities)
    }
}

/// TLS as it holds now. Clones are the same.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: TlsConfig,
    current: ArcSwap<ServerConfig>,
    metrics: Metrics,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// If one is missing or broken, a key is not its certificate's, or there is none.
    pub fn load(config: TlsConfig) -> Result<Self, TlsError> {
        let metrics = Metrics::default();
        let current = ArcSwap::from_pointee(read(&config, &metrics)?);
        Ok(Self(Arc::new(Inner {
            config,
            current,
            metrics,
        })))
    }

    /// Reads the files again. New connections get what they say; those that are open go on as they
    /// began.
    ///
    /// # Errors
    /// Like [`load`](Self::load); what held before still holds then.
    pub fn reload(&self) -> Result<(), TlsError> {
        let Inner {
            config,
            current,
            metrics,
        } = &*self.0;
        let result = read(config, metrics).map(|server| current.store(Arc::new(server)));
        metrics.reloaded(result.is_ok());
        result
    }

    /// Reads the files again whenever `requests` asks for it, and says in the log how that went.
    pub async fn keep_current(self, mut requests: watch::Receiver<()>) {
        while requests.changed().await.is_ok() {
            let tls = self.clone();
            // Reads files.
            let result = tokio::task::spawn_blocking(move || tls.reload()).await;
            match result {
                Ok(Ok(())) => tracing::info!("the certificates were read again"),
                Ok(Err(error)) => tracing::error!(
                    %error,
                    "the certificates were refused; those from before still hold"
                ),
                Err(error) => tracing::error!(%error, "reading the certificates failed"),
            }
        }
    }

    /// Registers what is counted of it.
    pub(crate) fn register(&self, ops: &Ops) {
        ops.registry(|registry| self.0.metrics.register(registry));
    }

    pub(crate) async fn handshake(
        &self,
        stream: TcpStream,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let acceptor = TlsAcceptor::from(self.0.current.load_full());
        acceptor.accept(stream).await
    }

    pub(crate) fn count(&self, handshake: Handshake) {
        self.0.metrics.handshake(handshake);
    }
}

fn read(config: &TlsConfig, metrics: &Metrics) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let pairs = pairs::read(&config.certificates, &provider)?;
    let verifier = match &config.clients {
        Some(clients) => verifier(clients, &provider)?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(TlsError::Rustls)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(ByName::new(&pairs)));
    server.alpn_protocols.clone_from(&config.protocols);
    if config.clients.is_some() {
        // A resumed session shows the certificate of its first handshake, however long ago that
        // was: whoever has to show one shows it each time.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
    } else {
        server.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(TlsError::Rustls)?;
    }
    tell(&pairs, metrics);
    Ok(server)
}

/// Says in the log and in the metrics which certificates hold, and for how long.
fn tell(pairs: &[Pair], metrics: &Metrics) {
    metrics.certificates(pairs);
    for Pair {
        file,
        names,
        expires,
        ..
    } in pairs
    {
        let days = expires.days_left();
        if days < 0 {
            tracing::warn!(
                %file,
                ?names,
                %expires,
                "this certificate has expired: clients refuse it"
            );
        } else {
            tracing::info!(%file, ?names, %expires, days, "a certificate for TLS was read");
        }
    }
}

fn verifier(
    clients: &ClientCertificates,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let path = &clients.authorities;
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(path)? {
        roots
            .add(certificate)
            .map_err(|source| TlsError::Authority {
                path: path.clone(),
                source,
            })?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if clients.required {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    builder.build().map_err(|source| TlsError::Verifier {
        path: path.clone(),
        source,
    })
}

/// The certificates of a PEM file, at least one.
fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read_file(path)?;
    let certificates = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::Pem {
            path: path.to_owned(),
            source,
        })?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate {
            path: path.to_owned(),
        });
    }
    Ok(certificates)
}

fn read_file(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}
