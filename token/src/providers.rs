//! The registry of OpenID providers: one [`Provider`] per discovery URL, however many places use
//! it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::Url;
use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::Provider;
use crate::download::{Downloader, is_http, is_loopback};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::notices::AllNotices;
use crate::provider::Shared;

/// How providers are asked for their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvidersConfig {
    /// How often keys are fetched again in the background, and so how long a withdrawn key is
    /// believed. What a provider says about caching is not looked at, so it cannot make us ask more
    /// often.
    pub refresh_interval: Duration,
    /// The least time between two fetches that tokens of an unknown key cause.
    pub unknown_key_interval: Duration,
    /// The longest one fetch (discovery document and key set together) may take. A request whose
    /// token needs the fetch waits for it that long at most.
    pub fetch_timeout: Duration,
}

/// As API Management does: rotations announce keys a day ahead, so an hour is soon enough.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// As API Management does. It bounds what callers can make us ask a provider.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Longer than a provider on another continent needs; shorter than clients wait.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

impl ProvidersConfig {
    /// The least that both intervals may be. Less is a mistake, and would be a burden to the
    /// provider.
    pub const MIN_INTERVAL: Duration = Duration::from_secs(1);
}

impl Default for ProvidersConfig {
    fn default() -> Self {
        Self {
            refresh_interval: REFRESH_INTERVAL,
            unknown_key_interval: UNKNOWN_KEY_INTERVAL,
            fetch_timeout: FETCH_TIMEOUT,
        }
    }
}

