//! What is said about a provider's key set: which keys were left out or are oddly written, and why.
//! Each notice is logged once, not again with every refresh of a set that has not changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use reqwest::Url;

use crate::jwk::{ParsedSet, Remark};

/// The most notices remembered for one provider, some 300 KB at worst. One more, and all are
/// forgotten: a key that is still published is then named a second time.
const MAX_REMEMBERED: usize = 1000;

/// What was said about one provider's keys.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    said: Mutex<HashSet<Remark>>,
}

impl Notices {
    /// Logs what is new about `set`, which was found at `url`.
    pub(crate) fn tell(&self, url: &Url, set: &ParsedSet) {
        for remark in &set.remarks {
            if self.is_new(remark) {
                let Remark { key, text } = remark;
                tracing::warn!(key_set = %url, %key, "{text}");
            }
        }
    }

    fn is_new(&self, remark: &Remark) -> bool {
        let mut said = self.said.lock();
        if said.contains(remark) {
            return false;
        }
        if said.len() >= MAX_REMEMBERED {
            said.clear();
        }
        said.insert(remark.clone())
    }
}

/// The most URLs whose notices are kept although nobody uses them: those of configurations that
/// could not be taken over.
const MAX_UNUSED: usize = 64;

/// The notices of all providers, by discovery URL. Those of a provider that was not registered
/// because its keys are unusable outlive it: it will be tried again.
#[derive(Debug, Default)]
pub(crate) struct AllNotices {
    by_url: Mutex<HashMap<Url, Arc<Notices>>>,
}

impl AllNotices {
    /// Those of one provider.
    pub(crate) fn of(&self, url: &Url) -> Arc<Notices> {
        let mut by_url = self.by_url.lock();
        if let Some(known) = by_url.get(url) {
            return Arc::clone(known);
        }
        let is_used = |notices: &Arc<Notices>| Arc::strong_count(notices) > 1;
        if by_url.values().filter(|known| !is_used(known)).count() >= MAX_UNUSED {
            by_url.retain(|_, known| is_used(known));
        }
        Arc::clone(by_url.entry(url.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::jwk::MAX_REMARKS;

    #[test]
    fn notices_of_providers_that_are_gone_are_kept_for_a_while() {
        let all = AllNotices::default();
        let url = |number: usize| Url::parse(&format!("https://{number}.example/")).unwrap();
        let used = all.of(&url(0));
        let gone = Arc::downgrade(&all.of(&url(1)));
        assert!(Arc::ptr_eq(&all.of(&url(1)), &gone.upgrade().unwrap()));
        for number in 2..5 * MAX_UNUSED {
            all.of(&url(number));
            assert!(all.by_url.lock().len() <= MAX_UNUSED + 1);
        }
        assert!(gone.upgrade().is_none());
        assert!(Arc::ptr_eq(&all.of(&url(0)), &used));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_holds_what_one_set_can_say() {
        let notices = Notices::default();
        let remark = |number: usize| Remark {
            key: number.to_string(),
            text: "left out".into(),
        };
        for number in 0..5 * MAX_REMEMBERED {
            assert!(notices.is_new(&remark(number)));
            assert!(notices.said.lock().len() <= MAX_REMEMBERED);
        }
        // Two more for what a set says of all its keys.
        let fresh = Notices::default();
        let said = |notices: &Notices| {
            (0..MAX_REMARKS + 2)
                .filter(|number| notices.is_new(&remark(*number)))
                .count()
        };
        assert_eq!((said(&fresh), said(&fresh)), (MAX_REMARKS + 2, 0));
    }
}
