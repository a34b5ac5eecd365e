//! What time it is: one clock for tokens, deadlines and locks, which tests can move.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The clock everything in the provider reads.
#[derive(Clone)]
pub(crate) enum Clock {
    /// The machine's.
    System,
    /// One that stands still until a test moves it.
    #[cfg(test)]
    Manual(std::sync::Arc<parking_lot::Mutex<SystemTime>>),
}

impl Clock {
    pub(crate) fn now(&self) -> SystemTime {
        match self {
            Self::System => SystemTime::now(),
            #[cfg(test)]
            Self::Manual(now) => *now.lock(),
        }
    }

    /// A clock that shows the present and then only moves by [`Clock::advance`].
    #[cfg(test)]
    pub(crate) fn manual() -> Self {
        Self::Manual(std::sync::Arc::new(parking_lot::Mutex::new(
            SystemTime::now(),
        )))
    }

    #[cfg(test)]
    pub(crate) fn advance(&self, by: Duration) {
        match self {
            Self::System => panic!("the machine's clock is not ours to move"),
            Self::Manual(now) => *now.lock() += by,
        }
    }
}

/// Seconds since 1970, as tokens count.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// How long until `deadline`; zero if it has passed.
pub(crate) fn until(deadline: SystemTime, now: SystemTime) -> Duration {
    deadline.duration_since(now).unwrap_or_default()
}
