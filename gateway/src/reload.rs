//! Reading the configuration again while the gateway serves.
//!
//! A new configuration takes the place of the old one between two requests, as a whole or not at
//! all: whatever is wrong with it is logged with its place, and the old one holds. What outlives a
//! configuration (rate limit counters, the connections to limiters and backends, loaded keys,
//! metrics of routes that stay) is in [`Parts`] and is not touched.
//!
//! A provider that the old configuration did not name must give its keys first. Otherwise a
//! misspelt address would turn every replica into one that answers 503.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use weir_policy::plan::Action;
use weir_policy::{Configuration, Diagnostics};
use weir_telemetry::Reloads;

use crate::compiled::{Current, Gateway, Parts};
use crate::error::Error;
use crate::upstream::tls::TlsFiles;

/// How soon a reload that failed for what may pass by itself (a provider that did not answer) is
/// tried again.
const RETRY: Duration = Duration::from_secs(30);

/// Reads a configuration.
pub type Load = Arc<dyn Fn() -> Result<Configuration, ReloadError> + Send + Sync>;

/// How and when the configuration is read again.
pub struct Reload {
    /// Reads it: files, named values, everything that can have changed. Called on a thread that may
    /// block.
    pub load: Load,
    /// Every value sent asks for a reload, and all providers for their keys; what is asked for
    /// meanwhile is one more.
    pub requests: watch::Receiver<()>,
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reload").finish_non_exhaustive()
    }
}

/// Why a configuration did not take the place of the one that holds.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It has errors.
    #[error(transparent)]
    Configuration(#[from] Diagnostics),
    /// Something around it cannot be read: the file of a secret, for example.
    #[error("{0}")]
    Source(#[source] Box<dyn StdError + Send + Sync>),
    /// It cannot be put to work.
    #[error(transparent)]
    Gateway(#[from] Error),
    /// A provider that it names does not give its keys.
    #[error("the keys of {url} could not be fetched: the log line before says why")]
    Provider {
        /// The discovery URL.
        url: String,
    },
}

impl ReloadError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Provider { .. } | Self::Source(_))
    }
}

/// Puts new configurations to work.
pub(crate) struct Reloader {
    gateway: Current,
    parts: Parts,
    metrics: Reloads,
    /// Discovery URLs of the configuration that holds.
    providers: BTreeSet<String>,
}

impl Reloader {
    pub(crate) fn new(
        configuration: &Configuration,
        gateway: Current,
        parts: Parts,
        metrics: Reloads,
    ) -> Self {
        Self {
            gateway,
            parts,
            metrics,
            providers: providers_of(configuration),
        }
    }

    /// Reloads whenever asked, until `shutdown`.
    pub(crate) async fn run(mut self, reload: Reload, shutdown: CancellationToken) {
        let Reload { load, mut requests } = reload;
        let serve = async {
            let mut retry = false;
            loop {
                let next = tokio::time::timeout(
                    if retry { RETRY } else { Duration::MAX },
                    requests.changed(),
                )
                .await;
                if matches!(next, Ok(Err(_))) {
                    return; // nobody can ask any more
                }
                retry = self
                    .reload_and_tell(Arc::clone(&load))
                    .await
                    .is_err_and(|error| error.may_pass());
            }
        };
        shutdown.run_until_cancelled(serve).await;
    }

    async fn reload_and_tell(&mut self, load: Load) -> Result<(), ReloadError> {
        let result = self.reload(load).await;
        match &result {
            Ok(()) => {
                self.metrics.succeeded();
                tracing::info!(
                    operations = self.gateway.load().routes.len(),
                    "the configuration was read again and holds"
                );
            }
            Err(error) => {
                self.metrics.failed();
                tell(error);
            }
        }
        result
    }

    async fn reload(&mut self, load: Load) -> Result<(), ReloadError> {
        let named = self.parts.backend_tls.clone();
        let read =
            tokio::task::spawn_blocking(move || Ok::<_, ReloadError>((load()?, named.read()?)));
        let (configuration, tls_files) = read
            .await
            .map_err(|panic| ReloadError::Source(panic.into()))??;
        let providers = providers_of(&configuration);
        let built = self.build(&configuration, tls_files, &providers).await;
        if built.is_ok() {
            self.providers = providers;
        }
        // Also after a failure: what the attempt registered goes again.
        self.parts
            .providers
            .retain(self.providers.iter().map(String::as_str));
        self.gateway.store(Arc::new(built?));
        Ok(())
    }

    async fn build(
        &self,
        configuration: &Configuration,
        tls_files: TlsFiles,
        providers: &BTreeSet<String>,
    ) -> Result<Gateway, ReloadError> {
        for url in providers.difference(&self.providers) {
            if !self
                .parts
                .providers
                .preload(url)
                .await
                .map_err(Error::from)?
            {
                return Err(ReloadError::Provider { url: url.clone() });
            }
        }
        let previous = self.gateway.load_full();
        Ok(Gateway::new(
            configuration,
            tls_files,
            &self.parts,
            Some(&previous),
        )?)
    }
}

fn providers_of(configuration: &Configuration) -> BTreeSet<String> {
    let steps = configuration.steps();
    let urls = steps.into_iter().filter_map(|step| {
        let Action::ValidateJwt(policy) = &step.action else {
            return None;
        };
        Some(policy.openid_configs.iter().cloned())
    });
    urls.flatten().collect()
}

fn tell(error: &ReloadError) {
    match error {
        ReloadError::Configuration(problems)
        | ReloadError::Gateway(Error::Configuration(problems)) => {
            for problem in &problems.0 {
                tracing::error!("{problem}");
            }
            let errors = problems.0.len();
            tracing::error!(
                errors,
                "the new configuration has errors: the old one still holds"
            );
        }
        ReloadError::Source(_) | ReloadError::Gateway(_) | ReloadError::Provider { .. } => {
            tracing::error!(%error, "the new configuration cannot be put to work: the old one still holds");
        }
    }
}
