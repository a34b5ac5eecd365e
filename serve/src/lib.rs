//! The one way to accept connections: bounded in number, with and without TLS, guarded against
//! clients that send or take nothing, told whose they are, and ended in an orderly way.
//!
//! [`accept`] is the loop that every listener runs on; each connection goes to a function. [`http`]
//! is what most roles give it: HTTP/1.1 and HTTP/2 over a [`Service`]. The limiter drives its
//! connections itself, and [`operations`] serves what operators read.

mod accept;
mod activity;
mod announced;
mod http;
mod io;
mod limits;
mod listeners;
mod networks;
mod operations;
mod peer;
mod proxy_protocol;
mod redirect;
mod stall;
mod tls;

pub use self::accept::{Connection, accept};
pub use self::activity::OpenConnections;
pub use self::http::{Http, Protocols, Service, http};
pub use self::io::Io;
pub use self::limits::Limits;
pub use self::listeners::{Listeners, Sockets, TlsListener};
pub use self::networks::Networks;
pub use self::operations::{operations, operations_with};
pub use self::peer::{Peer, forwarded_scheme};
pub use self::stall::{Guarded, IdleTimer};
pub use self::tls::{
    Certificates, ClientCertificate, ClientCertificates, Tls, TlsConfig, TlsError,
};
