//! The compact form of a JSON Web Token as data: no I/O, and nothing here is verified.
//!
//! Whoever checks a token and whoever looks into it read it with this crate: [`from_authorization`]
//! takes it out of a header, [`Compact`] takes it apart, [`Jwt`] is what it says. If two places
//! read the same header in two ways, a token could pass the check of one and be no token, or
//! somebody else's, for the limit that the other keeps.

mod authorization;
mod compact;
mod jwt;
mod malformed;
mod object;

pub use authorization::{Scheme, from_authorization};
pub use compact::{Compact, MAX_TOKEN_BYTES};
pub use jwt::Jwt;
pub use malformed::Malformed;
