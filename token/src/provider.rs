//! One OpenID provider.

/// An OpenID provider's published keys and issuer.
#[derive(Debug)]
pub struct Provider(String);

impl Provider {
    pub(crate) fn new(url: &str) -> Self {
        Self(url.to_owned())
    }

    /// The discovery URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0
    }
}
