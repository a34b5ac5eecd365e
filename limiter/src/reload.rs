//! Another URL for the same store while the limiter runs: a password that was changed, a server
//! that moved.
//!
//! A new URL is tried first and then takes the place of the old one as a whole; what is under way
//! ends on the old connections. A URL that does not answer is not taken while the old one does.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::sync::watch;
use tokio::time::Instant;
use weir_telemetry::Reloads;

use crate::config::StoreConfig;
use crate::error::{StoreError, with_causes};
use crate::layers::replace::Replaceable;
use crate::stores::redis::{RedisConfig, RedisStore};

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
    #[error("the store at the new URL: {}", with_causes(.0))]
    Store(#[from] StoreError),
}

/// Reads the URL whenever asked, and puts a store there in the place of the one that `config`
/// describes.
pub(crate) async fn run(
    reload: StoreReload,
    store: Replaceable<RedisStore>,
    mut config: RedisConfig,
    reloads: Reloads,
) {
    let StoreReload { load, mut requests } = reload;
    while requests.changed().await.is_ok() {
        let load = Arc::clone(&load);
        let loaded = tokio::task::spawn_blocking(move || load())
            .await
            .unwrap_or_else(|panic| Err(panic.into()));
        match follow(loaded, &store, &mut config).await {
            Ok(()) => reloads.succeeded(),
            Err(error) => {
                reloads.failed();
                tracing::error!(%error, "the store's old URL still holds");
            }
        }
    }
}

/// Goes where the URL that was read leads.
async fn follow(
    loaded: Result<StoreConfig, Box<dyn Error + Send + Sync>>,
    store: &Replaceable<RedisStore>,
    config: &mut RedisConfig,
) -> Result<(), ReloadError> {
    let StoreConfig::Redis(url) = loaded.map_err(ReloadError::Source)? else {
        return Err(ReloadError::Memory);
    };
    if url.expose_secret() == config.url {
        tracing::info!("the store's URL is as it was");
        return Ok(());
    }
    let new = RedisConfig {
        url: url.expose_secret().to_owned(),
        ..config.clone()
    };
    replace(store, RedisStore::new(new.clone())?).await?;
    *config = new;
    tracing::info!(
        store = StoreConfig::Redis(url).describe(),
        "the store is reached by its new URL"
    );
    Ok(())
}

/// Puts `new` in the place of the old store if it answers, or if the old one does not either: then
/// nothing is lost.
async fn replace(store: &Replaceable<RedisStore>, new: RedisStore) -> Result<(), StoreError> {
    let old = store.current();
    match first_answer(&new).await {
        Err(error) if old.ping().await.is_ok() => return Err(error),
        Err(error) => tracing::warn!(
            error = with_causes(&error),
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
