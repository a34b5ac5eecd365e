//! Why a run ended without a verdict.

use crate::config::ConfigError;
use crate::subjects::SubjectsError;
use crate::target::TargetError;

/// The error of a run. A broken limit is not one: the [report](crate::Report) says so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command makes no sense.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The target cannot or must not be loaded.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// There are no subjects.
    #[error("{0}")]
    Subjects(#[from] SubjectsError),
    /// The clockwork could not be started.
    #[error("cannot start the thread that keeps the time: {0}")]
    Thread(#[source] std::io::Error),
    /// Ended by the caller while it was still signing people in.
    #[error("ended before the first request was sent")]
    EndedEarly,
}

impl Error {
    /// Whether the caller has to change what he asked for, rather than the world.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Config(_) => true,
            Self::Target(error) => !matches!(
                error,
                TargetError::Unreachable { .. } | TargetError::Unresolved { .. }
            ),
            Self::Subjects(error) => error.is_usage(),
            Self::Thread(_) | Self::EndedEarly => false,
        }
    }
}
