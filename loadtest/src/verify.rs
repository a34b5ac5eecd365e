//! Which limits the run is judged by, and the calls of each key.

use std::time::Duration;

use crate::judge::{self, Call, Outcome, Rule};

/// A limit that the target promises: at most `calls` in any `period` for each key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Calls per window.
    pub calls: u64,
    /// The window.
    pub period: Duration,
    /// What has a counter of its own.
    pub key: KeyKind,
    /// How far the target's clock may be off over one window, in both directions. Covers clocks
    /// that count in milliseconds and the drift between two machines.
    pub tolerance: Duration,
}

impl Limit {
    /// A store that counts in whole milliseconds is off by less than one.
    pub const DEFAULT_TOLERANCE: Duration = Duration::from_millis(1);
}

/// What has a counter of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// The subject of the token.
    Sub,
    /// The client's address.
    Ip,
    /// All calls together.
    All,
}

impl KeyKind {
    /// As the command line and the report call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sub => "sub",
            Self::Ip => "ip",
            Self::All => "all",
        }
    }
}

/// What is remembered of a request that left. Times in nanoseconds from the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) sent: u64,
    /// When the answer's head was there; [`judge::NEVER`] without an answer.
    pub(crate) received: u64,
    pub(crate) subject: u32,
    pub(crate) address: u32,
    pub(crate) outcome: Outcome,
}

impl Record {
    fn key(&self, kind: KeyKind) -> u32 {
        match kind {
            KeyKind::Sub => self.subject,
            KeyKind::Ip => self.address,
            KeyKind::All => 0,
        }
    }
}

/// One key's part of the verdict.
#[derive(Debug, Clone)]
pub(crate) struct KeyVerdict {
    pub(crate) key: u32,
    pub(crate) admitted: u64,
    pub(crate) refused: u64,
    pub(crate) finding: judge::Finding,
}

/// The verdict on one limit.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub(crate) limit: Limit,
    pub(crate) keys: Vec<KeyVerdict>,
}

impl Verdict {
    pub(crate) fn violated_keys(&self) -> usize {
        self.keys
            .iter()
            .filter(|key| key.finding.is_violated())
            .count()
    }
}

/// Judges all limits. They stand in the order in which the target checks them. Gives the verdicts,
/// and how many calls were refused although none of the limits can have been used up.
///
/// A check that refuses leaves the ones before it charged. So a refused call may have been counted
/// by every limit but the last, and that is taken into account. `fresh_subjects`: nobody can have
/// used the subjects before.
pub(crate) fn judge_all(
    limits: &[Limit],
    records: &[Record],
    fresh_subjects: bool,
) -> (Vec<Verdict>, u64) {
    // By position in `records`, which is never sorted itself; `order` is.
    let mut explained = vec![false; records.len()];
    let mut verdicts = Vec::new();
    let mut order: Vec<usize> = (0..records.len()).collect();
    for (position, limit) in limits.iter().enumerate() {
        let rule = Rule::of(
            limit,
            position + 1 < limits.len(),
            fresh_subjects && limit.key == KeyKind::Sub,
        );
        order.sort_unstable_by_key(|i| (records[*i].key(limit.key), *i));
        let mut keys = Vec::new();
        for group in order.chunk_by(|a, b| records[*a].key(limit.key) == records[*b].key(limit.key))
        {
            let calls: Vec<Call> = group.iter().map(|i| Call::from(records[*i])).collect();
            for (i, is_explained) in group.iter().zip(judge::explained_refusals(&rule, &calls)) {
                explained[*i] |= is_explained;
            }
            let count =
                |outcome| calls.iter().filter(|call| call.outcome == outcome).count() as u64;
            keys.push(KeyVerdict {
                key: records[group[0]].key(limit.key),
                admitted: count(Outcome::Admitted),
                refused: count(Outcome::Refused),
                finding: judge::excess(&rule, &calls),
            });
        }
        verdicts.push(Verdict {
            limit: *limit,
            keys,
        });
    }
    let unexplained =
        |(record, explained): &(&Record, &bool)| record.outcome == Outcome::Refused && !**explained;
    let early = records.iter().zip(&explained).filter(unexplained).count() as u64;
    (verdicts, if limits.is_empty() { 0 } else { early })
}

impl From<Record> for Call {
    fn from(record: Record) -> Self {
        Self {
            sent: record.sent,
            received: record.received,
            outcome: record.outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(calls: u64, seconds: u64, key: KeyKind) -> Limit {
        Limit {
            calls,
            period: Duration::from_secs(seconds),
            key,
            tolerance: Duration::ZERO,
        }
    }

    fn record(millis: u64, subject: u32, address: u32, outcome: Outcome) -> Record {
        Record {
            sent: millis * 1_000_000,
            received: (millis + 5) * 1_000_000,
            subject,
            address,
            outcome,
        }
    }

    use Outcome::{Admitted, Refused};

    /// Calls long after the start of the run, so that nothing before it matters.
    fn judge(limits: &[Limit], records: &[Record]) -> (Vec<Verdict>, u64) {
        let late = 3_600_000_000_000;
        let moved = |r: &Record| Record {
            sent: r.sent + late,
            received: r.received + late,
            ..*r
        };
        judge_all(limits, &records.iter().map(moved).collect::<Vec<_>>(), true)
    }

    #[test]
    fn each_subject_has_its_own_window_and_the_address_another() {
        let records: Vec<Record> = (0..6)
            .map(|n| record(n * 10, (n % 2) as u32, 7, Admitted))
            .collect();
        let limits = [limit(5, 60, KeyKind::Ip), limit(3, 60, KeyKind::Sub)];
        let (verdicts, early) = judge(&limits, &records);
        assert_eq!(early, 0);
        assert_eq!(
            verdicts[0].violated_keys(),
            1,
            "six calls of one address, five allowed"
        );
        assert_eq!(verdicts[0].keys[0].key, 7);
        assert_eq!(verdicts[1].violated_keys(), 0);
        assert_eq!(
            verdicts[1]
                .keys
                .iter()
                .map(|k| k.finding.worst)
                .collect::<Vec<_>>(),
            [3, 3]
        );
    }

    #[test]
    fn a_refusal_is_explained_by_any_limit_that_can_be_used_up() {
        let limits = [limit(5, 60, KeyKind::Ip), limit(2, 60, KeyKind::Sub)];
        let records = vec![
            record(0, 1, 1, Admitted),
            record(10, 1, 1, Admitted),
            record(20, 1, 1, Refused),
        ];
        assert_eq!(
            judge(&limits, &records).1,
            0,
            "the subject's limit is used up"
        );
        let records = vec![record(0, 1, 1, Admitted), record(20, 1, 1, Refused)];
        assert_eq!(judge(&limits, &records).1, 1, "neither limit is");
        // The refused calls were counted by the address's limit before the subject's refused them.
        let mut records: Vec<Record> = [0, 10].map(|t| record(t, 1, 1, Admitted)).to_vec();
        records.extend([20, 30, 40].map(|t| record(t, 1, 1, Refused)));
        records.push(record(60, 2, 1, Refused));
        assert_eq!(judge(&limits, &records).1, 0);
        assert_eq!(
            judge(&limits[1..], &records).1,
            1,
            "without that limit, the second subject's is not used up"
        );
        assert_eq!(judge(&[], &records).1, 0);
    }
}
