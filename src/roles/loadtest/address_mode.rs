//! How client addresses show: what the three flags mean together.

use clap::ValueEnum;
use http::HeaderName;
use weir_loadtest::{AddressMode, ProxyVersion};

/// The version of the PROXY protocol.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Proxy {
    /// Text
    V1,
    /// Binary
    V2,
}

pub(super) fn of(
    count: Option<u32>,
    header: Option<HeaderName>,
    proxy: Option<Proxy>,
) -> AddressMode {
    match (count, header, proxy) {
        (None, _, _) => AddressMode::Own,
        (_, Some(name), _) => AddressMode::Header(name),
        (_, None, Some(Proxy::V1)) => AddressMode::Proxy(ProxyVersion::V1),
        (_, None, Some(Proxy::V2)) => AddressMode::Proxy(ProxyVersion::V2),
        (_, None, None) => AddressMode::Source,
    }
}
