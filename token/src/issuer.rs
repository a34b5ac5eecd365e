//! In whose name a key may sign.
//!
//! A key that providers published speaks for the issuers of the providers that publish it, whatever
//! a policy lists: otherwise a list would join providers, and each could sign tokens in the name of
//! the others. A listed issuer that is no provider's own is an alias. With one provider there is
//! nobody else whom its keys could impersonate, so every listed name is its own; with several, an
//! alias has to be the other form of the same tenant's name in Entra.
//!
//! Inline keys, and unsigned tokens where a policy allows them, belong to no provider: they may
//! name every listed issuer and every provider's.

use std::sync::Arc;

use crate::Provider;
use crate::key::Fingerprint;

/// Whether a token may name its issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Allowed,
    Refused,
    /// It may be the issuer of a provider whose keys were never loaded.
    Open,
}

/// What a token says of its issuer, and what is known of its signer.
#[derive(Clone, Copy)]
pub(crate) struct Signed<'a> {
    /// `iss`
    pub(crate) issuer: &'a str,
    /// Whether the caller listed this issuer.
    pub(crate) is_listed: bool,
    /// The key that signed, if providers published it; `None`: an inline key, or none at all.
    pub(crate) published_key: Option<Fingerprint>,
}

impl Signed<'_> {
    /// Whether the signer may sign in this name, as far as `providers` are loaded.
    pub(crate) fn standing(&self, providers: &[Arc<Provider>]) -> Standing {
        match self.published_key {
            Some(key) => self.standing_of_published(key, providers),
            None => self.standing_of_unpublished(providers),
        }
    }

    fn standing_of_unpublished(&self, providers: &[Arc<Provider>]) -> Standing {
        if self.is_listed {
            return Standing::Allowed;
        }
        let mut otherwise = Standing::Refused;
        for provider in providers {
            match provider.keys().as_deref() {
                Some(keys) if keys.issuer == self.issuer => return Standing::Allowed,
                Some(_) => {}
                None => otherwise = Standing::Open,
            }
        }
        otherwise
    }

    fn standing_of_published(&self, key: Fingerprint, providers: &[Arc<Provider>]) -> Standing {
        let (mut is_anothers, mut is_same_tenant, mut all_loaded) = (false, false, true);
        for provider in providers {
            let keys = provider.keys();
            let Some(keys) = keys.as_deref() else {
                all_loaded = false;
                continue;
            };
            match (keys.publishes(key), keys.issuer == self.issuer) {
                (true, true) => return Standing::Allowed,
                (false, true) => is_anothers = true,
                (true, false) => {
                    is_same_tenant |=
                        self.is_listed && names_same_tenant(&keys.issuer, self.issuer);
                }
                (false, false) => {}
            }
        }
        match providers {
            _ if !self.is_listed => Standing::Refused,
            [_only] => Standing::Allowed,
            _ if is_anothers => Standing::Refused,
            _ if !all_loaded => Standing::Open,
            _ if is_same_tenant => Standing::Allowed,
            _ => Standing::Refused,
        }
    }
}

/// Before and behind the tenant's id in the two forms of an issuer that Entra uses: tokens of
/// version 1 name the first, whichever discovery document (mostly that of version 2) was read.
/// <https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats>
const ENTRA_FORMS: [(&str, &str); 2] = [
    ("https://sts.windows.net/", "/"),
    ("https://login.microsoftonline.com/", "/v2.0"),
];

/// What stands for the tenant's id in the issuer of the documents for all tenants (`common`,
/// `organizations`).
const ANY_TENANT: &str = "{tenantid}";

/// Whether both are issuers of one Entra tenant, in either form. `provider` is the issuer of a
/// discovery document, which may be one for all tenants: then every tenant's is its own.
fn names_same_tenant(provider: &str, issuer: &str) -> bool {
    match (entra_tenant(provider), entra_tenant(issuer)) {
        (Some(provider), Some(tenant)) => {
            is_guid(tenant) && (provider == tenant || provider == ANY_TENANT)
        }
        _ => false,
    }
}

fn entra_tenant(issuer: &str) -> Option<&str> {
    ENTRA_FORMS
        .iter()
        .find_map(|(before, behind)| issuer.strip_prefix(before)?.strip_suffix(behind))
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(position, byte)| match position {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "f8a5b3c1-6d2e-4b7a-9c40-2f1d8e6a7b53";

    fn v1(tenant: &str) -> String {
        format!("https://sts.windows.net/{tenant}/")
    }

    fn v2(tenant: &str) -> String {
        format!("https://login.microsoftonline.com/{tenant}/v2.0")
    }

    #[test]
    fn two_forms_of_one_tenant_are_the_same_and_nothing_else_is() {
        let other = "0d5b0f5e-52f1-4c8e-8a51-6cfd0dd8a001";
        assert!(names_same_tenant(&v2(TENANT), &v1(TENANT)));
        assert!(names_same_tenant(&v1(TENANT), &v2(TENANT)));
        assert!(names_same_tenant(&v2(ANY_TENANT), &v2(TENANT)));
        assert!(names_same_tenant(&v1(ANY_TENANT), &v2(TENANT)));
        for issuer in [
            v1(other),
            v2(other),
            v1(&TENANT.to_uppercase()),
            v2(ANY_TENANT),
            v1(""),
            v1(&format!("{TENANT}/{TENANT}")),
            v1(TENANT).trim_end_matches('/').to_owned(),
            format!("{}/", v2(TENANT)),
            v1(TENANT).replace("https", "http"),
            v1(TENANT).replace("windows.net", "windows.net.evil.example"),
            format!("https://evil.example/{TENANT}/v2.0"),
        ] {
            assert!(!names_same_tenant(&v2(TENANT), &issuer), "{issuer}");
        }
        // An issuer of a token is never a pattern.
        assert!(!names_same_tenant(&v2(TENANT), &v2(ANY_TENANT)));
        assert!(!names_same_tenant(&v2(ANY_TENANT), &v1(ANY_TENANT)));
        assert!(!names_same_tenant(
            "https://accounts.example/",
            "https://accounts.example/"
        ));
    }
}
