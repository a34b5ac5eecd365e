//! What is said about a provider's key set: which keys were left out or are oddly written, and why.
//! Each notice is logged once, not again with every refresh of a set that has not changed.

use std::collections::HashSet;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwk::MAX_REMARKS;

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
