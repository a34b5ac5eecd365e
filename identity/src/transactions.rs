//! Pending sign-ins: an authorization request that was checked and now waits for somebody to sign
//! in.
//!
//! The request stays here; pages carry only its ID. It is bound to the browser that brought it, by
//! the visit cookie: an ID alone, sent to somebody else, is worth nothing.

use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::authorize::request::AuthorizeRequest;
use crate::crypto::{self, Digest};
use crate::expiring::Expiring;

/// At 8 kB for the longest requests, 32 MB.
const CAPACITY: usize = 4096;

/// A request on its way through the pages.
#[derive(Clone)]
pub(crate) struct Transaction {
    pub(crate) id: String,
    pub(crate) request: AuthorizeRequest,
    /// The password must be given even if there is a session.
    pub(crate) force_sign_in: bool,
    /// The session that somebody has gone on with, and may now allow what is asked for.
    pub(crate) session: Option<Digest>,
    /// It has been answered. Kept, so that somebody who presses Back is told so.
    pub(crate) answered: bool,
    visit: Digest,
}

/// All pending sign-ins. In memory: whoever is signing in during a restart starts again.
pub(crate) struct Transactions {
    lifetime: Duration,
    pending: Mutex<Expiring<String, Transaction>>,
}

impl Transactions {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            pending: Mutex::new(Expiring::new(CAPACITY)),
        }
    }

    /// Keeps a request for the browser with this visit cookie and returns its ID.
    pub(crate) fn begin(
        &self,
        request: AuthorizeRequest,
        force_sign_in: bool,
        visit: &str,
        now: SystemTime,
    ) -> String {
        let id = crypto::encode(crypto::random::<16>());
        let visit = crypto::sha256(visit);
        let transaction = Transaction {
            id: id.clone(),
            request,
            force_sign_in,
            session: None,
            answered: false,
            visit,
        };
        self.pending
            .lock()
            .insert(id.clone(), transaction, now + self.lifetime, now);
        id
    }

    /// The request with this ID, if this browser brought it.
    pub(crate) fn find(&self, id: &str, visit: &str, now: SystemTime) -> Option<Transaction> {
        let mut pending = self.pending.lock();
        let transaction = pending.get_mut(id, now)?;
        (transaction.visit == crypto::sha256(visit)).then(|| transaction.clone())
    }

    /// Notes who signed in.
    pub(crate) fn signed_in(&self, id: &str, session: Digest, now: SystemTime) {
        if let Some(transaction) = self.pending.lock().get_mut(id, now) {
            transaction.session = Some(session);
        }
    }

    /// Notes that the application has its answer.
    pub(crate) fn answered(&self, id: &str, now: SystemTime) {
        if let Some(transaction) = self.pending.lock().get_mut(id, now) {
            transaction.answered = true;
        }
    }
}
