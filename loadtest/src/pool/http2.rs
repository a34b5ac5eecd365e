//! HTTP/2: a few connections per lane, each for many requests at once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http::Request;
use parking_lot::Mutex;

use super::{Exchange, Lane};
use crate::addresses::AddressMode;
use crate::connect::{self, Body, Http2};
use crate::failure::Failure;

/// More connections than this gain nothing: each carries a hundred requests and more at once.
const MOST_PER_LANE: usize = 8;

/// The connections of each lane.
pub(crate) struct Pool {
    lanes: Mutex<HashMap<Lane, Arc<InTurn>>>,
    per_lane: usize,
    mode: AddressMode,
}

/// Locked while connecting too: who comes meanwhile needs that connection.
type InTurn = tokio::sync::Mutex<Turn>;

#[derive(Default)]
struct Turn {
    connections: Vec<Http2>,
    next: usize,
}

impl Pool {
    pub(super) fn new(per_lane: usize, mode: AddressMode) -> Self {
        Self {
            lanes: Mutex::default(),
            per_lane: per_lane.clamp(1, MOST_PER_LANE),
            mode,
        }
    }

    pub(super) async fn exchange(
        &self,
        lane: Lane,
        target: SocketAddr,
        mut request: Request<Body>,
    ) -> Result<Exchange, Failure> {
        // As over HTTP/1.1: what was not sent on a connection that is going away is sent on another
        // one.
        for _ in 0..self.per_lane {
            let mut sender = self.connection(lane, target).await?;
            let sent = Instant::now();
            match sender.try_send_request(request).await {
                Ok(response) => {
                    return Ok(Exchange {
                        response,
                        sent,
                        lease: None,
                    });
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(Failure::Broken(error.into_error())),
                },
            }
        }
        let mut sender = self.connection(lane, target).await?;
        let sent = Instant::now();
        let response = sender
            .send_request(request)
            .await
            .map_err(Failure::Broken)?;
        Ok(Exchange {
            response,
            sent,
            lease: None,
        })
    }

    /// The next connection of the lane, a new one while there are fewer than allowed.
    async fn connection(&self, lane: Lane, target: SocketAddr) -> Result<Http2, Failure> {
        let turn = Arc::clone(self.lanes.lock().entry(lane).or_default());
        let mut turn = turn.lock().await;
        turn.connections.retain(|sender| !sender.is_closed());
        if turn.connections.len() < self.per_lane {
            let sender = connect::http2(target, lane.1, &self.mode).await?;
            turn.connections.push(sender.clone());
            return Ok(sender);
        }
        turn.next = (turn.next + 1) % turn.connections.len();
        Ok(turn.connections[turn.next].clone())
    }
}
