//! The function host over real sockets, behind a real OpenID provider.

#![allow(clippy::unwrap_used)]

mod access;
mod bounds;
mod identity;
mod order;
mod provider;
mod shutdown;
mod support;
mod tokens;
