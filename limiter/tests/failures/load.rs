//! Callers that do not stop while something fails, and a count of what they were told.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_limiter::parts::{Decide as _, RedisConfig, RedisStore};
use weir_limiter::{Check, CheckList, Limit};
use weir_testkit::eventually;

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Longer than any test: what was admitted under it stays counted.
pub const HOUR: Duration = Duration::from_secs(3_600);

/// Callers at once.
const CALLERS: usize = 6;

/// Between two calls of one caller: load, but not a machine at its end.
const PAUSE: Duration = Duration::from_millis(2);

pub fn check(key: &str, calls: u64, period: Duration) -> Check {
    let limit = Limit {
        calls: NonZeroU64::new(calls).unwrap(),
        renewal_period: period,
    };
    Check {
        limit_name: "test".into(),
        key: Bytes::copy_from_slice(key.as_bytes()),
        limit,
        cost: 1,
    }
}

/// A store with a time-out that a loaded machine keeps, and that still ends soon when nobody
/// answers.
pub fn store(url: String) -> RedisStore {
    RedisStore::new(config(url)).unwrap()
}

pub fn config(url: String) -> RedisConfig {
    RedisConfig {
        url,
        timeout: Duration::from_secs(1),
        connections: 2,
        ..RedisConfig::default()
    }
}

/// Waits until a store answers.
pub async fn until_served(store: &RedisStore, key: &str) {
    let peek = Check {
        cost: 0,
        ..check(key, 1, HOUR)
    };
    eventually(PATIENCE, || async {
        store.check(&[vec![peek.clone()]]).await.is_ok()
    })
    .await;
}

/// One call for one key: whether it was admitted, if the store said so.
pub async fn admitted(store: &RedisStore, check: Check) -> Option<bool> {
    store
        .check(&[vec![check]])
        .await
        .ok()
        .map(|outcomes| outcomes[0].allowed())
}

/// How many of a load's admissions the store does not know of any more: those of `prefix0`,
/// `prefix1`, … beyond what it counts under a limit of `calls` an hour.
pub async fn forgotten(store: &RedisStore, prefix: &str, report: &Report, calls: u64) -> usize {
    let peek = |n| {
        vec![Check {
            cost: 0,
            ..check(&format!("{prefix}{n}"), calls, HOUR)
        }]
    };
    let peeks: Vec<_> = (0..report.by_list.len()).map(peek).collect();
    let outcomes = store.check(&peeks).await.unwrap();
    let counted = outcomes
        .iter()
        .map(|outcome| calls as usize - outcome.decisions[0].remaining as usize);
    report
        .by_list
        .iter()
        .zip(counted)
        .map(|(admitted, counted)| admitted.saturating_sub(counted))
        .sum()
}

/// What was asked, and when it was admitted.
struct Admission {
    key: usize,
    began: Instant,
    ended: Instant,
}

#[derive(Default)]
struct Told {
    admissions: Vec<Admission>,
    refused: usize,
    failed: usize,
    /// The first one.
    failure: Option<String>,
    slowest: Duration,
}

/// Callers under way.
pub struct Load {
    stop: CancellationToken,
    callers: Vec<JoinHandle<Told>>,
    lists: Arc<Vec<CheckList>>,
}

/// What all callers were told together.
pub struct Report {
    pub sent: usize,
    pub admitted: usize,
    pub refused: usize,
    pub failed: usize,
    /// How the first failure of one of the callers reads.
    pub failure: Option<String>,
    /// Admissions of each list.
    pub by_list: Vec<usize>,
    /// The most admissions of one list that certainly lie within one period.
    pub worst_window: usize,
    /// The longest any call took.
    pub slowest: Duration,
}

impl Load {
    /// Begins to ask for `lists` in turn. A list counts as admitted as a whole.
    pub fn start(store: &RedisStore, lists: Vec<CheckList>) -> Self {
        let (stop, lists) = (CancellationToken::new(), Arc::new(lists));
        let caller =
            |first| tokio::spawn(call(store.clone(), Arc::clone(&lists), first, stop.clone()));
        Self {
            callers: (0..CALLERS).map(caller).collect(),
            stop,
            lists,
        }
    }

    /// Begins to ask for `keys` keys `prefix0`, `prefix1`, …, each with one check.
    pub fn on_keys(
        store: &RedisStore,
        prefix: &str,
        keys: usize,
        calls: u64,
        period: Duration,
    ) -> Self {
        let list = |n| vec![check(&format!("{prefix}{n}"), calls, period)];
        Self::start(store, (0..keys).map(list).collect())
    }

    /// Ends it and counts.
    pub async fn stop(self) -> Report {
        self.stop.cancel();
        let mut admissions = Vec::new();
        let (mut refused, mut failed, mut failure, mut slowest) = (0, 0, None, Duration::ZERO);
        for caller in self.callers {
            let told = caller.await.unwrap();
            admissions.extend(told.admissions);
            refused += told.refused;
            failed += told.failed;
            failure = failure.or(told.failure);
            slowest = slowest.max(told.slowest);
        }
        let mut by_list = vec![0; self.lists.len()];
        for admission in &admissions {
            by_list[admission.key] += 1;
        }
        let period = self
            .lists
            .iter()
            .flatten()
            .map(|check| check.limit.renewal_period)
            .max()
            .unwrap();
        Report {
            sent: admissions.len() + refused + failed,
            admitted: admissions.len(),
            refused,
            failed,
            failure,
            worst_window: worst_window(&admissions, self.lists.len(), period),
            by_list,
            slowest,
        }
    }
}

impl Report {
    /// The most that one list was admitted.
    pub fn most(&self) -> usize {
        self.by_list.iter().copied().max().unwrap_or(0)
    }

    /// Admissions beyond `calls`, all lists together.
    pub fn over(&self, calls: usize) -> usize {
        self.by_list
            .iter()
            .map(|admitted| admitted.saturating_sub(calls))
            .sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "sent {}, admitted {}, refused {}, failed {}, worst window {}, slowest call {:?}",
            self.sent, self.admitted, self.refused, self.failed, self.worst_window, self.slowest
        )
    }
}

async fn call(
    store: RedisStore,
    lists: Arc<Vec<CheckList>>,
    first: usize,
    stop: CancellationToken,
) -> Told {
    let mut told = Told::default();
    let mut key = first;
    while !stop.is_cancelled() {
        key = (key + 1) % lists.len();
        let began = Instant::now();
        let answer = store.check(&[lists[key].clone()]).await;
        let ended = Instant::now();
        told.slowest = told.slowest.max(ended - began);
        match answer {
            Ok(outcomes) if outcomes[0].allowed() => {
                told.admissions.push(Admission { key, began, ended });
            }
            Ok(_) => told.refused += 1,
            Err(error) => {
                told.failed += 1;
                told.failure.get_or_insert_with(|| format!("{error:?}"));
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    told
}

/// An admission lies somewhere between its question and its answer, so only those count that began
/// and ended within the period.
fn worst_window(admissions: &[Admission], keys: usize, period: Duration) -> usize {
    let mut by_key: Vec<Vec<&Admission>> = (0..keys).map(|_| Vec::new()).collect();
    for admission in admissions {
        by_key[admission.key].push(admission);
    }
    let window = |of: &[&Admission], from: Instant| {
        of.iter()
            .filter(|other| other.began >= from && other.ended < from + period)
            .count()
    };
    by_key
        .iter()
        .flat_map(|of| of.iter().map(move |first| window(of, first.began)))
        .max()
        .unwrap_or(0)
}
