//! The sockets a role serves on.

use tokio::net::TcpListener;

/// Sockets that are bound already, so that a role never has to say which port was taken: whoever
/// started it knows.
#[derive(Debug)]
pub struct Listeners {
    /// Where the role does its work.
    pub service: TcpListener,
    /// Where [`operations`](crate::operations) answers; without it the role has no operations endpoints.
    pub ops: Option<TcpListener>,
}
