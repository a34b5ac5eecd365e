//! The certificates that backends may ask for, from a folder.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use weir_policy::Diagnostic;
use weir_policy::plan::CertificateName;

use super::{Digest, finished, problem, provider, read};

/// Certificates of one gateway: more than one for every API of the largest estates.
const MOST_CERTIFICATES: usize = 2_000;

/// A certificate with its key.
pub(crate) struct ClientCertificate {
    pub(super) resolver: Arc<dyn ResolvesClientCert>,
    /// Of the certificate and those it comes with.
    pub(super) digest: Digest,
    /// The SHA-1 of the certificate in upper-case hexadecimal digits: what APIM knows it by.
    thumbprint: String,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

/// The certificates of a folder.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    by_id: HashMap<String, Arc<ClientCertificate>>,
    by_thumbprint: HashMap<String, Arc<ClientCertificate>>,
}

impl Certificates {
    /// Reads a folder. Every file that cannot be used is reported.
    pub(super) fn read(folder: &Path, problems: &mut Vec<Diagnostic>) -> Self {
        let help = "name a folder of `name.pem`, or of `name.crt` and `name.key`, with --backend-certificates";
        let mut certificates = Self::default();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                problems.push(problem(folder, format!("cannot be read: {error}"), help));
                return certificates;
            }
        };
        let mut paths: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| is_certificate(path))
            .collect();
        paths.sort();
        if paths.len() > MOST_CERTIFICATES {
            let message = format!("holds more than {MOST_CERTIFICATES} certificates");
            problems.push(problem(folder, message, help));
            return certificates;
        }
        for path in paths {
            if let Err(message) = certificates.add(&path) {
                problems.push(problem(&path, message, help));
            }
        }
        certificates
    }

    fn add(&mut self, path: &Path) -> Result<(), String> {
        let id = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .ok_or_else(|| "has a name that is not UTF-8".to_owned())?;
        let certificate = Arc::new(ClientCertificate::read(path)?);
        let thumbprint = certificate.thumbprint.clone();
        self.by_thumbprint
            .insert(thumbprint, Arc::clone(&certificate));
        match self.by_id.insert(id.to_owned(), certificate) {
            None => Ok(()),
            Some(_) => Err(format!("there is another certificate named `{id}`")),
        }
    }

    /// The certificate of that name.
    pub(crate) fn find(&self, name: &CertificateName) -> Option<&Arc<ClientCertificate>> {
        match name {
            CertificateName::Id(id) => self.by_id.get(id),
            CertificateName::Thumbprint(text) => self.by_thumbprint.get(&normalized(text)),
        }
    }
}

/// `name.key` belongs to `name.crt`; hidden files are the bookkeeping of mounted volumes.
fn is_certificate(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let is_hidden = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    matches!(ending, Some("pem" | "crt")) && !is_hidden && path.is_file()
}

impl ClientCertificate {
    fn read(path: &Path) -> Result<Self, String> {
        let text = read(path)?;
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&text)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("is not PEM: {error}"))?;
        let Some(first) = chain.first() else {
            return Err("holds no certificate".to_owned());
        };
        let thumbprint = hexadecimal(digest(&SHA1_FOR_LEGACY_USE_ONLY, first).as_ref());
        let mut all = Context::new(&SHA256);
        for certificate in &chain {
            all.update(certificate);
        }
        let key = if path.extension().is_some_and(|ending| ending == "crt") {
            let beside = path.with_extension("key");
            let key = read(&beside).and_then(|text| private_key(&text));
            key.map_err(|message| format!("its key, `{}`, {message}", beside.display()))?
        } else {
            private_key(&text)?
        };
        let certified = CertifiedKey::from_der(chain, key, &provider())
            .map_err(|error| format!("cannot be used with its key: {error}"))?;
        Ok(Self {
            resolver: Arc::new(SingleCertAndKey::from(certified)),
            digest: finished(all),
            thumbprint,
        })
    }
}

fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(text)
        .map_err(|_| "holds no private key that can be read (PEM, not encrypted)".to_owned())
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

/// Thumbprints are written with and without colons and spaces, in either case.
fn normalized(thumbprint: &str) -> String {
    thumbprint
        .chars()
        .filter(char::is_ascii_hexdigit)
        .map(|digit| digit.to_ascii_uppercase())
        .collect()
}
