//! Why certificates cannot be used.

use std::io;
use std::path::PathBuf;

use rustls::pki_types::pem;

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file or folder cannot be read.
    #[error("{path}: cannot be read: {source}", path = .path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not PEM.
    #[error("{path}: is not PEM: {source:?}", path = .path.display())]
    Pem {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// A file holds no certificate.
    #[error(
        "{path}: holds no certificate; it needs one between `-----BEGIN CERTIFICATE-----` and \
         `-----END CERTIFICATE-----`",
        path = .path.display()
    )]
    NoCertificate {
        /// Which one.
        path: PathBuf,
    },
    /// A file holds no key.
    #[error(
        "{path}: holds no private key that can be read; it needs one in PEM without a password \
         (PKCS #8, PKCS #1 or SEC1), e.g. from `openssl pkey -in KEY -out {path}`",
        path = .path.display()
    )]
    NoKey {
        /// Which one.
        path: PathBuf,
    },
    /// The key is not the certificate's, or of a kind that cannot be used.
    #[error(
        "{key} is not the key of {certificate}: {source}. Both files have to come from the same \
         request; if they are being replaced, write the certificate and the key together",
        certificate = .certificate.display(), key = .key.display()
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// A certificate is damaged.
    #[error("{path}: the certificate is damaged: {problem}", path = .path.display())]
    Damaged {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A key in a folder has no certificate beside it.
    #[error(
        "{key}: there is no certificate beside it; name it {crt} or {pem}",
        key = .key.display(), crt = .key.with_extension("crt").display(),
        pem = .key.with_extension("pem").display()
    )]
    Alone {
        /// The key's file.
        key: PathBuf,
    },
    /// A folder holds no pair.
    #[error(
        "{folder}: holds no certificate; put NAME.key and NAME.crt (or NAME.pem) there",
        folder = .folder.display()
    )]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// A certificate of the authorities cannot be one.
    #[error("{path}: is no certificate of an authority: {source}", path = .path.display())]
    Authority {
        /// The file with the authorities.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The authorities cannot be used.
    #[error("{path}: the authorities cannot be used: {source}", path = .path.display())]
    Verifier {
        /// The file with the authorities.
        path: PathBuf,
        /// What is wrong.
        source: rustls::server::VerifierBuilderError,
    },
    /// The library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Rustls(#[source] rustls::Error),
}
