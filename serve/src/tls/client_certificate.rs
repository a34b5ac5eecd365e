//! The certificate a client has shown.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rustls::pki_types::CertificateDer;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Name};

/// The certificate a client has shown: in its time, signed by an authority that is believed, and
/// the client has its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, in DER.
    pub der: Vec<u8>,
    /// Whom it is about, e.g. `CN=gateway, O=Example`: as .NET writes it, the last part of the name
    /// first.
    pub subject: Arc<str>,
    /// Who signed it, likewise.
    pub issuer: Arc<str>,
    /// Its number at the issuer, in upper-case hexadecimal digits.
    pub serial_number: Arc<str>,
    /// The SHA-1 of the certificate in upper-case hexadecimal digits: what Azure calls thumbprint.
    pub thumbprint: Arc<str>,
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
            subject: name(certificate.subject()).into(),
            issuer: name(certificate.issuer()).into(),
            serial_number: hexadecimal(certificate.raw_serial()).into(),
            thumbprint: hexadecimal(digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref()).into(),
            not_before: time(validity.not_before.timestamp()),
            not_after: time(validity.not_after.timestamp()),
        })
    }
}

fn name(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    let parts: Vec<_> = name.iter_rdn().collect();
    for part in parts.into_iter().rev() {
        for (index, attribute) in part.iter().enumerate() {
            if index > 0 {
                text.push_str(" + ");
            } else if !text.is_empty() {
                text.push_str(", ");
            }
            let kind = attribute.attr_type();
            match oid2abbrev(kind, oid_registry()) {
                Ok(known) => text.push_str(known),
                Err(_) => text.push_str(&format!("OID.{kind}")),
            }
            text.push('=');
            text.push_str(&quoted(attribute.as_str().unwrap_or_default()));
        }
    }
    text
}

/// A value, in quotes if it could be taken for more than one.
fn quoted(value: &str) -> Cow<'_, str> {
    let odd = |c: char| {
        matches!(
            c,
            ',' | '+' | '=' | '"' | '\\' | '<' | '>' | '#' | ';' | '\n' | '\r'
        )
    };
    let padded = value.trim().len() != value.len();
    if value.is_empty() || padded || value.contains(odd) {
        Cow::Owned(format!("\"{}\"", value.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(value)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_pose_as_another_part() {
        for (value, text) in [
            ("alice", "alice"),
            ("Example Ltd", "Example Ltd"),
            ("alice, O=Admin", "\"alice, O=Admin\""),
            ("a\"b", "\"a\"\"b\""),
            (" a", "\" a\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(value), text);
        }
    }

    #[test]
    fn times_before_1970_are_times() {
        assert_eq!(time(-5) + Duration::from_secs(10), time(5));
    }
}
