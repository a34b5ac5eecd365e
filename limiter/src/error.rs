//! Why a store did not do as asked.

use std::error::Error;
use std::time::Duration;

/// Why a store did not decide.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No answer in time.
    #[error(
        "the store did not answer within {0:?}: is it overloaded or unreachable? \
         See --store-timeout"
    )]
    Timeout(Duration),
    /// No connection, or one that broke.
    #[error("the store is unavailable: check that it runs at the configured address")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// No room for another counter. Redis says so when it is out of memory and may not evict.
    #[error("the store has no room for another counter: give it more memory")]
    Full,
    /// The store is there but does not serve: it is loading, read-only, or does not accept the
    /// credentials.
    #[error("the store does not serve: {0}")]
    Refused(String),
    /// An answer that makes no sense: a defect, or something else writes to the same keys.
    #[error("the store answered something unexpected: {0}")]
    Protocol(String),
    /// Settings with which no store can be opened.
    #[error("the store's settings are wrong: {0}")]
    Config(String),
}

impl StoreError {
    /// All there are. Metrics begin with each of them at 0: a rate over a series that begins at 1
    /// misses the first failure.
    pub(crate) const KINDS: [&str; 6] = [
        "timeout",
        "unavailable",
        "full",
        "refused",
        "protocol",
        "config",
    ];

    /// Whether the same question may well be answered later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Unavailable(_) | Self::Full | Self::Refused(_) => true,
            Self::Protocol(_) | Self::Config(_) => false,
        }
    }

    /// What kind of failure it is, as metrics and spans name it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "timeout",
            Self::Unavailable(_) => "unavailable",
            Self::Full => "full",
            Self::Refused(_) => "refused",
            Self::Protocol(_) => "protocol",
            Self::Config(_) => "config",
        }
    }

    /// The same failure for another caller: of the same kind, with its cause as text.
    pub(crate) fn duplicate(&self) -> Self {
        match self {
            Self::Timeout(after) => Self::Timeout(*after),
            Self::Unavailable(cause) => Self::Unavailable(cause.to_string().into()),
            Self::Full => Self::Full,
            Self::Refused(why) => Self::Refused(why.clone()),
            Self::Protocol(what) => Self::Protocol(what.clone()),
            Self::Config(what) => Self::Config(what.clone()),
        }
    }
}

/// An error with its causes, for one line of a log.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        // Many errors repeat their cause; once is enough.
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_described_with_its_causes_once() {
        let error = StoreError::Unavailable(Box::new(std::io::Error::other("no route to host")));
        assert_eq!(
            with_causes(&error),
            "the store is unavailable: check that it runs at the configured address: no route to host"
        );
    }
}
