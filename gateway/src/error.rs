//! Why a gateway cannot start.

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The limiter's addresses cannot be used.
    #[error("the limiter's address cannot be used: {0}")]
    Limiter(#[from] weir_limiter::ClientError),
    /// An OpenID provider cannot be used.
    #[error(transparent)]
    Provider(#[from] weir_token::ProvidersError),
    /// Nobody could send a PROXY protocol header.
    #[error(
        "the PROXY protocol is expected from trusted proxies, and there are none: name their networks, e.g. \
         --trusted-proxies 10.0.1.0/24"
    )]
    ProxyProtocolOfNobody,
    /// The configuration names something that cannot be put to work. [`crate::load`] finds the
    /// same.
    #[error(transparent)]
    Configuration(#[from] weir_policy::Diagnostics),
}
