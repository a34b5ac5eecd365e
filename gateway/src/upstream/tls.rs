//! TLS to backends: whom the gateway believes, and what it shows of itself.
//!
//! A backend's certificate must come from an authority of this machine or of `--backend-ca`, be
//! valid now, and be for the host of the backend's URL, which is also the name the backend is asked
//! for (SNI); a `Host` that a policy sets changes neither. A backend entity may switch either check
//! off. Sessions are resumed; nothing is sent before a handshake is over (no 0-RTT).

mod certificates;
mod verifier;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{Context, SHA256};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use weir_policy::{Diagnostic, Diagnostics};

pub(crate) use self::certificates::{Certificates, ClientCertificate};
pub(super) use self::verifier::SelfSigned;
use self::verifier::Verifier;

/// Bytes of one file: the authorities of a whole system are about 250 KiB.
const MOST_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Sessions remembered for one destination. There is one name in it; a server gives several tickets
/// under TLS 1.3, and they count as one here.
const SESSIONS: usize = 4;
/// What is spoken inside, the better first (RFC 7301).
const BOTH: [&[u8]; 2] = [b"h2", b"http/1.1"];
const HTTP_1: [&[u8]; 1] = [b"http/1.1"];

/// A SHA-256.
type Digest = [u8; 32];

/// The files that TLS to backends needs. They are read at the start and at every reload.
#[derive(Debug, Clone, Default)]
pub struct BackendTls {
    /// Authorities to believe besides the machine's own: PEM, several in one file.
    pub authorities: Option<PathBuf>,
    /// A folder of certificates with keys, to show to backends that ask: `name.pem` with both, or
    /// `name.crt` and `name.key`.
    pub certificates: Option<PathBuf>,
}

/// How one backend is to be spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// `tls.validateCertificateChain`
    pub(crate) check_chain: bool,
    /// `tls.validateCertificateName`
    pub(crate) check_name: bool,
    /// What is shown to a backend that asks who we are.
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
    /// Whether HTTP/2 is not even offered.
    pub(crate) only_http1: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            check_chain: true,
            check_name: true,
            certificate: None,
            only_http1: false,
        }
    }
}

/// What connections must have in common to be used for each other's requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TermsKey {
    trust: Digest,
    check_chain: bool,
    check_name: bool,
    only_http1: bool,
    certificate: Option<Digest>,
}

/// What the files of [`BackendTls`] held.
#[derive(Debug, Default)]
pub(crate) struct TlsFiles {
    authorities: Vec<CertificateDer<'static>>,
    pub(crate) certificates: Certificates,
    /// Made when a backend with TLS is first named: the machine's authorities take a while to read.
    trust: OnceLock<Trust>,
}

#[derive(Debug)]
struct Trust {
    roots: Arc<RootCertStore>,
    digest: Digest,
}

impl BackendTls {
    /// Reads the files.
    ///
    /// # Errors
    /// Whatever is wrong with any of them.
    pub(crate) fn read(&self) -> Result<TlsFiles, Diagnostics> {
        let mut problems = Vec::new();
        let mut files = TlsFiles::default();
        if let Some(path) = &self.authorities {
            match read_authorities(path) {
                Ok(authorities) => files.authorities = authorities,
                Err(message) => {
                    problems.push(problem(path, message, "name a PEM file with --backend-ca"));
                }
            }
        }
        if let Some(folder) = &self.certificates {
            files.certificates = Certificates::read(folder, &mut problems);
        }
        if problems.is_empty() {
            Ok(files)
        } else {
            Err(Diagnostics(problems))
        }
    }
}

impl TlsFiles {
    /// Reads the machine's authorities now rather than at the first connection.
    pub(crate) fn prepare(&self) {
        self.trust();
    }

    fn trust(&self) -> &Trust {
        self.trust.get_or_init(|| Trust::new(&self.authorities))
    }

    pub(super) fn key(&self, terms: &Terms) -> TermsKey {
        TermsKey {
            trust: self.trust().digest,
            check_chain: terms.check_chain,
            check_name: terms.check_name,
            only_http1: terms.only_http1,
            certificate: terms.certificate.as_ref().map(|shown| shown.digest),
        }
    }

    /// The client's side of TLS on these terms, with a memory of sessions of its own.
    pub(super) fn config(&self, terms: &Terms) -> ClientConfig {
        let provider = provider();
        let verifier = Verifier {
            roots: Arc::clone(&self.trust().roots),
            algorithms: provider.signature_verification_algorithms,
            check_chain: terms.check_chain,
            check_name: terms.check_name,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &terms.certificate {
            Some(shown) => builder.with_client_cert_resolver(Arc::clone(&shown.resolver)),
            None => builder.with_no_client_auth(),
        };
        let protocols: &[&[u8]] = if terms.only_http1 { &HTTP_1 } else { &BOTH };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        config
    }
}

impl Trust {
    fn new(own: &[CertificateDer<'static>]) -> Self {
        let machine = rustls_native_certs::load_native_certs();
        for error in &machine.errors {
            tracing::debug!(%error, "an authority of this machine cannot be read");
        }
        let mut roots = RootCertStore::empty();
        let mut digest = Context::new(&SHA256);
        for authority in machine.certs.iter().chain(own) {
            // Some machines carry authorities that no longer parse: their own affair.
            if roots.add(authority.clone()).is_ok() {
                digest.update(authority);
            }
        }
        if roots.is_empty() {
            tracing::warn!(
                "this machine has no certificate authorities and --backend-ca names none: no https:// backend will be believed"
            );
        }
        Self {
            roots: Arc::new(roots),
            digest: finished(digest),
        }
    }
}

/// The name in a URL's host that a certificate can be for.
pub(super) fn server_name(host: &str) -> Option<ServerName<'static>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(bare.to_owned()).ok()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn finished(context: Context) -> Digest {
    let digest = context.finish();
    digest.as_ref().try_into().expect("a SHA-256 has 32 bytes")
}

fn read_authorities(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(path)?;
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let authorities = parsed.map_err(|error| format!("is not PEM: {error}"))?;
    if authorities.is_empty() {
        return Err("holds no certificate".to_owned());
    }
    let mut store = RootCertStore::empty();
    for (index, authority) in authorities.iter().enumerate() {
        store
            .add(authority.clone())
            .map_err(|error| format!("its certificate {} cannot be used: {error}", index + 1))?;
    }
    Ok(authorities)
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, String> {
    let unreadable = |error| format!("cannot be read: {error}");
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > MOST_FILE_BYTES {
        return Err(format!("is larger than {MOST_FILE_BYTES} bytes"));
    }
    std::fs::read(path).map_err(unreadable)
}

fn problem(file: &std::path::Path, message: String, help: &str) -> Diagnostic {
    Diagnostic {
        file: file.display().to_string().into(),
        position: None,
        message,
        help: Some(help.to_owned()),
    }
}
