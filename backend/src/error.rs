//! Why the host could not start or had to stop.

use crate::host::routes::RouteError;

/// The error of [`run`](crate::run).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No function key is configured, so no call could ever succeed.
    #[error("there is no function key; give one with --function-key-file FILE")]
    NoFunctionKey,
    /// A function key is empty.
    #[error(
        "a function key is empty; write a long random one into its file, such as 32 random bytes in base64"
    )]
    EmptyFunctionKey,
    /// No audience is configured: tokens for any other application of the tenant would be accepted.
    #[error("there is no audience; give this application's client id with --audience ID")]
    NoAudience,
    /// A path that is to need no token is none that a request can have.
    #[error(
        "the excluded path {path:?} is not understood; write /api/status, or /api/public/* for all below"
    )]
    ExcludedPath {
        /// The path.
        path: String,
    },
    /// A function's route is malformed or taken.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The token provider cannot be set up.
    #[error("--openid-config: {0}")]
    Provider(#[from] weir_token::ProvidersError),
    /// The token validator cannot be set up.
    #[error("token validation: {0}")]
    Validator(#[from] weir_token::InvalidKey),
}
