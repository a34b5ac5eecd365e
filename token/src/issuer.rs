//! In whose name a key may sign.
//!
//! A key that providers published speaks for the issuers of the providers that publish it, and for
//! the other forms of these ([`forms`]), whatever a policy lists: otherwise a list would join
//! providers, and each could sign tokens in the name of the others. A key is the same key if its
//! numbers are, whatever `kid` and `alg` stand beside them.
//!
//! A listed issuer that is no provider's is an alias. The keys of a provider that is the only
//! source of keys may name it: there is nobody else whom they could impersonate. Beside another
//! provider, or beside inline keys, they may not: with inline keys of a sender of one's own and
//! that sender's issuer listed, the provider could sign in the sender's name. Whoever lists a
//! provider's own keys inline, to be ready for a rotation, loses nothing, because those are inline
//! keys by their numbers.
//!
//! Inline keys, and unsigned tokens where a policy allows them, belong to no provider: they may
//! name every listed issuer and every provider's.

mod forms;

use std::sync::Arc;

use self::forms::{Relation, relation};
use crate::Provider;
use crate::key::Material;

/// Whether a token may name its issuer.
#[derive(Debug)]
pub(crate) enum Standing {
    Allowed,
    Refused,
    /// As far as is known not, but newer keys of these providers might say otherwise.
    Pending(Vec<Arc<Provider>>),
}

/// What a token says of its issuer, and what is known of its signer.
#[derive(Clone, Copy)]
pub(crate) struct Signed<'a> {
    /// `iss`
    pub(crate) issuer: &'a str,
    /// Whether the caller listed this issuer.
    pub(crate) is_listed: bool,
    /// The key that signed, if providers published it; `None`: an inline key, or none at all.
    pub(crate) published_key: Option<Material>,
    /// Whether there are inline keys, too.
    pub(crate) beside_inline_keys: bool,
}

impl Signed<'_> {
    /// Whether the signer may sign in this name, by the keys that `providers` have now.
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
        let mut unloaded = Vec::new();
        for provider in providers {
            match provider.keys().as_deref() {
                Some(keys) if keys.issuer == self.issuer => return Standing::Allowed,
                Some(_) => {}
                None => unloaded.push(Arc::clone(provider)),
            }
        }
        pending(unloaded)
    }

    fn standing_of_published(&self, key: Material, providers: &[Arc<Provider>]) -> Standing {
        let is_only_source = providers.len() == 1 && !self.beside_inline_keys;
        if self.is_listed && is_only_source {
            return Standing::Allowed;
        }
        let (mut unloaded, mut without_key) = (Vec::new(), Vec::new());
        // Of the providers that publish the key, and of those that do not.
        let (mut has_form, mut is_one_of_all) = (false, false);
        let (mut is_anothers, mut is_anothers_form) = (false, false);
        for provider in providers {
            let keys = provider.keys();
            let Some(keys) = keys.as_deref() else {
                unloaded.push(Arc::clone(provider));
                continue;
            };
            let relation = relation(&keys.issuer, self.issuer);
            if keys.publishes(key) {
                match relation {
                    Relation::Same => return Standing::Allowed,
                    Relation::OtherForm => has_form = true,
                    Relation::OneOfAll => is_one_of_all = true,
                    Relation::None => {}
                }
            } else if relation != Relation::None {
                is_anothers |= relation == Relation::Same;
                is_anothers_form |= relation == Relation::OtherForm;
                without_key.push(Arc::clone(provider));
            }
        }
        if !self.is_listed && !is_anothers {
            // It may only be the issuer of one that is not known yet.
            return pending(unloaded);
        }
        // A tenant that has a provider of its own here is that provider's.
        let is_somebodys = is_anothers || is_anothers_form || !unloaded.is_empty();
        if has_form || (self.is_listed && is_one_of_all && !is_somebodys) {
            return Standing::Allowed;
        }
        // One that does not have the key may have been asked before it was published.
        unloaded.append(&mut without_key);
        pending(unloaded)
    }
}

/// Whether the keys of a provider with the issuer `provider` may name `issuer` if it is listed.
pub(crate) fn is_related(provider: &str, issuer: &str) -> bool {
    relation(provider, issuer) != Relation::None
}

fn pending(providers: Vec<Arc<Provider>>) -> Standing {
    if providers.is_empty() {
        Standing::Refused
    } else {
        Standing::Pending(providers)
    }
}
