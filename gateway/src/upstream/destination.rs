//! Where requests go, and the connections that are kept there.
//!
//! Two requests share connections if scheme, host, port, trust and the certificate shown are the
//! same; each such combination is one [`Destination`]. It keeps connections for one request at a
//! time, of which the one that was used last is used next, so that the others grow old, and
//! connections for many.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Weak};
use std::task::Context;
use std::time::Duration;

use foldhash::fast::RandomState;
use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::link::Link;
use super::shared::{Place, Shared};
use super::tls::{Terms, TermsKey, TlsFiles, server_name};

/// How often old connections are looked for: they live at most this much longer than they should,
/// unused.
const SWEEP: Duration = Duration::from_millis(500);
/// Destinations remembered before it is looked which of them are still in use.
const FIRST_PURGE: usize = 64;

/// One place that requests go to.
#[derive(Debug)]
pub(crate) struct Destination {
    /// Scheme, host and port.
    pub(super) url: Uri,
    pub(super) tls: Option<Tls>,
    bounds: Bounds,
    /// Held for a few instructions, never while anything is waited for.
    kept: Mutex<Kept>,
    /// Held by whoever makes a connection that many will share.
    pub(super) connecting: tokio::sync::Mutex<()>,
    /// Whether connections are for one request at a time, as far as is known.
    pub(super) is_exclusive: AtomicBool,
    /// Attempts to connect that failed.
    pub(super) failures: AtomicU32,
}

/// What TLS to it needs.
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").field(&self.name).finish()
    }
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Idle connections kept for one request at a time.
    most: usize,
    idle_timeout: Duration,
}

#[derive(Debug, Default)]
struct Kept {
    /// The youngest at the back.
    idle: VecDeque<Idle>,
    shared: Vec<Arc<Shared>>,
    /// Whether the task that closes old connections runs.
    sweeping: bool,
}

#[derive(Debug)]
struct Idle {
    link: Box<Link>,
    since: Instant,
}

impl Destination {
    /// A connection for one request that is still usable.
    pub(super) fn take(&self, cx: &mut Context<'_>) -> Option<Box<Link>> {
        loop {
            let Idle { mut link, since } = self.kept.lock().idle.pop_back()?;
            if since.elapsed() < self.bounds.idle_timeout && link.is_free(cx) {
                return Some(link);
            }
        }
    }

    /// A place on a connection that is shared.
    pub(super) fn enter(&self) -> Option<Place> {
        let mut kept = self.kept.lock();
        kept.shared.retain(|shared| !shared.is_over());
        kept.shared.iter().find_map(Shared::enter)
    }

    /// Keeps a connection that is free. Beyond the limit the oldest is closed.
    pub(super) fn put(self: &Arc<Self>, link: Box<Link>) {
        let mut kept = self.kept.lock();
        let since = Instant::now();
        kept.idle.push_back(Idle { link, since });
        let surplus = if kept.idle.len() > self.bounds.most {
            kept.idle.pop_front()
        } else {
            None
        };
        let start = !std::mem::replace(&mut kept.sweeping, true);
        drop(kept);
        // Closing takes a while: not under the lock.
        drop(surplus);
        if start {
            tokio::spawn(sweep(Arc::clone(self)));
        }
    }

    /// Lets other requests use a connection too.
    pub(super) fn share(self: &Arc<Self>, shared: Arc<Shared>) {
        let mut kept = self.kept.lock();
        kept.shared.push(shared);
        let start = !std::mem::replace(&mut kept.sweeping, true);
        drop(kept);
        if start {
            tokio::spawn(sweep(Arc::clone(self)));
        }
    }

    /// Takes out what is old. Says whether anything is left.
    fn take_old(&self, old_links: &mut Vec<Idle>, old_shared: &mut Vec<Arc<Shared>>) -> bool {
        let timeout = self.bounds.idle_timeout;
        let mut kept = self.kept.lock();
        let expired = kept
            .idle
            .iter()
            .take_while(|idle| idle.since.elapsed() >= timeout)
            .count();
        old_links.extend(kept.idle.drain(..expired));
        let is_old = |shared: &mut Arc<Shared>| shared.is_over() || shared.is_unused_for(timeout);
        old_shared.extend(kept.shared.extract_if(.., is_old));
        kept.sweeping = !(kept.idle.is_empty() && kept.shared.is_empty());
        kept.sweeping
    }
}

/// Closes what is old, until nothing is left. It keeps the destination, so that one that nobody
/// names at the moment can still be found with its connections.
async fn sweep(destination: Arc<Destination>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let (mut links, mut shared) = (Vec::new(), Vec::new());
        let goes_on = destination.take_old(&mut links, &mut shared);
        // Closed here, not under the lock.
        drop((links, shared));
        if !goes_on {
            return;
        }
    }
}

/// All destinations in use, so that two that are the same are one.
#[derive(Debug)]
pub(super) struct Destinations {
    bounds: Bounds,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    by_key: HashMap<Key, Weak<Destination>, RandomState>,
    /// How many there may be until those that nobody uses are forgotten.
    purge_at: usize,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    authority: Authority,
    tls: Option<TermsKey>,
}

impl Destinations {
    pub(super) fn new(most: usize, idle_timeout: Duration) -> Self {
        Self {
            bounds: Bounds { most, idle_timeout },
            known: Mutex::new(Known {
                by_key: HashMap::default(),
                purge_at: FIRST_PURGE,
            }),
        }
    }

    /// The destination at `authority`: in TLS if there are `terms`.
    pub(super) fn get(
        &self,
        authority: &Authority,
        terms: Option<&Terms>,
        files: &TlsFiles,
    ) -> Arc<Destination> {
        let key = Key {
            authority: authority.clone(),
            tls: terms.map(|terms| files.key(terms)),
        };
        let mut known = self.known.lock();
        if let Some(found) = known.by_key.get(&key).and_then(Weak::upgrade) {
            return found;
        }
        let made = Arc::new(self.make(authority, terms, files));
        known.by_key.insert(key, Arc::downgrade(&made));
        if known.by_key.len() >= known.purge_at {
            known.by_key.retain(|_, weak| weak.strong_count() > 0);
            known.purge_at = FIRST_PURGE.max(2 * known.by_key.len());
        }
        made
    }

    fn make(&self, authority: &Authority, terms: Option<&Terms>, files: &TlsFiles) -> Destination {
        let tls = terms.map(|terms| Tls {
            connector: TlsConnector::from(Arc::new(files.config(terms))),
            name: server_name(authority.host()).expect("base URLs were checked for it"),
        });
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if tls.is_some() {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        });
        parts.authority = Some(authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        Destination {
            url: Uri::from_parts(parts).expect("a scheme, an authority and a path"),
            is_exclusive: AtomicBool::new(tls.is_none()),
            tls,
            bounds: self.bounds,
            kept: Mutex::default(),
            connecting: tokio::sync::Mutex::new(()),
            failures: AtomicU32::new(0),
        }
    }
}
