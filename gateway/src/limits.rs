//! What clients and backends may hold and how long they may take: a named default with its reason
//! for every number.

use std::time::Duration;

use weir_serve::Limits;

/// Bounds on what one client, or all of them, can hold.
#[derive(Debug, Clone)]
pub struct ClientLimits {
    /// What connections may hold. A client that sends nothing of a request's body for as long as
    /// it may take nothing of an answer is given up too.
    pub connections: Limits,
    /// Bytes of one request body; more is refused with 413.
    pub body_bytes: u64,
}

/// A socket and its buffers take some 20 KiB, so this is about 200 MiB at worst; the usual limit of
/// open files (20,000 and more under a service manager) leaves room for as many connections to
/// backends.
pub const DEFAULT_CONNECTIONS: usize = 10_000;
/// Twice what browsers and common servers send at most: tokens with many groups reach 16 KiB.
pub const DEFAULT_HEADER_BYTES: usize = 32 * 1024;
/// Browsers send about 20; hyper's own default.
pub const DEFAULT_HEADERS: usize = 100;
/// Long enough for a phone on a bad network, short enough that a slow-header attack needs a new
/// connection often.
pub const DEFAULT_HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Above the 60 s of usual load balancers, so that the balancer closes idle connections first and
/// never races with us.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Bytes that stand still this long will not move again.
pub const DEFAULT_STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Bodies are streamed and cost no memory, so this only ends endless ones.
pub const DEFAULT_BODY_BYTES: u64 = 256 * 1024 * 1024;
/// What RFC 9113 recommends as the least, and what keeps one connection from taking the whole
/// gateway.
pub const DEFAULT_STREAMS: u32 = 128;
/// Below the 30 s after which orchestrators kill.
pub const DEFAULT_DRAIN: Duration = Duration::from_secs(20);

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connections: Limits {
                connections: DEFAULT_CONNECTIONS,
                header_bytes: DEFAULT_HEADER_BYTES,
                headers: DEFAULT_HEADERS,
                header_timeout: DEFAULT_HEADER_TIMEOUT,
                idle_timeout: DEFAULT_IDLE_TIMEOUT,
                stall_timeout: DEFAULT_STALL_TIMEOUT,
                streams: DEFAULT_STREAMS,
                drain: DEFAULT_DRAIN,
            },
            body_bytes: DEFAULT_BODY_BYTES,
        }
    }
}

/// Bounds on a call of a backend. The time until response headers is the `forward-request` policy's
/// `timeout`.
#[derive(Debug, Clone)]
pub struct UpstreamLimits {
    /// How long a connection may take, all addresses together and TLS included.
    pub connect_timeout: Duration,
    /// How long the gateway waits for the next bytes of a response body.
    pub body_idle_timeout: Duration,
    /// Idle connections kept per backend. Over HTTP/2 there are as few as its requests need.
    pub idle_connections: usize,
    /// How long an idle connection is kept.
    pub idle_timeout: Duration,
    /// Header lines of one response; more is a 502.
    pub headers: usize,
    /// Bytes of one response's headers; more is a 502.
    pub header_bytes: usize,
}

/// Three losses of a SYN packet (retried after 1, 2 and 4 s) are an outage, not a hiccup.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Servers that send events are expected to send a comment every 15 to 30 s.
pub const DEFAULT_BODY_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Enough for a few thousand requests per second at 50 ms each.
pub const DEFAULT_IDLE_CONNECTIONS: usize = 256;
/// Below the 5 s after which some common servers close idle connections: closing first avoids
/// sending a request into a connection that the backend is just closing.
pub const DEFAULT_UPSTREAM_IDLE: Duration = Duration::from_secs(4);
/// Same as for requests.
pub const DEFAULT_RESPONSE_HEADERS: usize = DEFAULT_HEADERS;
/// Twice that of requests: cookies and policies of a backend are under the operator's control.
pub const DEFAULT_RESPONSE_HEADER_BYTES: usize = 64 * 1024;

impl Default for UpstreamLimits {
    fn default() -> Self {
        Self {
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            body_idle_timeout: DEFAULT_BODY_IDLE_TIMEOUT,
            idle_connections: DEFAULT_IDLE_CONNECTIONS,
            idle_timeout: DEFAULT_UPSTREAM_IDLE,
            headers: DEFAULT_RESPONSE_HEADERS,
            header_bytes: DEFAULT_RESPONSE_HEADER_BYTES,
        }
    }
}
