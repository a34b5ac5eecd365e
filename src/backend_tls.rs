//! The flags about TLS to backends.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use weir_gateway::BackendTls;

/// Which authorities are believed, and which certificates there are to show.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct BackendTlsArgs {
    /// Authorities of `https://` backends to believe besides the machine's: PEM, several in one file
    #[arg(
        long = "backend-ca",
        value_name = "FILE",
        env = "WEIR_GATEWAY_BACKEND_CA"
    )]
    authorities: Option<PathBuf>,
    /// Certificates that backends may ask for: name.pem with certificate and key, or name.crt and
    /// name.key
    #[arg(
        long = "backend-certificates",
        value_name = "DIR",
        env = "WEIR_GATEWAY_BACKEND_CERTIFICATES"
    )]
    certificates: Option<PathBuf>,
}

impl BackendTlsArgs {
    /// The files to read.
    pub(crate) fn files(&self) -> BackendTls {
        BackendTls {
            authorities: self.authorities.clone(),
            certificates: self.certificates.clone(),
        }
    }

    /// The same for `--watch`.
    pub(crate) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        [&self.authorities, &self.certificates]
            .into_iter()
            .flatten()
            .cloned()
    }
}
