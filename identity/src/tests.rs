//! The role over real HTTP.
