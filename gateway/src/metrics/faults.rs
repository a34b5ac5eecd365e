//! Why calls of backends fail, as it is counted.

/// Why a call of a backend brought no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpstreamFault {
    /// No connection.
    Connect,
    /// The backend's certificate is self-signed.
    SelfSigned,
    /// It is from an authority that is not believed.
    UnknownAuthority,
    /// It has expired, or is not valid yet.
    Expired,
    /// It is for another name.
    WrongName,
    /// Something else is wrong with it.
    Certificate,
    /// TLS failed for another reason: the backend wants a certificate, or has nothing in common.
    Tls,
    /// No response in time.
    Timeout,
    /// The connection broke, or what came was no HTTP response.
    Broken,
    /// The client's side of the call broke: its body ended early, stalled or was too large.
    Client,
}

/// All of them, with their names.
pub(super) const FAULTS: [(UpstreamFault, &str); 10] = [
    (UpstreamFault::Connect, "connect"),
    (UpstreamFault::SelfSigned, "certificate_self_signed"),
    (
        UpstreamFault::UnknownAuthority,
        "certificate_unknown_authority",
    ),
    (UpstreamFault::Expired, "certificate_expired"),
    (UpstreamFault::WrongName, "certificate_wrong_name"),
    (UpstreamFault::Certificate, "certificate_other"),
    (UpstreamFault::Tls, "tls"),
    (UpstreamFault::Timeout, "timeout"),
    (UpstreamFault::Broken, "broken"),
    (UpstreamFault::Client, "client"),
];

/// The name of a fault, in metrics and on spans.
pub(crate) fn fault_name(fault: UpstreamFault) -> &'static str {
    FAULTS
        .iter()
        .find(|(f, _)| *f == fault)
        .map_or("_OTHER", |(_, name)| name)
}
