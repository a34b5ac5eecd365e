//! The one way to accept connections: bounded in number, guarded against clients that send or take
//! nothing, told whose they are, and ended in an orderly way.
//!
//! [`accept`] is the loop that every listener runs on; each connection goes to a function. [`http`]
//! is what most roles give it: HTTP/1.1 and HTTP/2 over a [`Service`]. The limiter drives its
//! connections itself, and [`operations`] serves what operators read.

mod accept;
mod activity;
mod announced;
mod http;
mod limits;
mod listeners;
mod operations;
mod peer;
mod proxy_protocol;
mod stall;

pub use self::accept::{Connection, accept};
pub use self::activity::OpenConnections;
pub use self::http::{Http, Protocols, Service, http};
pub use self::limits::Limits;
pub use self::listeners::Listeners;
pub use self::operations::{operations, operations_with};
pub use self::peer::Peer;
pub use self::stall::{Guarded, IdleTimer};
