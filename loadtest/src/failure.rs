//! Why a request has no answer.

use std::time::Duration;

/// One cause each, as the report counts them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot connect: {0}")]
    Connect(#[source] std::io::Error),
    #[error("the connection's start failed: {0}")]
    Handshake(#[source] hyper::Error),
    #[error("no whole answer within {0:?}")]
    Timeout(Duration),
    #[error("the exchange broke: {0}")]
    Broken(#[source] hyper::Error),
    #[error("the answer is longer than {limit} bytes")]
    TooLong { limit: usize },
}

impl Failure {
    /// The name in the report.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Handshake(_) => "handshake",
            Self::Timeout(_) => "timeout",
            Self::Broken(_) => "broken",
            Self::TooLong { .. } => "too long",
        }
    }
}