/// The providers cannot be set up as configured.
#[derive(Debug, Error)]
pub enum ProvidersError {
    /// A discovery URL that cannot be asked.
    #[error("the discovery URL `{url}` cannot be used: {why}; give an absolute http or https URL")]
    Url {
        /// The URL as configured.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The refresh interval is too short.
    #[error("the refresh interval of keys must be at least {} s", ProvidersConfig::MIN_INTERVAL.as_secs())]
    RefreshInterval,
    /// The interval between fetches for unknown keys is too short.
    #[error("fetches for unknown keys must be at least {} s apart", ProvidersConfig::MIN_INTERVAL.as_secs())]
    UnknownKeyInterval,
    /// The fetch timeout is zero.
    #[error("the timeout for fetching keys must be longer than zero")]
    FetchTimeout,
    /// The HTTP client cannot be made.
    #[error("cannot set up the HTTP client for fetching keys")]
    Client(#[source] reqwest::Error),
}

/// A registry of OpenID providers, by discovery URL. Cheap to clone; clones share the providers.
#[derive(Debug, Clone)]
pub struct Providers {
    shared: Arc<Shared>,
    registered: Arc<Mutex<Registered>>,
}

#[derive(Debug, Default)]
struct Registered {
    /// By discovery URL as parsed, so two spellings of one URL share keys and fetches.
    providers: BTreeMap<Url, Entry>,
    /// Ends the background refresh; absent until it has been started.
    refresh: Option<CancellationToken>,
}

#[derive(Debug)]
struct Entry {
    provider: Arc<Provider>,
    /// Ends its background refresh.
    stop: CancellationToken,
}

impl Providers {
    /// An empty registry. It reports to `ops`: the readiness component `identity keys` and the
    /// `token_*` metrics.
    ///
    /// # Errors
    /// If the configuration or the HTTP client is unusable.
    pub fn new(config: ProvidersConfig, ops: &weir_telemetry::Ops) -> Result<Self, ProvidersError> {
        if config.refresh_interval < ProvidersConfig::MIN_INTERVAL {
            return Err(ProvidersError::RefreshInterval);
        }
        if config.unknown_key_interval < ProvidersConfig::MIN_INTERVAL {
            return Err(ProvidersError::UnknownKeyInterval);
        }
        if config.fetch_timeout.is_zero() {
            return Err(ProvidersError::FetchTimeout);
        }
        let downloader = Downloader::new().map_err(ProvidersError::Client)?;
        let metrics = Metrics::default();
        ops.registry(|registry| metrics.register(registry));
        let health = Health::new(ops.readiness("identity keys"));
        Ok(Self {
            shared: Arc::new(Shared {
                config,
                downloader,
                metrics,
                health,
                notices: AllNotices::default(),
            }),
            registered: Arc::default(),
        })
    }

    /// Keeps the keys of all providers fresh until `shutdown`, also those of providers that are
    /// added later. Without it, keys are loaded when the first token needs them, and again only for
    /// unknown keys. Needs a tokio runtime.
    pub fn spawn_refresh(&self, shutdown: CancellationToken) {
        let mut registered = self.registered.lock();
        if registered.refresh.is_some() {
            return;
        }
        for entry in registered.providers.values_mut() {
            entry.stop = shutdown.child_token();
            tokio::spawn(Arc::clone(&entry.provider).keep_fresh(entry.stop.clone()));
        }
        registered.refresh = Some(shutdown);
    }

    /// Asks every provider for its keys whenever `requests` changes, until `shutdown` or until
    /// nobody can ask any more: for an operator who knows that a key was withdrawn. Requests go on
    /// meanwhile with the keys that are there. Needs a tokio runtime.
    pub fn refresh_when_asked(
        &self,
        mut requests: watch::Receiver<()>,
        shutdown: CancellationToken,
    ) {
        let providers = self.clone();
        let serve = async move {
            while requests.changed().await.is_ok() {
                providers.refresh_all();
            }
        };
        tokio::spawn(async move { shutdown.run_until_cancelled(serve).await });
    }

    /// Begins to fetch the keys of every provider and returns at once.
    fn refresh_all(&self) {
        let registered = self.registered.lock();
        tracing::info!(
            providers = registered.providers.len(),
            "asking the providers for their keys"
        );
        for entry in registered.providers.values() {
            let provider = Arc::clone(&entry.provider);
            tokio::spawn(async move { provider.refresh_anew().await });
        }
    }

    /// The provider of a discovery URL, made on first use. Needs a tokio runtime once
    /// [`Self::spawn_refresh`] was called.
    ///
    /// # Errors
    /// If `url` is not an absolute http or https URL.
    pub fn provider(&self, url: &str) -> Result<Arc<Provider>, ProvidersError> {
        let url = parse(url)?;
        if let Some(entry) = self.registered.lock().providers.get(&url) {
            return Ok(Arc::clone(&entry.provider));
        }
        let provider = Arc::new(Provider::new(url, Arc::clone(&self.shared)));
        Ok(self.register(provider))
    }

    /// Looks whether a discovery URL could be asked; asks nobody.
    ///
    /// # Errors
    /// If `url` is not an absolute http or https URL.
    pub fn check(url: &str) -> Result<(), ProvidersError> {
        parse(url).map(drop)
    }

    /// Fetches the keys of a provider that is not registered yet and registers it if they came: for
    /// a configuration that is to replace a working one. A failure leaves no trace, in readiness
    /// either. Says whether the provider is there.
    ///
    /// # Errors
    /// If `url` is not an absolute http or https URL.
    pub async fn preload(&self, url: &str) -> Result<bool, ProvidersError> {
        let url = parse(url)?;
        if self.registered.lock().providers.contains_key(&url) {
            return Ok(true);
        }
        let provider = Arc::new(Provider::new(url, Arc::clone(&self.shared)));
        provider.refresh().await;
        if !provider.is_loaded() {
            return Ok(false);
        }
        self.register(provider);
        Ok(true)
    }

    /// Forgets all providers but those of `urls`: their keys are not fetched any more, and
    /// readiness does not wait for them. Whoever still holds one can use it.
    pub fn retain<'u>(&self, urls: impl IntoIterator<Item = &'u str>) {
        let kept: Vec<Url> = urls
            .into_iter()
            .filter_map(|url| Url::parse(url).ok())
            .collect();
        self.registered.lock().providers.retain(|url, entry| {
            let keep = kept.contains(url);
            if !keep {
                entry.stop.cancel();
                self.shared.health.remove(url.as_str());
            }
            keep
        });
    }

    /// Whoever comes second gets what the first registered.
    fn register(&self, provider: Arc<Provider>) -> Arc<Provider> {
        let mut registered = self.registered.lock();
        let url = provider.address().clone();
        if let Some(entry) = registered.providers.get(&url) {
            return Arc::clone(&entry.provider);
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            tracing::warn!(provider = %url, "keys are fetched without TLS: whoever is on the way can replace them");
        }
        self.shared.health.add(url.as_str(), provider.state());
        let stop = registered
            .refresh
            .as_ref()
            .map_or_else(CancellationToken::new, CancellationToken::child_token);
        if registered.refresh.is_some() {
            tokio::spawn(Arc::clone(&provider).keep_fresh(stop.clone()));
        }
        registered.providers.insert(
            url,
            Entry {
                provider: Arc::clone(&provider),
                stop,
            },
        );
        provider
    }

    /// Whether the keys of every provider have been loaded once.
    #[must_use]
    pub fn all_loaded(&self) -> bool {
        self.registered
            .lock()
            .providers
            .values()
            .all(|entry| entry.provider.is_loaded())
    }

    /// The counters this registry registered, for [`ValidatorConfig`](crate::ValidatorConfig).
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.shared.metrics.clone()
    }
}

fn parse(url: &str) -> Result<Url, ProvidersError> {
    let unusable = |why: String| ProvidersError::Url {
        url: url.to_owned(),
        why,
    };
    let parsed = Url::parse(url).map_err(|why| unusable(why.to_string()))?;
    if !is_http(&parsed) {
        return Err(unusable(format!("its scheme is `{}`", parsed.scheme())));
    }
    // It would show in logs, metrics and on the operations port.
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(ProvidersError::Url {
            url: "…".into(),
            why: "it contains a user name or password".into(),
        });
    }
    Ok(parsed)
}
