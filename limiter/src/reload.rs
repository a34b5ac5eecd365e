//! Another URL for the same store while the limiter runs: a password that was changed, a server
//! that moved.
//!
//! A new URL is tried first and then takes the place of the old one as a whole; what is under way
//! ends on the old connections. A URL that does not answer is not taken while the old one does.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;
use tokio::time::Instant;
use weir_telemetry::Reloads;

use crate::config::StoreConfig;
use crate::layers::degraded::describe;
use crate::layers::replace::Replaceable;
use crate::store::StoreError;
use crate::stores::redis::RedisStore;

/// How long a store at a new URL may take to answer for the first time.
const FIRST_ANSWER: Duration = Duration::from_secs(3);

/// The pause between two attempts meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// How and when the store's URL is read again.
#[derive(Clone)]
pub struct StoreReload {
    /// Reads it. Called on a thread that may block.
    pub load: Arc<dyn Fn() -> Result<StoreConfig, Box<dyn Error + Send + Sync>> + Send + Sync>,
    /// Every value sent asks for a reload.
    pub requests: watch::Receiver<()>,
}

impl fmt::Debug for StoreReload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreReload").finish_non_exhaustive()
    }
}

/// Why the old URL still holds.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error("the store's URL cannot be read: {0}")]
    Source(#[source] Box<dyn Error + Send + Sync>),
    #[error("counters cannot move to memory while the limiter runs: restart it for that")]
    Memory,
    #[error("the store at the new URL: {}", describe(.0))]
    Store(#[from] StoreError),
}

/// Reads the URL whenever asked, and opens a store there with `open`.
pub(crate) async fn run(
    reload: StoreReload,
    store: Replaceable<RedisStore>,
    mut url: SecretString,
    reloads: Reloads,
    open: impl Fn(&SecretString) -> Result<RedisStore, StoreError>,
) {
    let StoreReload { load, mut requests } = reload;
    while requests.changed().await.is_ok() {
        let load = Arc::clone(&load);
        let loaded = tokio::task::spawn_blocking(move || load()).await;
        let loaded = loaded
            .unwrap_or_else(|panic| Err(panic.into()))
            .map_err(ReloadError::Source);
        let replaced = async {
            let new = match loaded? {
                StoreConfig::Redis(new) => new,
                StoreConfig::Memory => return Err(ReloadError::Memory),
            };
            if new.expose_secret() == url.expose_secret() {
                tracing::info!("the store's URL is as it was");
                return Ok(());
            }
            replace(&store, open(&new)?).await?;
            tracing::info!(
                store = StoreConfig::Redis(new.clone()).describe(),
                "the store is reached by its new URL"
            );
            url = new;
            Ok(())
        };
        match replaced.await {
            Ok(()) => reloads.succeeded(),
            Err(error) => {
                reloads.failed();
                tracing::error!(%error, "the store's old URL still holds");
            }
        }
    }
}

/// Puts `new` in the place of the old store if it answers, or if the old one does not either: then
/// nothing is lost.
async fn replace(store: &Replaceable<RedisStore>, new: RedisStore) -> Result<(), StoreError> {
    let old = store.current();
    match first_answer(&new).await {
        Err(error) if old.ping().await.is_ok() => return Err(error),
        Err(error) => tracing::warn!(
            error = describe(&error),
            "the store answers by neither URL; the new one holds"
        ),
        Ok(()) => {}
    }
    store.put(new);
    Ok(())
}

async fn first_answer(store: &RedisStore) -> Result<(), StoreError> {
    let deadline = Instant::now() + FIRST_ANSWER;
    loop {
        match store.ping().await {
            Err(error) if error.is_transient() && Instant::now() < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}
