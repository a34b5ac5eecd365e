//! The certificate a client has shown.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The certificate a client has shown: in its time, signed by an authority that is believed, and
/// the client has its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, in DER.
    pub der: Vec<u8>,
    /// Whom it is about, e.g. `CN=gateway, O=Example`.
    pub subject: String,
    /// Who signed it, likewise.
    pub issuer: String,
    /// Its number at the issuer, in upper-case hexadecimal digits.
    pub serial_number: String,
    /// The SHA-1 of the certificate in upper-case hexadecimal digits: what Azure calls thumbprint.
    pub thumbprint: String,
    /// From when it holds.
    pub not_before: SystemTime,
    /// Until when.
    pub not_after: SystemTime,
}

impl ClientCertificate {
    /// `None`: it cannot be read, although its chain could be verified.
    pub(crate) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        Some(Self {
            der: der.to_vec(),
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial_number: hexadecimal(certificate.raw_serial()),
            thumbprint: hexadecimal(digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref()),
            not_before: time(validity.not_before.timestamp()),
            not_after: time(validity.not_after.timestamp()),
        })
    }
}

fn time(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        UNIX_EPOCH - distance
    } else {
        UNIX_EPOCH + distance
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
