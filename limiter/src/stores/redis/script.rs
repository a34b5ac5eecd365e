//! Packing a call of the script, and reading its answer. The format stands at the top of
//! `check.lua`, that of a counter at the top of `log.lua`.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use foldhash::fast::RandomState;
use redis::{Cmd, Script};

use crate::check::{Check, Decision, Mode, Outcome};
use crate::error::StoreError;
use crate::stores::key::StoredKey;
use crate::window::{self, Terms};

pub(super) const SOURCE: &str = concat!(
    include_str!("prelude.lua"),
    "local function extraordinary()\n",
    include_str!("log.lua"),
    include_str!("check_any.lua"),
    "return check_any, check_shared, write_shared\nend\n",
    include_str!("short.lua"),
    include_str!("long.lua"),
    include_str!("check.lua"),
);

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(SOURCE));

/// A larger cost is refused like this one: no limit's calls reach it.
const MOST_COST: u64 = window::MOST + 1;

/// Bytes of a packed kind, and of a check's reference to one.
const KIND: usize = 17;
const REFERENCE: usize = 3;

/// Set in the reference of a list's first check.
const STARTS_LIST: u32 = 1 << 23;

/// How many kinds back a check looks for its own. A batch has a few kinds, over and over; a kind
/// that is sent twice costs its bytes, so looking further would not pay.
const LOOK_BACK: usize = 16;

/// Bytes of a number in the script's answer.
const NUMBER: usize = 6;

/// What the script returns in front of a decision that is written out.
const ALLOWED: i64 = -1;
const REFUSED: i64 = -2;

type KeySet<'a> = HashSet<&'a Bytes, RandomState>;

/// One call of the script.
pub(super) struct ScriptCall<'a, L> {
    lists: &'a [L],
    /// One per key.
    checks: usize,
    /// The checks' references, then their kinds.
    packed: Vec<u8>,
    now: Option<u64>,
}

impl<'a, L: AsRef<[Check]>> ScriptCall<'a, L> {
    pub(super) fn new(lists: &'a [L], now: Option<u64>) -> Self {
        let checks = lists.iter().map(|list| list.as_ref().len()).sum();
        let mut packed = Vec::with_capacity(REFERENCE * checks + 4 * KIND);
        packed.resize(REFERENCE * checks, 0);
        let mut call = Self {
            lists,
            checks,
            packed,
            now,
        };
        let shared = shared_keys(lists, checks);
        let mut at = 0;
        for list in lists {
            let mut start = STARTS_LIST;
            for check in list.as_ref() {
                let reference = call.kind_of(check, shared.contains(&check.key)) | start;
                call.packed[at..at + REFERENCE]
                    .copy_from_slice(&reference.to_le_bytes()[..REFERENCE]);
                at += REFERENCE;
                start = 0;
            }
        }
        call
    }

    /// The number of the check's kind, from 1, which is added if it is new.
    fn kind_of(&mut self, check: &Check, is_shared: bool) -> u32 {
        let kind = pack(check, is_shared);
        let kinds = self.packed[REFERENCE * self.checks..].chunks_exact(KIND);
        let known = kinds.len();
        let number = kinds
            .enumerate()
            .rev()
            .take(LOOK_BACK)
            .find(|(_, other)| *other == kind)
            .map(|(number, _)| number);
        if number.is_none() {
            self.packed.extend_from_slice(&kind);
        }
        number.unwrap_or(known) as u32 + 1
    }

    pub(super) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", SCRIPT.get_hash())
    }

    pub(super) fn by_source(&self) -> Cmd {
        self.command("EVAL", SOURCE)
    }

    /// What stands behind the keys.
    pub(super) fn packed(self) -> Vec<u8> {
        self.packed
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let keys: usize = all(self.lists)
            .map(|check| check.key.len().min(StoredKey::LONGEST))
            .sum();
        let bytes = script.len() + keys + StoredKey::LONGEST + self.packed.len();
        let mut command = Cmd::with_capacity(self.checks + 5, bytes);
        command.arg(name).arg(script).arg(self.checks);
        for check in all(self.lists) {
            command.arg(StoredKey::new(&check.key).as_bytes());
        }
        command.arg(self.packed.as_slice());
        if let Some(now) = self.now {
            command.arg(now);
        }
        command
    }
}

