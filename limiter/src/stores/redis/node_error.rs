//! What an error of Redis means to a caller.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::error::StoreError;

/// Why a round trip brought no answer.
#[derive(Debug)]
pub(super) enum NodeError {
    /// Redis does not know the script (any more).
    NoScript,
    /// Another node of the cluster has the slot now.
    Moved(String),
    /// The slot is on its way to another node, which has this key already.
    Ask(String),
    /// The slot is on its way to another node, which has some of the keys already.
    TryAgain,
    Store(StoreError),
}

impl From<StoreError> for NodeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The node that a redirection names.
fn redirected_to(error: &RedisError) -> String {
    let redirection = error.redirect_node();
    redirection.map_or_else(String::new, |(node, _slot)| node.to_owned())
}

impl From<RedisError> for NodeError {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::NoScript) => Self::NoScript,
            ErrorKind::Server(ServerErrorKind::Moved) => Self::Moved(redirected_to(&error)),
            ErrorKind::Server(ServerErrorKind::Ask) => Self::Ask(redirected_to(&error)),
            ErrorKind::Server(ServerErrorKind::TryAgain) => Self::TryAgain,
            _ => Self::Store(store_error(error)),
        }
    }
}

impl From<NodeError> for StoreError {
    fn from(failure: NodeError) -> Self {
        match failure {
            NodeError::NoScript => {
                Self::Protocol("Redis does not know a script it was just sent".to_owned())
            }
            NodeError::Moved(_) | NodeError::Ask(_) | NodeError::TryAgain => Self::Config(
                "this Redis is a node of a Redis Cluster: use redis-cluster://host:port".to_owned(),
            ),
            NodeError::Store(error) => error,
        }
    }
}

/// Codes with which Redis says that it will not serve now, or not this user. `MISCONF`,
/// `NOREPLICAS`: it may not write; `BUSY`: a script runs for ever; the rest are about credentials.
const REFUSALS: [&str; 5] = ["MISCONF", "NOREPLICAS", "BUSY", "NOAUTH", "WRONGPASS"];

pub(super) fn store_error(error: RedisError) -> StoreError {
    use ServerErrorKind as Server;
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse => StoreError::Unavailable(Box::new(error)),
        ErrorKind::AuthenticationFailed
        | ErrorKind::Server(
            Server::BusyLoading
            | Server::MasterDown
            | Server::ReadOnly
            | Server::NoPerm
            | Server::ClusterDown
            | Server::TryAgain,
        ) => StoreError::Refused(error.to_string()),
        // Nobody has elected a master yet, or the Sentinels are wrong about it: that passes.
        ErrorKind::MasterNameNotFoundBySentinel => StoreError::Unavailable(Box::new(error)),
        _ if error.code() == Some("OOM") => StoreError::Full,
        _ if error.code().is_some_and(|code| REFUSALS.contains(&code)) => {
            StoreError::Refused(error.to_string())
        }
        ErrorKind::InvalidClientConfig => StoreError::Config(error.to_string()),
        _ => StoreError::Protocol(error.to_string()),
    }
}

/// Whether this connection will not do better: it is broken, or it leads to a server that is no
/// longer the master.
pub(super) fn needs_reconnect(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || did_nothing(error)
}

/// Whether the server refused a command because it is no master, and so did nothing.
pub(super) fn did_nothing(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
    )
}
