//! Sign-on sessions: a browser that has signed in need not do so again for the next application.

use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use uuid::Uuid;

use crate::crypto::{self, Digest};
use crate::expiring::Expiring;

/// So many browsers can be signed in at once.
const CAPACITY: usize = 100_000;

/// Somebody who is signed in, in one browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// The digest of the cookie, which is all that is kept of it.
    pub(crate) id: Digest,
    pub(crate) account: Uuid,
    /// When the password was last given.
    pub(crate) signed_in_at: SystemTime,
}

/// All sessions. In memory: a restart asks everybody to sign in again.
pub(crate) struct Sessions {
    lifetime: Duration,
    sessions: Mutex<Expiring<Digest, Session>>,
}

impl Sessions {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            sessions: Mutex::new(Expiring::new(CAPACITY)),
        }
    }

    /// Begins a session under a fresh cookie value, which nobody can have planted before.
    pub(crate) fn begin(&self, account: Uuid, now: SystemTime) -> (String, Session) {
        let cookie = crypto::random_secret();
        let session = Session {
            id: crypto::sha256(&cookie),
            account,
            signed_in_at: now,
        };
        self.sessions
            .lock()
            .insert(session.id, session.clone(), now + self.lifetime, now);
        (cookie, session)
    }

    /// The session of a cookie. Using it extends it.
    pub(crate) fn find(&self, cookie: &str, now: SystemTime) -> Option<Session> {
        let id = crypto::sha256(cookie);
        let mut sessions = self.sessions.lock();
        let session = sessions.get_mut(&id, now)?.clone();
        sessions.extend(&id, now + self.lifetime);
        Some(session)
    }

    pub(crate) fn end(&self, id: &Digest) {
        self.sessions.lock().remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lives_on_while_it_is_used() {
        let hour = Duration::from_secs(3600);
        let sessions = Sessions::new(hour);
        let start = SystemTime::UNIX_EPOCH;
        let (cookie, session) = sessions.begin(Uuid::new_v4(), start);
        assert_eq!(
            sessions.find(&cookie, start + hour / 2),
            Some(session.clone())
        );
        assert_eq!(sessions.find(&cookie, start + hour), Some(session.clone()));
        assert_eq!(sessions.find(&cookie, start + hour * 2), None);
        let (cookie, session) = sessions.begin(session.account, start);
        sessions.end(&session.id);
        assert_eq!(sessions.find(&cookie, start), None);
        assert_eq!(sessions.find("another", start), None);
    }
}
