//! What the load goes to, and the guard that it is the caller's own.
//!
//! A name is resolved once, before anything is sent, and all its addresses have to be loopback,
//! private or link-local. The run then connects to an address that was looked at, so a name that
//! changes later leads nowhere else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http::HeaderValue;
use http::uri::PathAndQuery;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use url::Url;

/// How long a target may take to accept the first connection, and its name to be resolved.
const FIRST_CONTACT: Duration = Duration::from_secs(5);

/// A target that has been looked at.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) url: Url,
    pub(crate) address: SocketAddr,
    pub(crate) host: HeaderValue,
    pub(crate) path: PathAndQuery,
}

/// Why a URL is no target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Not `http://`.
    #[error(
        "{url}: the scheme is {scheme:?}; the load goes over plain http:// only (put it behind what ends TLS)"
    )]
    Scheme {
        /// The URL.
        url: String,
        /// Its scheme.
        scheme: String,
    },
    /// A user name or password in the URL.
    #[error("the URL of {host} holds a user name or a password; send them with --header instead")]
    Credentials {
        /// Its host.
        host: String,
    },
    /// No host, or one that no request can carry.
    #[error("{url}: write a URL with a host, such as http://localhost:8080/hello")]
    Host {
        /// The URL.
        url: String,
    },
    /// The name has no address.
    #[error("{url}: the name cannot be resolved: {reason}")]
    Unresolved {
        /// The URL.
        url: String,
        /// What the resolver said.
        reason: String,
    },
    /// An address that may be somebody else's.
    #[error(
        "{url} leads to {address}, which is neither loopback nor private.\n\
         A load test of somebody else's service is an attack. If the target is yours, say --i-own-this-target."
    )]
    Foreign {
        /// The URL.
        url: String,
        /// The first address that is neither.
        address: IpAddr,
    },
    /// Source addresses of 127.0.0.0/8 reach only loopback.
    #[error(
        "{url} leads to {address}: connections from --addresses (127.0.0.0/8) reach only 127.x.x.x.\n\
         For another target use --client-address-header or --proxy-protocol, if it trusts this machine."
    )]
    NotLoopback {
        /// The URL.
        url: String,
        /// Where it leads.
        address: IpAddr,
    },
    /// Nothing accepts there.
    #[error("nothing accepts connections at {url} ({address}: {reason})")]
    Unreachable {
        /// The URL.
        url: String,
        /// The last address tried.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
}

/// How a target has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demands {
    /// The caller says that it is his own.
    pub(crate) own: bool,
    /// Connections will come from 127.0.0.0/8.
    pub(crate) loopback_only: bool,
}

/// Resolves `url`, checks all its addresses, and takes the first that accepts a connection.
pub(crate) async fn find(url: &Url, demands: Demands) -> Result<Target, TargetError> {
    let addresses = checked_addresses(url, demands).await?;
    let mut last = None;
    for address in &addresses {
        let reason = match timeout(FIRST_CONTACT, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return describe(url, *address),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", FIRST_CONTACT.as_secs()),
        };
        last = Some((*address, reason));
    }
    let (address, reason) = last.expect("a checked target has an address");
    Err(TargetError::Unreachable {
        url: url.to_string(),
        address,
        reason,
    })
}

/// The addresses of `url`: at least one, and all of them allowed.
pub(crate) async fn checked_addresses(
    url: &Url,
    demands: Demands,
) -> Result<Vec<SocketAddr>, TargetError> {
    if url.scheme() != "http" {
        return Err(TargetError::Scheme {
            url: url.to_string(),
            scheme: url.scheme().to_owned(),
        });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TargetError::Credentials {
            host: url.host_str().unwrap_or_default().to_owned(),
        });
    }
    let host = url.host_str().ok_or_else(|| TargetError::Host {
        url: url.to_string(),
    })?;
    let name = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    let unresolved = |reason: String| TargetError::Unresolved {
        url: url.to_string(),
        reason,
    };
    let found = match timeout(FIRST_CONTACT, lookup_host((name, port))).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(unresolved(error.to_string())),
        Err(_) => {
            return Err(unresolved(format!(
                "no answer within {} s",
                FIRST_CONTACT.as_secs()
            )));
        }
    };
    let mut addresses: Vec<SocketAddr> = found.collect();
    if addresses.is_empty() {
        return Err(unresolved("it has no address".to_owned()));
    }
    if !demands.own
        && let Some(foreign) = addresses.iter().find(|address| !is_local(address.ip()))
    {
        return Err(TargetError::Foreign {
            url: url.to_string(),
            address: foreign.ip(),
        });
    }
    if demands.loopback_only {
        let first = addresses[0].ip();
        addresses.retain(|address| address.is_ipv4() && address.ip().is_loopback());
        if addresses.is_empty() {
            return Err(TargetError::NotLoopback {
                url: url.to_string(),
                address: first,
            });
        }
    }
    Ok(addresses)
}

