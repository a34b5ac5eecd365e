//! Certificates of clients.

use super::{Answer, Method, Property, method, property};
use crate::context::Certificate;
use crate::expression::operand::{Operand, wrong};
use crate::expression::types::Type;

fn certificate<'c>(
    arguments: &[Operand<'c>],
    get: fn(&'c Certificate) -> Operand<'c>,
) -> Answer<'c> {
    match arguments.first() {
        Some(Operand::Certificate(certificate)) => Ok(get(certificate)),
        other => Err(wrong("X509Certificate2", other)),
    }
}

pub(super) static PROPERTIES: &[Property] = &[
    property("Subject", Type::String, |a| {
        certificate(a, |c| Operand::borrowed(&c.subject))
    }),
    property("SubjectName", Type::DistinguishedName, |a| {
        certificate(a, |c| Operand::DistinguishedName(&c.subject))
    }),
    property("Issuer", Type::String, |a| {
        certificate(a, |c| Operand::borrowed(&c.issuer))
    }),
    property("IssuerName", Type::DistinguishedName, |a| {
        certificate(a, |c| Operand::DistinguishedName(&c.issuer))
    }),
    property("SerialNumber", Type::String, |a| {
        certificate(a, |c| Operand::borrowed(&c.serial_number))
    }),
    property("Thumbprint", Type::String, |a| {
        certificate(a, |c| Operand::borrowed(&c.thumbprint))
    }),
    property("NotBefore", Type::Time, |a| {
        certificate(a, |c| Operand::Time(c.not_before))
    }),
    property("NotAfter", Type::Time, |a| {
        certificate(a, |c| Operand::Time(c.not_after))
    }),
];

/// The listener lets no certificate in that is not good.
fn verified<'c>(arguments: &[Operand<'c>]) -> Answer<'c> {
    certificate(arguments, |_| Operand::Bool(true))
}

pub(super) static METHODS: &[Method] = &[
    method("Verify", &[], Type::Bool, verified),
    method("VerifyNoRevocation", &[], Type::Bool, verified),
];

pub(super) static NAME: &[Property] = &[property("Name", Type::String, |a| match a.first() {
    Some(Operand::DistinguishedName(name)) => Ok(Operand::borrowed(name)),
    other => Err(wrong("X500DistinguishedName", other)),
})];
