//! Chooses the certificate by the name a client asks for (SNI, RFC 6066, section 3).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::pairs::Pair;

/// Certificates by name, and one for all other names.
#[derive(Debug)]
pub(super) struct ByName {
    /// A name may have several, with keys of several kinds.
    named: HashMap<String, Vec<Arc<CertifiedKey>>>,
    default: Arc<CertifiedKey>,
}

impl ByName {
    /// The first of `pairs`, of which there is at least one, is the default.
    pub(super) fn new(pairs: &[Pair]) -> Self {
        let mut named: HashMap<String, Vec<Arc<CertifiedKey>>> = HashMap::new();
        for pair in pairs {
            for name in &pair.names {
                let keys = named.entry(name.clone()).or_default();
                keys.push(Arc::clone(&pair.key));
            }
        }
        Self {
            named,
            default: Arc::clone(&pairs[0].key),
        }
    }

    /// Those for `name`: made out to it, or to all names of its domain.
    fn find(&self, name: &str) -> &[Arc<CertifiedKey>] {
        let exact = self.named.get(name);
        let found = exact.or_else(|| {
            let (_, domain) = name.split_once('.')?;
            self.named.get(&format!("*.{domain}"))
        });
        found.map_or(&[], Vec::as_slice)
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        let fits =
            |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        let keys = self.find(&name);
        let chosen = keys.iter().find(fits).or_else(|| keys.first());
        Some(Arc::clone(chosen.unwrap_or(&self.default)))
    }
}
