//! Packing a call of the script, and reading its answer. The format stands at the top of `check.lua`.

use std::sync::LazyLock;
use std::time::Duration;

use redis::{Cmd, Script};

use crate::check::{Check, CheckList, Decision, Mode, Outcome};
use crate::key::StoredKey;
use crate::store::StoreError;
use crate::window::{self, Terms};

const SOURCE: &str = include_str!("check.lua");

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(SOURCE));

/// A larger cost is refused like this one: no limit's calls reach it.
const MOST_COST: u64 = window::MOST + 1;

/// Integers the script returns for one check.
const FIELDS: usize = 4;

/// One call of the script.
pub(super) struct Call<'a> {
    lists: &'a [CheckList],
    packed: Vec<u8>,
    now: Option<u64>,
}

impl<'a> Call<'a> {
    pub(super) fn new(lists: &'a [CheckList], now: Option<u64>) -> Self {
        let mut packed = Vec::with_capacity(lists.iter().map(|list| 4 + 15 * list.len()).sum());
        for list in lists {
            packed.extend_from_slice(&(list.len() as u32).to_le_bytes());
            for check in list {
                pack(check, &mut packed);
            }
        }
        Self { lists, packed, now }
    }

    pub(super) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", SCRIPT.get_hash())
    }

    pub(super) fn by_source(&self) -> Cmd {
        self.command("EVAL", SOURCE)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.lists.iter().map(Vec::len).sum::<usize>());
        for check in self.lists.iter().flatten() {
            command.arg(StoredKey::new(&check.key).as_bytes());
        }
        command.arg(self.packed.as_slice());
        if let Some(now) = self.now {
            command.arg(now);
        }
        command
    }
}

fn pack(check: &Check, packed: &mut Vec<u8>) {
    let terms = Terms::from(check.limit);
    for number in [terms.calls, terms.period, check.cost.min(MOST_COST)] {
        packed.extend_from_slice(&number.to_le_bytes()[..5]);
    }
}

/// Reads the script's answer to `lists`.
pub(super) fn outcomes(lists: &[CheckList], mut answer: &[i64]) -> Result<Vec<Outcome>, StoreError> {
    let outcomes = lists.iter().map(|list| next_outcome(list, &mut answer)).collect::<Option<Vec<_>>>();
    outcomes
        .filter(|_| answer.is_empty())
        .ok_or_else(|| StoreError::Protocol("the script's answer does not match the checks it was asked".to_owned()))
}

fn next_outcome(list: &[Check], answer: &mut &[i64]) -> Option<Outcome> {
    let decided = usize::try_from(*answer.split_off_first()?).ok()?;
    let numbers = answer.split_off(..decided.checked_mul(FIELDS)?)?;
    let checks = list.get(..decided)?;
    let decisions = checks.iter().zip(numbers.chunks_exact(FIELDS)).map(decision).collect::<Option<Vec<_>>>()?;
    let complete = decided == list.len() || decisions.last().is_some_and(|last| !last.allowed);
    complete.then_some(Outcome { decisions, mode: Mode::Exact })
}

fn decision((check, numbers): (&Check, &[i64])) -> Option<Decision> {
    let number = |index: usize| u64::try_from(*numbers.get(index)?).ok();
    Some(Decision {
        allowed: number(0)? == 1,
        limit: check.limit.calls.get(),
        remaining: number(1)?,
        retry_after: Duration::from_micros(number(2)?),
        reset_after: Duration::from_micros(number(3)?),
    })
}
