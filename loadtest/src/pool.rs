//! Connections that are used again.
//!
//! Requests of one *lane* (a target, and a client address where that belongs to the connection)
//! share connections. Over HTTP/1.1 a connection serves one request at a time and waits here in
//! between; when all places are taken, an idle connection of any other lane makes room. Over HTTP/2
//! each lane has a few connections, used in turn.

mod http1;
mod http2;

use std::net::IpAddr;
use std::time::Instant;

use http::{Request, Response};
use hyper::body::Incoming;

use crate::addresses::AddressMode;
use crate::config::HttpVersion;
use crate::connect::Body;
use crate::failure::Failure;
use crate::target::Target;

/// What connections cannot be shared across: the target's number, and the client address.
pub(crate) type Lane = (usize, Option<IpAddr>);

/// All connections of a run.
pub(crate) enum Pool {
    Http1(http1::Pool),
    Http2(http2::Pool),
}

/// An answer, and the connection it comes over.
pub(crate) struct Exchange {
    pub(crate) response: Response<Incoming>,
    /// Right before the request was written.
    pub(crate) sent: Instant,
    lease: Option<http1::Lease>,
}

impl Exchange {
    /// Keeps the connection for others, once the whole answer has been read.
    pub(crate) async fn finish(self) {
        if let Some(lease) = self.lease {
            lease.give_back().await;
        }
    }
}

impl Pool {
    /// `lanes` is how many there are.
    pub(crate) fn new(
        http: HttpVersion,
        connections: usize,
        lanes: usize,
        mode: AddressMode,
    ) -> Self {
        match http {
            HttpVersion::Http1 => Self::Http1(http1::Pool::new(connections, mode)),
            HttpVersion::Http2 => Self::Http2(http2::Pool::new(connections / lanes.max(1), mode)),
        }
    }

    /// Sends `request` on a connection of its lane and waits for the head of the answer.
    pub(crate) async fn exchange(
        &self,
        lane: Lane,
        target: &Target,
        request: Request<Body>,
    ) -> Result<Exchange, Failure> {
        match self {
            Self::Http1(pool) => pool.exchange(lane, target.address, request).await,
            Self::Http2(pool) => pool.exchange(lane, target.address, request).await,
        }
    }
}