fn describe(url: &Url, address: SocketAddr) -> Result<Target, TargetError> {
    let unusable = || TargetError::Host {
        url: url.to_string(),
    };
    let host = url.host_str().ok_or_else(unusable)?;
    let host = url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let path = url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    );
    Ok(Target {
        url: url.clone(),
        address,
        host: HeaderValue::from_str(&host).map_err(|_| unusable())?,
        path: path.parse().map_err(|_| unusable())?,
    })
}

/// Whether an address is this machine's or of a network without a way to the internet.
pub(crate) fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_local_v4(v4),
        IpAddr::V6(v6) => is_local_v6(v6),
    }
}

fn is_local_v4(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.is_private() || address.is_link_local()
}

fn is_local_v6(address: Ipv6Addr) -> bool {
    address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_private_and_link_local_are_local() {
        for local in [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for foreign in [
            "8.8.8.8",
            "172.32.0.1",
            "172.15.0.1",
            "192.169.0.1",
            "11.0.0.1",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "2001:db8::1",
            "::",
            "::ffff:8.8.8.8",
            "ff02::1",
            "224.0.0.1",
            "255.255.255.255",
            "64:ff9b::a00:1",
        ] {
            assert!(!is_local(foreign.parse().unwrap()), "{foreign}");
        }
    }

    async fn refused(url: &str, demands: Demands) -> String {
        checked_addresses(&url.parse().unwrap(), demands)
            .await
            .unwrap_err()
            .to_string()
    }

    const STRICT: Demands = Demands {
        own: false,
        loopback_only: false,
    };

    #[tokio::test]
    async fn what_may_be_somebody_elses_is_refused_unless_it_is_said_to_be_own() {
        for url in [
            "http://192.0.2.1/",
            "http://[2001:db8::1]:8080/",
            "http://[::ffff:192.0.2.1]/",
            "http://3221225985/",
        ] {
            let message = refused(url, STRICT).await;
            assert!(message.contains("--i-own-this-target"), "{url}: {message}");
            assert!(
                checked_addresses(
                    &url.parse().unwrap(),
                    Demands {
                        own: true,
                        ..STRICT
                    }
                )
                .await
                .is_ok(),
                "{url}"
            );
        }
        assert!(
            checked_addresses(&"http://localhost:1/".parse().unwrap(), STRICT)
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn other_schemes_and_credentials_are_refused_without_repeating_the_password() {
        assert!(
            refused("https://localhost/", STRICT)
                .await
                .contains("http:// only")
        );
        let message = refused("http://me:secret@localhost/", STRICT).await;
        assert!(
            message.contains("--header") && !message.contains("secret"),
            "{message}"
        );
    }

    #[tokio::test]
    async fn source_addresses_reach_only_loopback() {
        let demands = Demands {
            own: true,
            loopback_only: true,
        };
        assert!(
            refused("http://10.0.0.1/", demands)
                .await
                .contains("--client-address-header")
        );
        let addresses = checked_addresses(&"http://localhost:80/".parse().unwrap(), demands)
            .await
            .unwrap();
        assert!(addresses.iter().all(SocketAddr::is_ipv4));
    }

    #[test]
    fn the_host_has_its_port_and_the_path_its_query() {
        let target = describe(
            &"http://localhost:8080/a/b?c=d".parse().unwrap(),
            "127.0.0.1:8080".parse().unwrap(),
        )
        .unwrap();
        assert_eq!(
            (target.host.to_str().unwrap(), target.path.as_str()),
            ("localhost:8080", "/a/b?c=d")
        );
    }
}
