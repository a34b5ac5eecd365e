//! An authority of a test's own, and certificates for servers and clients on loopback.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

/// Authorities made so far in this process.
static AUTHORITIES: AtomicU32 = AtomicU32::new(1);

/// The names of a server on loopback.
const LOOPBACK: [&str; 2] = ["localhost", "127.0.0.1"];

/// Files for a TLS server on `127.0.0.1` and `localhost`, and the authority that signed them, which
/// signs more certificates on demand. Clones share the files, which are removed with the last.
#[derive(Clone)]
pub struct Certificates {
    directory: Arc<TempDir>,
    authority: String,
    issuer: Arc<Issuer<'static, KeyPair>>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// A certificate with its key, both in PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Identity {
    /// Certificate and key, one after the other.
    #[must_use]
    pub fn pem(&self) -> String {
        format!("{}{}", self.certificate, self.key)
    }

    /// Writes both into one file, `name.pem` in `folder`.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn write(&self, folder: &Path, name: &str) {
        std::fs::write(folder.join(format!("{name}.pem")), self.pem())
            .expect("a temporary file can be written");
    }

    /// Writes `NAME.pem` and `NAME.key` into a folder.
    ///
    /// # Panics
    /// If they cannot be written.
    pub fn write_pair(&self, folder: &Path, name: &str) {
        for (ending, text) in [("pem", &self.certificate), ("key", &self.key)] {
            std::fs::write(folder.join(format!("{name}.{ending}")), text)
                .expect("a temporary file can be written");
        }
    }

    /// A certificate for loopback that nobody signed but itself.
    ///
    /// # Panics
    /// If there is no randomness.
    #[must_use]
    pub fn self_signed() -> Self {
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = parameters("weir test server", &LOOPBACK)
            .self_signed(&key)
            .expect("a certificate can sign itself");
        Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Certificates {
    /// Makes an authority and a certificate.
    ///
    /// # Panics
    /// If the files cannot be written.
    #[must_use]
    pub fn new() -> Self {
        let authority_key = KeyPair::generate().expect("a key can be made");
        // A name of its own: OpenSSL takes a certificate that is named as its issuer for one that
        // signed itself, and two authorities of one name for one with two keys.
        let number = AUTHORITIES.fetch_add(1, Ordering::Relaxed);
        let mut own = parameters(&format!("weir test authority {number}"), &[]);
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        own.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let authority = own
            .self_signed(&authority_key)
            .expect("an authority can sign itself")
            .pem();
        let certificates = Self {
            directory: Arc::new(tempfile::tempdir().expect("a temporary directory can be made")),
            authority,
            issuer: Arc::new(Issuer::new(own, authority_key)),
        };
        let server = certificates.server(&LOOPBACK);
        for (name, text) in [
            ("ca.pem", &certificates.authority),
            ("server.pem", &server.certificate),
            ("server.key", &server.key),
        ] {
            std::fs::write(certificates.directory.path().join(name), text)
                .expect("a temporary file can be written");
        }
        certificates
    }

    /// A server's certificate for these names and addresses.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> Identity {
        self.signed(&parameters("weir test server", names))
    }

    /// A server's certificate for loopback whose time is over.
    #[must_use]
    pub fn expired(&self) -> Identity {
        let mut expired = parameters("weir test server", &LOOPBACK);
        expired.not_before = date_time_ymd(2020, 1, 1);
        expired.not_after = date_time_ymd(2021, 1, 1);
        self.signed(&expired)
    }

    /// The certificate of a client.
    #[must_use]
    pub fn client(&self, name: &str) -> Identity {
        let mut client = parameters(name, &[]);
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.signed(&client)
    }

    /// The certificate of a client whose time is over.
    #[must_use]
    pub fn expired_client(&self, name: &str) -> Identity {
        let mut client = parameters(name, &[]);
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        client.not_before = date_time_ymd(2020, 1, 1);
        client.not_after = date_time_ymd(2021, 1, 1);
        self.signed(&client)
    }

    /// A certificate of that name which is for servers only.
    #[must_use]
    pub fn server_only(&self, name: &str) -> Identity {
        let mut server = parameters(name, &[]);
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.signed(&server)
    }

    fn signed(&self, parameters: &CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = parameters
            .signed_by(&key, &*self.issuer)
            .expect("the authority can sign");
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// The authority's certificate in PEM.
    #[must_use]
    pub fn authority(&self) -> &[u8] {
        self.authority.as_bytes()
    }

    /// The file with the authority's certificate.
    #[must_use]
    pub fn authority_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// The file with the server's certificate.
    #[must_use]
    pub fn certificate_file(&self) -> PathBuf {
        self.directory.path().join("server.pem")
    }

    /// The file with the server's key.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.directory.path().join("server.key")
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

fn parameters(name: &str, alternative_names: &[&str]) -> CertificateParams {
    let names: Vec<String> = alternative_names
        .iter()
        .map(|&name| name.to_owned())
        .collect();
    let mut parameters = CertificateParams::new(names).expect("the names are valid");
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}
