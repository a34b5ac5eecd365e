//! The flags of TLS to clients, which are the same for every role, and what they come to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use http::HeaderValue;
use tokio_util::sync::CancellationToken;
use weir_serve::{Certificates, ClientCertificates, Tls, TlsConfig};

use crate::error::Error;
use crate::listen::{Address, Secure};
use crate::reload;

/// What a client has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A certificate, if it has one.
    Request,
    /// A certificate.
    Require,
}

impl FromStr for Asked {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "request" => Ok(Self::Request),
            "require" => Ok(Self::Require),
            _ => Err("write request or require"),
        }
    }
}

/// The flags of one role: `$role` as its environment variables are named.
macro_rules! tls_args {
    ($name:ident, $role:literal) => {
        /// TLS to clients.
        #[derive(Debug, Clone, clap::Args)]
        #[command(next_help_heading = "TLS")]
        pub(crate) struct $name {
            /// Where to serve the same over TLS; default: the address of --listen, with a port of
            /// its own
            #[arg(
                                        long,
                                        value_name = "ADDRESS:PORT",
                                        env = concat!("WEIR_", $role, "_TLS_LISTEN"),
                                        requires = "tls_certificate"
                                    )]
            tls_listen: Option<std::net::SocketAddr>,
            /// Serve TLS with this certificate and its chain (PEM), or with all of a folder:
            /// NAME.crt or NAME.pem with NAME.key. Changed files are taken up
            #[arg(
                                        long,
                                        value_name = "FILE|DIR",
                                        env = concat!("WEIR_", $role, "_TLS_CERTIFICATE")
                                    )]
            tls_certificate: Option<std::path::PathBuf>,
            /// The certificate's key (PEM); default: in the certificate's file
            #[arg(
                                        long,
                                        value_name = "FILE",
                                        env = concat!("WEIR_", $role, "_TLS_KEY"),
                                        requires = "tls_certificate"
                                    )]
            tls_key: Option<std::path::PathBuf>,
            /// Ask clients for a certificate that one of these authorities (PEM) has signed
            #[arg(
                                        long,
                                        value_name = "FILE",
                                        env = concat!("WEIR_", $role, "_CLIENT_CA"),
                                        requires = "tls_certificate"
                                    )]
            client_ca: Option<std::path::PathBuf>,
            /// What happens to a client without one: `require` turns it away, `request` serves it
            #[arg(
                                        long,
                                        value_name = "request|require",
                                        env = concat!("WEIR_", $role, "_CLIENT_CERTIFICATES"),
                                        default_value = "require"
                                    )]
            client_certificates: crate::roles::tls::Asked,
        }

        impl From<$name> for crate::roles::tls::Flags {
            fn from(args: $name) -> Self {
                Self {
                    listen: args.tls_listen,
                    certificate: args.tls_certificate,
                    key: args.tls_key,
                    client_ca: args.client_ca,
                    client_certificates: args.client_certificates,
                }
            }
        }
    };
}
pub(crate) use tls_args;

/// The flags of a role that browsers visit, besides those of TLS itself.
macro_rules! https_args {
    ($name:ident, $role:literal) => {
        /// How clients without TLS are led to it.
        #[derive(Debug, Clone, clap::Args)]
        #[command(next_help_heading = "TLS")]
        pub(crate) struct $name {
            /// Send clients that come without TLS to this port, at which they reach --tls-listen
            #[arg(
                                                long,
                                                value_name = "PORT",
                                                env = concat!("WEIR_", $role, "_TLS_REDIRECT"),
                                                requires = "tls_certificate"
                                            )]
            tls_redirect: Option<u16>,
            /// Tell browsers that came over TLS to use nothing else for so many seconds
            /// (Strict-Transport-Security)
            #[arg(
                                                long,
                                                value_name = "SECONDS",
                                                env = concat!("WEIR_", $role, "_HSTS"),
                                                requires = "tls_certificate"
                                            )]
            hsts: Option<u32>,
        }

        impl $name {
            /// What these flags say of `secure`.
            pub(crate) fn apply(&self, mut secure: crate::listen::Secure) -> crate::listen::Secure {
                secure.redirect = self.tls_redirect;
                secure.strict_transport = self.hsts.map(crate::roles::tls::strict_transport);
                secure
            }
        }
    };
}
pub(crate) use https_args;

