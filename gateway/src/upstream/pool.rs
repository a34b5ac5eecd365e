//! Idle connections to backends, by host and port. The one that was used last is used next, so that
//! the others grow old.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::task::Context;
use std::time::Duration;

use foldhash::fast::RandomState;
use http::uri::Authority;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::link::Link;

/// How often old connections are looked for: they live at most this much longer than they should,
/// unused.
const SWEEP: Duration = Duration::from_millis(500);

/// The pool; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Connections kept for each backend.
    most: usize,
    idle_timeout: Duration,
    /// Held for a few instructions, never while anything is waited for.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The youngest at the back. No entry is empty for longer than a sweep.
    idle: HashMap<Authority, VecDeque<Idle>, RandomState>,
    /// Whether the task that closes old connections runs.
    sweeping: bool,
}

#[derive(Debug)]
struct Idle {
    link: Box<Link>,
    since: Instant,
}

impl Pool {
    pub(super) fn new(most: usize, idle_timeout: Duration) -> Self {
        Self(Arc::new(Shared {
            most,
            idle_timeout,
            state: Mutex::default(),
        }))
    }

    /// A connection to `authority` that is still usable.
    pub(super) fn take(&self, authority: &Authority, cx: &mut Context<'_>) -> Option<Box<Link>> {
        loop {
            let Idle { mut link, since } =
                self.0.state.lock().idle.get_mut(authority)?.pop_back()?;
            if since.elapsed() < self.0.idle_timeout && link.is_free(cx) {
                return Some(link);
            }
        }
    }

    /// Keeps a connection that is free. Beyond the limit the oldest is closed.
    pub(super) fn put(&self, authority: &Authority, link: Box<Link>) {
        let mut state = self.0.state.lock();
        let idle = Idle {
            link,
            since: Instant::now(),
        };
        let surplus = match state.idle.get_mut(authority) {
            Some(links) => {
                links.push_back(idle);
                (links.len() > self.0.most).then(|| links.pop_front())
            }
            None => {
                state.idle.insert(authority.clone(), VecDeque::from([idle]));
                None
            }
        };
        let start = !std::mem::replace(&mut state.sweeping, true);
        drop(state);
        // Closing takes a while: not under the lock.
        drop(surplus);
        if start {
            tokio::spawn(sweep(Arc::downgrade(&self.0)));
        }
    }
}

/// Closes what is old, until nothing is left.
async fn sweep(pool: Weak<Shared>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut old = Vec::new();
        let mut state = pool.state.lock();
        state.idle.retain(|_, links| {
            let expired = links
                .iter()
                .take_while(|idle| idle.since.elapsed() >= pool.idle_timeout)
                .count();
            old.extend(links.drain(..expired));
            !links.is_empty()
        });
        state.sweeping = !state.idle.is_empty();
        let goes_on = state.sweeping;
        drop(state);
        drop(old);
        if !goes_on {
            return;
        }
    }
}
