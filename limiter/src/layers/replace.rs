//! A store that another one can take the place of while it is asked.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::check::{CheckList, Outcome};
use crate::error::StoreError;
use crate::store::{ChecksOnly, Decide};

/// A store that another one can take the place of. Clones are the same one.
#[derive(Debug)]
pub(crate) struct Replaceable<S> {
    current: Arc<ArcSwap<S>>,
}

impl<S> Clone for Replaceable<S> {
    fn clone(&self) -> Self {
        Self {
            current: Arc::clone(&self.current),
        }
    }
}

impl<S> Replaceable<S> {
    pub(crate) fn new(store: S) -> Self {
        Self {
            current: Arc::new(ArcSwap::from_pointee(store)),
        }
    }

    /// The store that is asked now.
    pub(crate) fn current(&self) -> Arc<S> {
        self.current.load_full()
    }

    /// Puts another one in its place. What is under way ends on the old one.
    pub(crate) fn put(&self, store: S) {
        self.current.store(Arc::new(store));
    }
}

impl<S: Decide> Decide for Replaceable<S> {
    async fn check(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        self.current().check(lists).await
    }
}

impl<S: Send + Sync + 'static> ChecksOnly for Replaceable<S> {
    type Store = S;

    fn store(&self) -> impl Deref<Target = S> + Send {
        self.current()
    }
}
