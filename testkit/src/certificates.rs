//! An authority of a test's own, a server certificate for loopback, and whatever else it is to
//! sign.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

/// Files for a TLS server on `127.0.0.1` and `localhost`, and the authority that signed them.
/// Clones share the files, which are removed with the last.
#[derive(Debug, Clone)]
pub struct Certificates {
    directory: Arc<TempDir>,
    authority: String,
    issuer: Arc<Issuer<'static, KeyPair>>,
}

/// A certificate with its key, in PEM.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Signed {
    /// Writes `NAME.pem` and `NAME.key` into a folder.
    ///
    /// # Panics
    /// If they cannot be written.
    pub fn write(&self, folder: &Path, name: &str) {
        for (ending, text) in [("pem", &self.certificate), ("key", &self.key)] {
            std::fs::write(folder.join(format!("{name}.{ending}")), text)
                .expect("the file can be written");
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

        let certificates = Self {
            directory: Arc::new(tempfile::tempdir().expect("a temporary directory can be made")),
            authority,
            issuer: Arc::new(issuer),
        };
        let directory = certificates.directory.path();
        std::fs::write(directory.join("ca.pem"), &certificates.authority)
            .expect("a temporary file can be written");
        certificates
            .sign(&["localhost", "127.0.0.1"])
            .write(directory, "server");
        certificates
    }

    /// A certificate for a server of these names and addresses.
    ///
    /// # Panics
    /// If one is no name.
    #[must_use]
    pub fn sign(&self, names: &[&str]) -> Signed {
        self.sign_with(names, |_| ())
    }

    /// A certificate for a client that calls itself `name`.
    ///
    /// # Panics
    /// If it cannot be signed.
    #[must_use]
    pub fn sign_client(&self, name: &str) -> Signed {
        self.sign_with(&[], |parameters| client(parameters, name))
    }

    /// The same, of long ago.
    ///
    /// # Panics
    /// If it cannot be signed.
    #[must_use]
    pub fn sign_expired_client(&self, name: &str) -> Signed {
        self.sign_with(&[], |parameters| {
            client(parameters, name);
            parameters.not_before = date_time_ymd(2020, 1, 1);
            parameters.not_after = date_time_ymd(2021, 1, 1);
        })
    }

    /// A certificate of that name which is for servers only.
    ///
    /// # Panics
    /// If it cannot be signed.
    #[must_use]
    pub fn sign_server_only(&self, name: &str) -> Signed {
        self.sign_with(&[], |parameters| {
            client(parameters, name);
            parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        })
    }

    fn sign_with(&self, names: &[&str], set: impl FnOnce(&mut CertificateParams)) -> Signed {
        let key = KeyPair::generate().expect("a key can be made");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).expect("the names are valid");
        set(&mut parameters);
        let certificate = parameters
            .signed_by(&key, &*self.issuer)
            .expect("the authority can sign");
        Signed {
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

fn client(parameters: &mut CertificateParams, name: &str) {
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}
