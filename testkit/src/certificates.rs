//! An authority of a test's own, and a server certificate for loopback.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;

/// Files for a TLS server on `127.0.0.1` and `localhost`, and the authority that signed them.
/// Clones share the files, which are removed with the last.
#[derive(Debug, Clone)]
pub struct Certificates {
    directory: Arc<TempDir>,
    authority: String,
}

impl Certificates {
    /// Makes an authority and a certificate.
    ///
    /// # Panics
    /// If the files cannot be written.
    #[must_use]
    pub fn new() -> Self {
        let authority_key = KeyPair::generate().expect("a key can be made");
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names are valid names");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        // A name of its own: OpenSSL takes a certificate that is named as its issuer for one that
        // signed itself.
        parameters
            .distinguished_name
            .push(DnType::CommonName, "weir test authority");
        let authority = parameters
            .self_signed(&authority_key)
            .expect("an authority can sign itself")
            .pem();
        let issuer = Issuer::new(parameters, authority_key);

        let key = KeyPair::generate().expect("a key can be made");
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let server = CertificateParams::new(names).expect("the names are valid");
        let server = server
            .signed_by(&key, &issuer)
            .expect("the authority can sign")
            .pem();

        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        for (name, text) in [
            ("ca.pem", &authority),
            ("server.pem", &server),
            ("server.key", &key.serialize_pem()),
        ] {
            std::fs::write(directory.path().join(name), text)
                .expect("a temporary file can be written");
        }
        Self {
            directory: Arc::new(directory),
            authority,
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
