//! When a role reads its configuration again, and asks OpenID providers for their keys: on SIGHUP,
//! and with `--watch` when a file of its configuration changes.
//!
//! Changes are looked for once a second. A change counts when nothing has changed for another
//! second, so that a folder that is just being written is not read half-way.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Soon enough for a person who waits, and seldom enough to cost nothing with thousands of files.
const POLL: Duration = Duration::from_secs(1);

/// Asks for a reload on SIGHUP, and when one of the `watched` files or folders changes. `shutdown`
/// ends it. To be called before they are read for the first time: what changes from then on is
/// seen.
///
/// A terminal that closes sends SIGHUP too: then the role ends with it, as people expect.
pub(crate) fn requests(
    watched: Option<Vec<PathBuf>>,
    shutdown: &CancellationToken,
) -> watch::Receiver<()> {
    let fingerprint =
        watched.map(|paths| -> Fingerprint { Arc::new(move || weir_gateway::fingerprint(&paths)) });
    start(fingerprint, shutdown)
}

/// A number that changes whenever something does that is to be read again.
pub(crate) type Fingerprint = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Like [`requests`], for what `fingerprint` looks at.
pub(crate) fn requests_for(
    fingerprint: Fingerprint,
    shutdown: &CancellationToken,
) -> watch::Receiver<()> {
    start(Some(fingerprint), shutdown)
}

fn start(fingerprint: Option<Fingerprint>, shutdown: &CancellationToken) -> watch::Receiver<()> {
    let (ask, requests) = watch::channel(());
    // Here and not in the task: from the moment this returns, the signal must not end the process.
    // Without a handler the kernel's default applies, which does.
    if let Ok(signals) = signal(SignalKind::hangup()) {
        let (hangups, end) = (
            hangups(signals, ask.clone(), shutdown.clone()),
            shutdown.clone(),
        );
        tokio::spawn(async move { end.run_until_cancelled(hangups).await });
    }
    if let Some(fingerprint) = fingerprint {
        // Here too: in the task it might come after the files were read, and a change in between
        // would never be seen.
        let (known, end) = (fingerprint(), shutdown.clone());
        tokio::spawn(async move {
            end.run_until_cancelled(changes(fingerprint, Some(known), ask))
                .await
        });
    }
    requests
}

/// For a role with nothing to read again: a signal that is sent to every weir of a machine must not
/// end it.
pub(crate) fn nothing(shutdown: &CancellationToken) {
    drop(requests(None, shutdown));
}

async fn hangups(mut signals: Signal, ask: watch::Sender<()>, shutdown: CancellationToken) {
    let in_terminal = std::io::stdin().is_terminal();
    while signals.recv().await.is_some() {
        if in_terminal && !std::io::stdin().is_terminal() {
            shutdown.cancel();
            return;
        }
        match ask.send(()) {
            Ok(()) => tracing::info!("SIGHUP: asked to read everything again"),
            Err(_) => tracing::info!("SIGHUP: there is nothing to read again"),
        }
    }
}

async fn changes(fingerprint: Fingerprint, mut known: Option<u64>, ask: watch::Sender<()>) {
    loop {
        tokio::time::sleep(POLL).await;
        let mut now = current(&fingerprint).await;
        if now == known {
            continue;
        }
        loop {
            tokio::time::sleep(POLL).await;
            let again = current(&fingerprint).await;
            if again == now {
                break;
            }
            now = again;
        }
        known = now;
        tracing::info!("a file that is read again has changed");
        ask.send_replace(());
    }
}

async fn current(fingerprint: &Fingerprint) -> Option<u64> {
    let fingerprint = Arc::clone(fingerprint);
    tokio::task::spawn_blocking(move || fingerprint())
        .await
        .ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_change_asks_once_it_has_settled_and_none_is_missed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("policy.xml");
        std::fs::write(&file, "one").unwrap();
        let shutdown = CancellationToken::new();
        let mut requests = requests(Some(vec![dir.path().to_owned()]), &shutdown);
        // At once, while whoever asked still reads the files.
        std::fs::write(&file, "three").unwrap();
        tokio::time::timeout(60 * POLL, requests.changed())
            .await
            .unwrap()
            .unwrap();
        std::fs::write(&file, "seven").unwrap();
        tokio::time::timeout(60 * POLL, requests.changed())
            .await
            .unwrap()
            .unwrap();
        shutdown.cancel();
    }
}
