//! One connection: from which address, with which preamble, speaking which protocol.

use std::io;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::addresses::AddressMode;
use crate::failure::Failure;
use crate::proxy_protocol;

/// The body of all requests.
pub(crate) type Body = Full<Bytes>;
/// An HTTP/1.1 connection.
pub(crate) type Http1 = http1::SendRequest<Body>;
/// An HTTP/2 connection; clones share it.
pub(crate) type Http2 = http2::SendRequest<Body>;

/// Connects and speaks HTTP/1.1.
pub(crate) async fn http1(
    target: SocketAddr,
    client: Option<IpAddr>,
    mode: &AddressMode,
) -> Result<Http1, Failure> {
    let stream = open(target, client, mode).await.map_err(Failure::Connect)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(Failure::Handshake)?;
    // Ends when the sender is dropped or the target closes; what broke is told to the request that
    // was under way.
    tokio::spawn(connection);
    Ok(sender)
}

/// Connects and speaks HTTP/2 without asking first.
pub(crate) async fn http2(
    target: SocketAddr,
    client: Option<IpAddr>,
    mode: &AddressMode,
) -> Result<Http2, Failure> {
    let stream = open(target, client, mode).await.map_err(Failure::Connect)?;
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.map_err(Failure::Handshake)?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn open(
    target: SocketAddr,
    client: Option<IpAddr>,
    mode: &AddressMode,
) -> io::Result<TcpStream> {
    let socket = if target.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_nodelay(true)?;
    if let (AddressMode::Source, Some(client)) = (mode, client) {
        socket.bind(SocketAddr::new(client, 0))?;
    }
    let mut stream = socket.connect(target).await?;
    if let (AddressMode::Proxy(version), Some(client)) = (mode, client) {
        // The port is part of the header; ours will do.
        let client = SocketAddr::new(client, stream.local_addr()?.port());
        stream
            .write_all(&proxy_protocol::header(*version, client, target))
            .await?;
    }
    Ok(stream)
}