/// The header's value for `seconds`.
pub(crate) fn strict_transport(seconds: u32) -> HeaderValue {
    HeaderValue::try_from(format!("max-age={seconds}")).expect("letters, digits and =")
}

/// What the flags say.
#[derive(Debug)]
pub(crate) struct Flags {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) client_ca: Option<PathBuf>,
    pub(crate) client_certificates: Asked,
}

impl Flags {
    /// Where TLS is served, if it is: without an address of its own that of `plain`, with `port`.
    fn address(&self, plain: SocketAddr, port: u16) -> Option<SocketAddr> {
        self.certificate.as_ref()?;
        let beside = SocketAddr::new(plain.ip(), port);
        Some(self.listen.unwrap_or(beside))
    }

    /// Of the addresses of a role, `plain` and that of TLS, one that others can reach if there is
    /// one.
    pub(crate) fn outermost(&self, plain: SocketAddr, port: u16) -> SocketAddr {
        let beyond = |address: &SocketAddr| !address.ip().to_canonical().is_loopback();
        self.address(plain, port).filter(beyond).unwrap_or(plain)
    }

    /// Reads the certificates, and goes on reading them whenever they change, until `shutdown`.
    /// `None`: no certificate was given.
    pub(crate) fn load(
        self,
        plain: SocketAddr,
        port: u16,
        protocols: Vec<Vec<u8>>,
        shutdown: &CancellationToken,
    ) -> Result<Option<Secure>, Error> {
        let address = self.address(plain, port);
        let (Some(certificate), Some(address)) = (self.certificate, address) else {
            return Ok(None);
        };
        let certificates = if certificate.is_dir() {
            Certificates::Folder(certificate)
        } else {
            Certificates::Pair {
                key: self.key.unwrap_or_else(|| certificate.clone()),
                certificate,
            }
        };
        let config = TlsConfig {
            certificates,
            clients: self.client_ca.map(|authorities| ClientCertificates {
                authorities,
                required: self.client_certificates == Asked::Require,
            }),
            protocols,
        };
        // Before they are read for the first time: what changes from then on is seen.
        let watched = config.clone();
        let requests = reload::requests_for(Arc::new(move || watched.fingerprint()), shutdown);
        let tls = Tls::load(config)?;
        tokio::spawn(
            shutdown
                .clone()
                .run_until_cancelled_owned(tls.clone().keep_current(requests)),
        );
        Ok(Some(Secure {
            address: Address {
                at: address,
                flag: "--tls-listen",
            },
            tls,
            redirect: None,
            strict_transport: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_stands_beside_and_the_outer_address_counts() {
        let flags = |listen: Option<&str>, certificate: Option<&str>| Flags {
            listen: listen.map(|listen| listen.parse().unwrap()),
            certificate: certificate.map(PathBuf::from),
            key: None,
            client_ca: None,
            client_certificates: Asked::Require,
        };
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let plain = address("127.0.0.1:8080");
        let given = Some("server.pem");
        let beside = flags(None, given).address(plain, 8443);
        assert_eq!(beside, Some(address("127.0.0.1:8443")));
        assert_eq!(flags(None, None).address(plain, 8443), None);
        let outer = flags(Some("0.0.0.0:443"), given);
        assert_eq!(outer.outermost(plain, 8443), address("0.0.0.0:443"));
        let inner = flags(Some("127.0.0.1:443"), given);
        let everywhere = address("0.0.0.0:8080");
        assert_eq!(inner.outermost(everywhere, 8443), everywhere);
        assert_eq!(
            flags(Some("0.0.0.0:443"), None).outermost(plain, 8443),
            plain
        );
    }
}
