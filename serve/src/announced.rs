//! Reads the PROXY protocol header that a trusted proxy sends before anything else.

use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::proxy_protocol::{MAX_LENGTH, Malformed, Progress, Source, parse};

/// Why a proxy's connection is closed before its first request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("it closed the connection within its PROXY protocol header")]
    Closed,
    #[error("its PROXY protocol header did not come in time")]
    Late,
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("its PROXY protocol header could not be read: {0}")]
    Io(#[from] io::Error),
}

/// Whose connection the peer of `stream` says it is. `None`: it said nothing and went away.
///
/// # Errors
/// If the header is none, or not there `within` the time.
pub(crate) async fn source(
    stream: &mut TcpStream,
    within: Duration,
) -> Result<Option<Source>, Refused> {
    let source = tokio::time::timeout(within, read(stream)).await;
    source.unwrap_or(Err(Refused::Late))
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
