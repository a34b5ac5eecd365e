//! How many requests run and wait at a time.
//!
//! Only requests with a valid token and key count: others cost next to nothing and must not be able
//! to use up the places of those.

use tokio::sync::{Semaphore, SemaphorePermit};

#[derive(Debug)]
pub(super) struct Capacity {
    outstanding: Semaphore,
    executing: Semaphore,
}

impl Capacity {
    pub(super) fn new(executing: usize, outstanding: usize) -> Self {
        Self {
            outstanding: Semaphore::new(outstanding),
            executing: Semaphore::new(executing),
        }
    }

    /// A place among the outstanding requests, if there is one.
    pub(super) fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.outstanding.try_acquire().ok()
    }

    /// Waits for a turn to run, first come first served.
    pub(super) async fn run(&self) -> SemaphorePermit<'_> {
        self.executing
            .acquire()
            .await
            .expect("the semaphore is never closed")
    }
}
