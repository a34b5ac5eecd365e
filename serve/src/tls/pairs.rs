//! Reads the server's certificates and their keys.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate};

use super::{Certificates, TlsError, read_certificates, read_file};

/// A certificate with its key.
#[derive(Debug)]
pub(super) struct Pair {
    /// The certificate's file name, without its folder.
    pub(super) file: String,
    /// The names it is made out to, in lower case; `*.example.com` stands for one label.
    pub(super) names: Vec<String>,
    pub(super) expires: Expiry,
    pub(super) key: Arc<CertifiedKey>,
}

/// When a certificate expires, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expiry(pub(super) i64);

impl Expiry {
    /// Whole days until then; negative: it has been.
    pub(super) fn days_left(self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        });
        (self.0 - now).div_euclid(24 * 60 * 60)
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match x509_parser::time::ASN1Time::from_timestamp(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "@{}", self.0),
        }
    }
}

/// All pairs; the first is for clients that ask for a name that no certificate has, or for none.
pub(super) fn read(
    certificates: &Certificates,
    provider: &CryptoProvider,
) -> Result<Vec<Pair>, TlsError> {
    match certificates {
        Certificates::Pair { certificate, key } => Ok(vec![pair(certificate, key, provider)?]),
        Certificates::Folder(folder) => {
            let mut pairs = Vec::new();
            for key in keys(folder)? {
                let certificate =
                    beside(&key).ok_or_else(|| TlsError::Alone { key: key.clone() })?;
                pairs.push(pair(&certificate, &key, provider)?);
            }
            if pairs.is_empty() {
                return Err(TlsError::Empty {
                    folder: folder.clone(),
                });
            }
            Ok(pairs)
        }
    }
}

/// A number that changes whenever one of the files does, or `also` does. What cannot be read counts
/// as not there.
pub(super) fn fingerprint(certificates: &Certificates, also: Option<&Path>) -> u64 {
    let mut files = Vec::new();
    match certificates {
        Certificates::Pair { certificate, key } => files.extend([certificate.clone(), key.clone()]),
        Certificates::Folder(folder) => {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            files.extend(entries.map(|entry| entry.path()));
            files.sort();
        }
    }
    files.extend(also.map(Path::to_owned));
    let mut state = DefaultHasher::new();
    for file in files {
        file.hash(&mut state);
        // Links are followed. The time of the last change of the entry itself cannot be set back,
        // so that a copy that keeps the old time is seen too.
        if let Ok(data) = std::fs::metadata(&file) {
            (data.ino(), data.size(), data.ctime(), data.ctime_nsec()).hash(&mut state);
            (data.mtime(), data.mtime_nsec()).hash(&mut state);
        }
    }
    state.finish()
}

/// The keys of a folder: `default.key` first, then by name. Hidden files are left out: that is how
/// a mounted secret keeps its versions.
fn keys(folder: &Path) -> Result<Vec<PathBuf>, TlsError> {
    let unreadable = |source| TlsError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut keys = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if !name.starts_with(b".") && path.extension().is_some_and(|ending| ending == "key") {
            keys.push(path);
        }
    }
    keys.sort_by_key(|path| {
        (
            path.file_stem().is_none_or(|stem| stem != "default"),
            path.clone(),
        )
    });
    Ok(keys)
}

fn beside(key: &Path) -> Option<PathBuf> {
    ["crt", "pem"]
        .map(|ending| key.with_extension(ending))
        .into_iter()
        .find(|path| path.is_file())
}

fn pair(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<Pair, TlsError> {
    let chain = read_certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_slice(&read_file(key)?).map_err(|_| TlsError::NoKey {
        path: key.to_owned(),
    })?;
    let damaged = |problem: &dyn fmt::Display| TlsError::Damaged {
        path: certificate.to_owned(),
        problem: problem.to_string(),
    };
    let (_, parsed) = X509Certificate::from_der(&chain[0]).map_err(|error| damaged(&error))?;
    let expires = Expiry(parsed.validity().not_after.timestamp());
    let names = names(&parsed);
    let key =
        CertifiedKey::from_der(chain, private, provider).map_err(|source| TlsError::Mismatch {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            source,
        })?;
    Ok(Pair {
        file: certificate
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        names,
        expires,
        key: Arc::new(key),
    })
}

/// The DNS names of a certificate. Its common name is not one: no client looks at that any more.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for extension in certificate.extensions() {
        if let ParsedExtension::SubjectAlternativeName(alternatives) = extension.parsed_extension()
        {
            for name in &alternatives.general_names {
                if let GeneralName::DNSName(name) = name {
                    names.push(name.to_ascii_lowercase());
                }
            }
        }
    }
    names
}
