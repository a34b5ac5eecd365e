//! Why the role had to stop.

use std::io;

/// The error of [`run`](crate::run()).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operations listener failed.
    #[error("the operations listener failed: {0}")]
    Operations(#[source] io::Error),
}
