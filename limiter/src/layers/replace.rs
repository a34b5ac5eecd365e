//! A store that another one can take the place of while it is asked.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;

use crate::check::{CheckList, Outcome};
use crate::inspect::{Inspect, Inspection};
use crate::store::{LeaseAsk, Refund, Store, StoreError, Unused};
use crate::window::Grant;

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

impl<S: Store> Store for Replaceable<S> {
    async fn check(&self, lists: Vec<CheckList>) -> Result<Vec<Outcome>, StoreError> {
        self.current().check(lists).await
    }

    async fn reset(&self, key: Bytes) -> Result<bool, StoreError> {
        self.current().reset(key).await
    }

    async fn refund(&self, refund: Refund) -> Result<u64, StoreError> {
        self.current().refund(refund).await
    }

    async fn lease(&self, ask: LeaseAsk) -> Result<Grant, StoreError> {
        self.current().lease(ask).await
    }

    async fn give_back(&self, unused: Unused) -> Result<u64, StoreError> {
        self.current().give_back(unused).await
    }
}

impl<S: Inspect> Inspect for Replaceable<S> {
    async fn inspect(&self, key: Bytes) -> Result<Inspection, StoreError> {
        self.current().inspect(key).await
    }
}