/// The checks of all lists.
fn all<L: AsRef<[Check]>>(lists: &[L]) -> impl Iterator<Item = &Check> {
    lists.iter().flat_map(AsRef::as_ref)
}

/// The keys that several checks ask for.
fn shared_keys<L: AsRef<[Check]>>(lists: &[L], checks: usize) -> KeySet<'_> {
    let mut shared = KeySet::default();
    if checks < 2 {
        return shared;
    }
    let mut seen = KeySet::with_capacity_and_hasher(checks, RandomState::default());
    shared.extend(
        all(lists)
            .map(|check| &check.key)
            .filter(|key| !seen.insert(key)),
    );
    shared
}

/// What a check asks, apart from its key.
fn pack(check: &Check, is_shared: bool) -> [u8; KIND] {
    let terms = Terms::from(check.limit);
    let mut kind = [0; KIND];
    kind[..5].copy_from_slice(&terms.calls.to_le_bytes()[..5]);
    kind[5..10].copy_from_slice(&terms.period.to_le_bytes()[..5]);
    kind[10..16].copy_from_slice(&check.cost.min(MOST_COST).to_le_bytes()[..6]);
    kind[16] = u8::from(is_shared);
    kind
}

/// Reads the script's answer to `lists`.
pub(super) fn outcomes<L: AsRef<[Check]>>(
    lists: &[L],
    answer: &[u8],
) -> Result<Vec<Outcome>, StoreError> {
    let mut numbers = answer.chunks(NUMBER).map(number);
    let outcomes = lists
        .iter()
        .map(|list| next_outcome(list.as_ref(), &mut numbers))
        .collect::<Option<Vec<_>>>();
    outcomes
        .filter(|_| numbers.next().is_none())
        .ok_or_else(|| {
            StoreError::Protocol(
                "the script's answer does not match the checks it was asked".to_owned(),
            )
        })
}

/// A signed number; nothing that a limit can bring about if it is cut off.
fn number(bytes: &[u8]) -> i64 {
    let mut all = [0; 8];
    let Some(high) = all
        .get_mut(8 - NUMBER..)
        .filter(|high| high.len() == bytes.len())
    else {
        return i64::MIN;
    };
    high.copy_from_slice(bytes);
    i64::from_le_bytes(all) >> (8 * (8 - NUMBER))
}

/// Up to the first refusal, which ends a list.
fn next_outcome(list: &[Check], numbers: &mut impl Iterator<Item = i64>) -> Option<Outcome> {
    let mut decisions = Vec::with_capacity(list.len());
    for check in list {
        let decision = next_decision(check, numbers)?;
        decisions.push(decision);
        if !decision.allowed {
            break;
        }
    }
    Some(Outcome {
        decisions,
        mode: Mode::Exact,
    })
}

fn next_decision(check: &Check, numbers: &mut impl Iterator<Item = i64>) -> Option<Decision> {
    let mut decision = Decision {
        allowed: true,
        limit: check.limit.calls.get(),
        remaining: 0,
        retry_after: Duration::ZERO,
        reset_after: Duration::from_micros(Terms::from(check.limit).period),
        recheck_after: None,
    };
    let first = numbers.next()?;
    if let Ok(remaining) = u64::try_from(first) {
        return Some(Decision {
            remaining,
            ..decision
        });
    }
    decision.allowed = match first {
        ALLOWED => true,
        REFUSED => false,
        _ => return None,
    };
    let mut number = || u64::try_from(numbers.next()?).ok();
    decision.remaining = number()?;
    decision.retry_after = Duration::from_micros(number()?);
    decision.reset_after = Duration::from_micros(number()?);
    Some(decision)
}
