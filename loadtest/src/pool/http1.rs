//! HTTP/1.1: a connection per request under way.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use http::Request;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Exchange, Lane};
use crate::addresses::AddressMode;
use crate::connect::{self, Body, Http1};
use crate::failure::Failure;

/// Idle connections and room for more.
pub(crate) struct Pool {
    idle: Arc<Idle>,
    /// One permit per open connection.
    room: Arc<Semaphore>,
    mode: AddressMode,
}

/// Connections that wait for a request.
#[derive(Default)]
struct Idle {
    lanes: Mutex<HashMap<Lane, Vec<Open>>>,
    /// Requests that wait for a place. Written before and read within the lock of `lanes`: so a
    /// connection that comes back either sees who waits or is seen.
    waiting: AtomicUsize,
}

/// An open connection; its place is free when it is dropped.
struct Open {
    sender: Http1,
    _place: OwnedSemaphorePermit,
}

/// A connection in use.
pub(crate) struct Lease {
    open: Open,
    lane: Lane,
    idle: Arc<Idle>,
}

impl Lease {
    /// Waits until the connection can take another request, and keeps it. One that the target
    /// closes is let go, and so is one whose place somebody waits for.
    pub(super) async fn give_back(mut self) {
        if self.open.sender.ready().await.is_ok() {
            let mut lanes = self.idle.lanes.lock();
            if self.idle.waiting.load(Ordering::SeqCst) == 0 {
                lanes.entry(self.lane).or_default().push(self.open);
            }
        }
    }
}

/// One that waits for a place, until dropped.
struct Waiting<'a>(&'a Idle);

impl<'a> Waiting<'a> {
    fn on(idle: &'a Idle) -> Self {
        idle.waiting.fetch_add(1, Ordering::SeqCst);
        Self(idle)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Pool {
    pub(super) fn new(connections: usize, mode: AddressMode) -> Self {
        Self {
            idle: Arc::default(),
            room: Arc::new(Semaphore::new(connections)),
            mode,
        }
    }

    pub(super) async fn exchange(
        &self,
        lane: Lane,
        target: SocketAddr,
        mut request: Request<Body>,
    ) -> Result<Exchange, Failure> {
        // An idle connection may have been closed by the target a moment ago. hyper hands the
        // request back if nothing of it was written; then another connection is tried, and the last
        // is always a new one.
        while let Some(mut open) = self.take_idle(lane) {
            let sent = Instant::now();
            match open.sender.try_send_request(request).await {
                Ok(response) => {
                    return Ok(Exchange {
                        response,
                        sent,
                        lease: Some(self.lease(open, lane)),
                    });
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(Failure::Broken(error.into_error())),
                },
            }
        }
        let place = self.place().await;
        let mut open = Open {
            sender: connect::http1(target, lane.1, &self.mode).await?,
            _place: place,
        };
        let sent = Instant::now();
        let response = open
            .sender
            .send_request(request)
            .await
            .map_err(Failure::Broken)?;
        Ok(Exchange {
            response,
            sent,
            lease: Some(self.lease(open, lane)),
        })
    }

    fn lease(&self, open: Open, lane: Lane) -> Lease {
        Lease {
            open,
            lane,
            idle: Arc::clone(&self.idle),
        }
    }

    fn take_idle(&self, lane: Lane) -> Option<Open> {
        let mut idle = self.idle.lanes.lock();
        let connections = idle.get_mut(&lane)?;
        let mut found = None;
        // The last one in is the least likely to have been closed meanwhile.
        while let Some(open) = connections.pop() {
            if open.sender.is_ready() {
                found = Some(open);
                break;
            }
        }
        if connections.is_empty() {
            idle.remove(&lane);
        }
        found
    }

    /// A place for a new connection. No more requests are under way than there are places, so if
    /// all are taken some connection is idle, or will come back.
    async fn place(&self) -> OwnedSemaphorePermit {
        if let Ok(place) = Arc::clone(&self.room).try_acquire_owned() {
            return place;
        }
        let _waiting = Waiting::on(&self.idle);
        self.close_one_idle();
        Arc::clone(&self.room)
            .acquire_owned()
            .await
            .expect("it is never closed")
    }

    fn close_one_idle(&self) {
        let mut lanes = self.idle.lanes.lock();
        let Some(lane) = lanes.keys().next().copied() else {
            return;
        };
        let Some(mut connections) = lanes.remove(&lane) else {
            return;
        };
        connections.pop();
        if !connections.is_empty() {
            lanes.insert(lane, connections);
        }
    }
}
