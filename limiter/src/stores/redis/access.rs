//! Clients for the servers of one store: the same user, the same trust.

use std::sync::Arc;
use std::time::Duration;

use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisResult,
    TlsCertificates,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::address::{Address, Credentials, Endpoint};
use super::pool::Clients;
use crate::error::StoreError;

/// The kernel asks for a sign of life on a connection that carries nothing: networks that forget
/// idle connections after half a minute or more do not forget it, and one that was cut off ends
/// although nobody uses it.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_AGAIN: Duration = Duration::from_secs(2);
const KEEP_ALIVE_TRIES: u32 = 3;

/// How to enter any server of a store. Clones share everything.
#[derive(Clone)]
pub(super) struct Access {
    credentials: Credentials,
    database: i64,
    tls: Option<Trust>,
}

/// Whose certificates are believed.
#[derive(Clone)]
enum Trust {
    /// The machine's authorities.
    System,
    /// These authorities alone, in PEM.
    Only(Arc<[u8]>),
}

impl Access {
    /// Fails if `authorities` are no certificates, or there is nothing to use them for.
    pub(super) fn new(address: &Address, authorities: Option<&[u8]>) -> Result<Self, StoreError> {
        let tls = match (address.tls, authorities) {
            (false, None) => None,
            (false, Some(_)) => {
                let text = "a CA is given, but the store's URL asks for no TLS: use rediss://, \
                            rediss-cluster:// or rediss-sentinel://";
                return Err(StoreError::Config(text.to_owned()));
            }
            (true, None) => Some(Trust::System),
            (true, Some(pem)) => Some(Trust::Only(checked(pem)?.into())),
        };
        Ok(Self {
            credentials: address.credentials.clone(),
            database: address.database,
            tls,
        })
    }

    /// A client for the server at `endpoint`.
    pub(super) fn client(&self, endpoint: &Endpoint) -> RedisResult<Client> {
        self.client_as(
            endpoint,
            &self.credentials,
            self.database,
            ProtocolVersion::RESP2,
        )
    }

    /// Clients for connections to the server at `endpoint` that are kept.
    pub(super) fn clients(&self, endpoint: &Endpoint) -> RedisResult<Clients> {
        let resp3 = self.client_as(
            endpoint,
            &self.credentials,
            self.database,
            ProtocolVersion::RESP3,
        )?;
        Ok(Clients {
            resp3,
            resp2: self.client(endpoint)?,
        })
    }

    /// A client for a server that knows its callers by other names, such as a Sentinel.
    pub(super) fn client_as(
        &self,
        endpoint: &Endpoint,
        credentials: &Credentials,
        database: i64,
        protocol: ProtocolVersion,
    ) -> RedisResult<Client> {
        let keepalive = TcpKeepalive::new()
            .with_time(KEEP_ALIVE)
            .with_interval(KEEP_ALIVE_AGAIN)
            .with_retries(KEEP_ALIVE_TRIES);
        let info = self.connection_addr(endpoint).into_connection_info()?;
        let info: ConnectionInfo = info
            .set_redis_settings(credentials.settings(database).set_protocol(protocol))
            .set_tcp_settings(
                TcpSettings::default()
                    .set_nodelay(true)
                    .set_keepalive(keepalive),
            );
        match self.certificates() {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        }
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(super) fn database(&self) -> i64 {
        self.database
    }

    pub(super) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn connection_addr(&self, endpoint: &Endpoint) -> ConnectionAddr {
        let (host, port) = (endpoint.host.clone(), endpoint.port);
        match self.tls {
            Some(_) => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            },
            None => ConnectionAddr::Tcp(host, port),
        }
    }

    /// The authorities to believe instead of the machine's.
    pub(super) fn certificates(&self) -> Option<TlsCertificates> {
        match &self.tls {
            Some(Trust::Only(pem)) => Some(TlsCertificates {
                client_tls: None,
                root_cert: Some(pem.to_vec()),
            }),
            Some(Trust::System) | None => None,
        }
    }
}

/// A file without a certificate would be believed to be an empty list: every connection would fail,
/// and nothing say why.
fn checked(pem: &[u8]) -> Result<&[u8], StoreError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(pem),
        Ok(_) | Err(_) => {
            let text = "the CA file holds no certificate: give the authority's certificate as PEM";
            Err(StoreError::Config(text.to_owned()))
        }
    }
}
