//! One OpenID provider: its last good keys, and when they may be fetched again.
//!
//! A fetch runs in a task of its own that any number of requests wait for. It therefore goes on
//! when the request that caused it is cancelled, and a client cannot use up the one fetch per
//! interval by hanging up.

mod flight;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use reqwest::Url;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::flight::{Flights, Reason};
use crate::ProvidersConfig;
use crate::download::Downloader;
use crate::fetch::{self, FetchError};
use crate::health::{Health, KeysState};
use crate::jwk;
use crate::key_set::{Endpoints, KeySet};
use crate::metrics::Metrics;
use crate::notices::{AllNotices, Notices};

/// What the providers of one registry share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: ProvidersConfig,
    pub(crate) downloader: Downloader,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    pub(crate) notices: AllNotices,
}

/// An OpenID provider's published keys and issuer, made by
/// [`Providers::provider`](crate::Providers::provider).
pub struct Provider {
    url: Url,
    shared: Arc<Shared>,
    /// Read on every validation, replaced after a fetch. Empty until the first fetch succeeded.
    keys: ArcSwapOption<KeySet>,
    /// Taken for moments only, never across a fetch.
    flights: Mutex<Flights>,
    notices: Arc<Notices>,
}

/// What became of the wish for a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fetch {
    Started,
    /// One was under way.
    Joined,
    NotDue,
}

impl Provider {
    pub(crate) fn new(url: Url, shared: Arc<Shared>) -> Self {
        let notices = shared.notices.of(&url);
        Self {
            url,
            shared,
            keys: ArcSwapOption::empty(),
            flights: Mutex::default(),
            notices,
        }
    }

    /// The discovery URL.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    pub(crate) fn address(&self) -> &Url {
        &self.url
    }

    /// Whether the keys have been loaded once; they are kept from then on.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.keys.load().is_some()
    }

    /// `issuer` of the discovery document, once it has been loaded.
    #[must_use]
    pub fn issuer(&self) -> Option<String> {
        self.keys.load().as_ref().map(|keys| keys.issuer.clone())
    }

    /// Where people sign in, as of the last good fetch; `None` before it, and if the document names
    /// no such places.
    #[must_use]
    pub fn endpoints(&self) -> Option<Endpoints> {
        self.keys
            .load()
            .as_ref()
            .and_then(|keys| keys.endpoints.clone())
    }

    /// The last good keys.
    pub(crate) fn keys(&self) -> arc_swap::Guard<Option<Arc<KeySet>>> {
        self.keys.load()
    }

    /// Fetches the keys now, or waits for the fetch that is under way. Takes at most the configured
    /// fetch timeout. The outcome shows in readiness and metrics; the last good keys stay if it
    /// fails.
    pub async fn refresh(self: &Arc<Self>) {
        self.fetch(Reason::Schedule).await;
    }

    /// As [`Self::refresh`], but never content with a fetch that had begun before: it may have read
    /// what is withdrawn.
    pub(crate) async fn refresh_anew(self: &Arc<Self>) {
        if self.fetch(Reason::Schedule).await == Fetch::Joined {
            self.fetch(Reason::Schedule).await;
        }
    }

    /// Gives the provider a chance to publish a key that no known one can replace: fetches if that
    /// is due, waits for a fetch that is under way, and returns at once otherwise.
    pub(crate) async fn renew(self: &Arc<Self>) {
        self.fetch(if self.is_loaded() {
            Reason::UnknownKey
        } else {
            Reason::FirstLoad
        })
        .await;
    }

    /// What readiness says of a provider that has just been registered.
    pub(crate) fn state(&self) -> KeysState {
        if self.is_loaded() {
            KeysState::Current
        } else {
            KeysState::Missing(None)
        }
    }

    /// Keeps the keys fresh until `shutdown`.
    pub(crate) async fn keep_fresh(self: Arc<Self>, shutdown: CancellationToken) {
        let refresh_forever = async {
            loop {
                self.refresh().await;
                let pause = self
                    .flights
                    .lock()
                    .pause(self.shared.config.refresh_interval);
                tokio::time::sleep(pause).await;
            }
        };
        // Only the waiting ends here; a fetch under way ends by itself within its timeout.
        shutdown.run_until_cancelled(refresh_forever).await;
    }

    /// Fetches, or waits for the fetch that is under way, if `reason` is good enough by now.
    async fn fetch(self: &Arc<Self>, reason: Reason) -> Fetch {
        let interval = self.shared.config.unknown_key_interval;
        let boarding = self.flights.lock().board(reason, Instant::now(), interval);
        let Some((landed, takes_off)) = boarding else {
            return Fetch::NotDue;
        };
        if takes_off {
            let (provider, landed) = (Arc::clone(self), landed.clone());
            tokio::spawn(async move {
                // Dropped at the end, also that of a panic, so that nobody waits for a dead task.
                let _landing = landed.drop_guard();
                let succeeded = provider.fetch_now().await;
                provider.flights.lock().land(succeeded, Instant::now());
            });
        }
        landed.cancelled().await;
        if takes_off {
            Fetch::Started
        } else {
            Fetch::Joined
        }
    }

    /// Fetches and stores; whether it succeeded.
    async fn fetch_now(&self) -> bool {
        let Shared {
            config,
            downloader,
            metrics,
            health,
            ..
        } = &*self.shared;
        let timeout = config.fetch_timeout;
        let result = tokio::time::timeout(
            timeout,
            fetch::key_set(downloader, &self.url, &self.notices),
        )
        .await;
        let url = self.url.as_str();
        match result.unwrap_or(Err(FetchError::Timeout(timeout))) {
            Ok(keys) => {
                metrics.fetched(url, "ok");
                self.store(keys);
                health.report(url, KeysState::Current);
                true
            }
            Err(why) => {
                metrics.fetched(url, why.label());
                let loaded = self.is_loaded();
                tracing::warn!(provider = url, %why, keeping_last_keys = loaded, "fetching the provider's keys failed");
                let why = why.to_string();
                health.report(
                    url,
                    if loaded {
                        KeysState::Stale(why)
                    } else {
                        KeysState::Missing(Some(why))
                    },
                );
                false
            }
        }
    }

    fn store(&self, keys: KeySet) {
        if self
            .keys
            .load()
            .as_ref()
            .is_none_or(|known| !known.equals(&keys))
        {
            let named = keys.keys.iter().take(MAX_NAMED);
            let ids: Vec<_> = named
                .map(|key| jwk::shortened(key.id().unwrap_or("-"), jwk::MAX_SHOWN_ID))
                .collect();
            let count = keys.keys.len();
            tracing::info!(provider = %self.url, issuer = keys.issuer, count, ?ids, "provider's keys loaded");
        }
        self.keys.store(Some(Arc::new(keys)));
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

/// The most keys named in the log when they have changed.
const MAX_NAMED: usize = 16;

/// The pause after the first failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest pause after a failure: soon enough after an outage, and no burden during it.
const LAST_RETRY: Duration = Duration::from_secs(60);
