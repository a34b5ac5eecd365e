//! Leases and refunds: scripts that are about one key, and far rarer than checks.

use std::sync::LazyLock;

use redis::{Cmd, Script};

use super::cluster::slots::slot_of;
use crate::store::{Admitted, LeaseAsk, Refund, Unused};
use crate::stores::key::StoredKey;
use crate::window::{EXACT_CALLS, MOST, Terms};

/// A script with its text, which Redis may have to be told.
struct OneKey {
    source: &'static str,
    script: LazyLock<Script>,
    /// Whether it may be carried out twice: a lease then counts too much, but taking back twice
    /// counts too little.
    repeatable: bool,
}

static LEASE: OneKey = OneKey {
    source: LEASE_SOURCE,
    script: LazyLock::new(|| Script::new(LEASE_SOURCE)),
    repeatable: true,
};
static REFUND: OneKey = OneKey {
    source: REFUND_SOURCE,
    script: LazyLock::new(|| Script::new(REFUND_SOURCE)),
    repeatable: false,
};
const LEASE_SOURCE: &str = concat!(
    include_str!("prelude.lua"),
    include_str!("log.lua"),
    include_str!("lease.lua")
);
const REFUND_SOURCE: &str = concat!(
    include_str!("prelude.lua"),
    include_str!("log.lua"),
    include_str!("refund.lua")
);

/// Which admissions `refund.lua` takes back.
const NEWEST: u8 = 0;
const OF_THE_LAST: u8 = 1;
const SINCE: u8 = 2;

/// One call of one of the scripts.
pub(super) struct KeyCall {
    script: &'static OneKey,
    key: StoredKey,
    packed: Vec<u8>,
}

impl KeyCall {
    /// `None` under a limit that is counted exactly: it is not leased.
    pub(super) fn lease(ask: &LeaseAsk) -> Option<Self> {
        let terms = Terms::from(ask.limit);
        let numbers = [terms.calls, terms.period, ask.wanted.min(MOST)];
        let packed = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes().into_iter().take(5))
            .collect();
        (terms.calls > EXACT_CALLS).then(|| Self {
            script: &LEASE,
            key: StoredKey::new(&ask.key),
            packed,
        })
    }

    pub(super) fn refund(refund: &Refund) -> Self {
        let (which, micros) = match refund.admitted {
            Admitted::Last => (NEWEST, 0),
            Admitted::Within(age) => (
                OF_THE_LAST,
                u64::try_from(age.as_micros()).unwrap_or(MOST).min(MOST),
            ),
        };
        Self::take_back(&refund.key, refund.cost, which, micros)
    }

    pub(super) fn give_back(unused: &Unused) -> Self {
        Self::take_back(&unused.key, unused.units, SINCE, unused.recorded)
    }

    /// Whether it may be carried out twice.
    pub(super) fn is_repeatable(&self) -> bool {
        self.script.repeatable
    }

    fn take_back(key: &[u8], units: u64, which: u8, micros: u64) -> Self {
        let mut packed = Vec::with_capacity(15);
        packed.extend_from_slice(&units.min(MOST).to_le_bytes()[..6]);
        packed.push(which);
        packed.extend_from_slice(&micros.to_le_bytes());
        Self {
            script: &REFUND,
            key: StoredKey::new(key),
            packed,
        }
    }

    /// The slot of its key in a cluster.
    pub(super) fn slot(&self) -> u16 {
        slot_of(self.key.as_bytes())
    }

    /// `now` is for tests only.
    pub(super) fn by_hash(&self, now: Option<u64>) -> Cmd {
        self.command("EVALSHA", self.script.script.get_hash(), now)
    }

    pub(super) fn by_source(&self, now: Option<u64>) -> Cmd {
        self.command("EVAL", self.script.source, now)
    }

    fn command(&self, name: &str, script: &str, now: Option<u64>) -> Cmd {
        let mut command = redis::cmd(name);
        command
            .arg(script)
            .arg(1)
            .arg(self.key.as_bytes())
            .arg(self.packed.as_slice());
        if let Some(now) = now {
            command.arg(now);
        }
        command
    }
}
