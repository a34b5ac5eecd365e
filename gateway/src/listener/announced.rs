//! Reads the PROXY protocol header that a trusted proxy sends before anything else.

use std::io;
use std::net::IpAddr;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::connection::Connection;
use crate::proxy_protocol::{MAX_LENGTH, Malformed, Progress, Source, parse};

/// Why a proxy's connection is closed before its first request.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("it closed the connection within its PROXY protocol header")]
    Closed,
    #[error("its PROXY protocol header did not come in time")]
    Late,
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("its PROXY protocol header could not be read: {0}")]
    Io(#[from] io::Error),
}

impl Connection {
    /// Finds out whose connection it is, if the peer is a proxy that has to say so. `None`: it is
    /// to be closed.
    pub(super) async fn identified(mut self, stream: &mut TcpStream) -> Option<Self> {
        if !self.proxy_protocol || !self.gateway.load().trusted.contains(self.peer) {
            return Some(self);
        }
        let header = tokio::time::timeout(self.limits.header_timeout, read(stream));
        let announced = tokio::select! {
            () = self.shutdown.cancelled() => return None,
            announced = header => announced.unwrap_or(Err(Refused::Late)),
        };
        match announced {
            Ok(None) => None,
            Ok(Some(Source::Proxy)) => Some(self),
            Ok(Some(Source::Client(address))) => {
                self.peer = address;
                Some(self)
            }
            Err(error) => {
                let proxy: IpAddr = self.peer;
                tracing::warn!(%proxy, %error, "a trusted proxy's connection was closed");
                None
            }
        }
    }
}

/// Takes the header, and not a byte more, from the socket. `None`: the peer looked whether somebody
/// listens, as load balancers do, and said nothing.
async fn read(stream: &mut TcpStream) -> Result<Option<Source>, Refused> {
    // One byte more than the longest header: the parser has refused by then.
    let mut bytes = vec![0; MAX_LENGTH + 1];
    let mut taken = 0;
    loop {
        let waiting = stream.peek(&mut bytes[taken..]).await?;
        if waiting == 0 {
            return if taken == 0 {
                Ok(None)
            } else {
                Err(Refused::Closed)
            };
        }
        let (end, source) = match parse(&bytes[..taken + waiting])? {
            Progress::Complete { length, source } => (length, Some(source)),
            Progress::Partial => (taken + waiting, None),
        };
        stream.read_exact(&mut bytes[taken..end]).await?;
        if source.is_some() {
            return Ok(source);
        }
        taken = end;
    }
}
