//! What a limiter takes: the server refuses more, and the client fits its checks to it.

/// A list is evaluated in one go, so its length bounds how long others wait. A policy has a
/// handful.
pub(crate) const MAX_CHECKS_PER_LIST: usize = 64;
/// Room for an address, a subject or a hash; a caller with more hashes it.
pub(crate) const MAX_KEY_BYTES: usize = 1_024;
/// Names are for people.
pub(crate) const MAX_LIMIT_NAME_BYTES: usize = 128;
/// The window promises its bounds up to here.
pub(crate) const MAX_CALLS: u64 = 1_000_000_000;
/// What costs more than any limit allows is refused whatever it costs.
pub(crate) const MAX_COST: u64 = MAX_CALLS;
