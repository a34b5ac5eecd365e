//! Saying the same thing in the log only now and then.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Often enough to be noticed, rare enough not to bury everything else.
const PAUSE: Duration = Duration::from_secs(10);

/// Lets something pass once per ten seconds.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    last: Mutex<Option<Instant>>,
}

impl Throttle {
    pub(crate) fn may_pass(&self) -> bool {
        let now = Instant::now();
        let mut last = self.last.lock();
        let passes = last.is_none_or(|last| now.duration_since(last) >= PAUSE);
        if passes {
            *last = Some(now);
        }
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn once_per_pause() {
        let throttle = Throttle::default();
        assert!(throttle.may_pass());
        assert!(!throttle.may_pass());
        tokio::time::advance(PAUSE).await;
        assert!(throttle.may_pass());
        assert!(!throttle.may_pass());
    }
}
