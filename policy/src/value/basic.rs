//! Credentials of HTTP basic authentication.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use weir_jwt::{Scheme, from_authorization};

/// The longest credentials that are read, in bytes.
const MAX_LENGTH: usize = 16 * 1024;

/// What `AsBasic()` yields. No `Debug`: it holds a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct BasicCredentials {
    pub(crate) user_id: Arc<str>,
    pub(crate) password: Arc<str>,
}

impl BasicCredentials {
    /// Reads an `Authorization` header; `None` if it is not `Basic base64(user:password)`.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let credentials = from_authorization(header, Scheme::Required("Basic"))?;
        if credentials.len() > MAX_LENGTH {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
        let (user_id, password) = decoded.split_once(':')?;
        Some(Self {
            user_id: user_id.into(),
            password: password.into(),
        })
    }
}
