//! What connections may hold: every role names its own numbers, and why, in its configuration.

use std::time::Duration;

/// Bounds on the connections of one role, and on the heads of its requests.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once; further ones wait in the kernel's backlog.
    pub connections: usize,
    /// Bytes of one request's line and headers; more is refused with 431.
    pub header_bytes: usize,
    /// Header lines of one request; more is refused with 431.
    pub headers: usize,
    /// How long the headers of a request may take, and how long a connection may stay without a
    /// first request. What has to come before them (a PROXY protocol header) has as long again.
    pub header_timeout: Duration,
    /// How long a connection may stay open without a request in progress.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub stall_timeout: Duration,
    /// HTTP/2 requests in progress per connection.
    pub streams: u32,
    /// How long requests in progress may go on after a shutdown was asked for.
    pub drain: Duration,
}
