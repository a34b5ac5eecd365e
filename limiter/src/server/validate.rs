//! What the service accepts. Everything else is `INVALID_ARGUMENT`, and the message names the
//! field, what it may be and what it was. A key is never repeated: it can be a credential.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use tonic::Status;
use weir_proto::limiter::v1;

use crate::bounds::{
    MAX_CALLS, MAX_CHECKS_PER_LIST, MAX_COST, MAX_KEY_BYTES, MAX_LIMIT_NAME_BYTES,
};
use crate::check::{Check, CheckList, Limit};
use crate::store::{Admitted, Refund};

/// Lists in one `CheckBatch`.
pub(crate) const MAX_LISTS: usize = 256;
/// Checks in one `CheckBatch`, all lists together.
pub(crate) const MAX_CHECKS: usize = 1_024;
/// Limits of an `Inspect` call.
const MAX_LIMITS: usize = 16;
/// Keys of each kind in a `Top` answer.
const MAX_TOP_KEYS: u32 = 1_000;
const MAX_RENEWAL_PERIOD_MS: u64 = 24 * 60 * 60 * 1_000;

/// One field that is not what it may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub(crate) struct Invalid {
    field: String,
    problem: String,
}

impl From<Invalid> for Status {
    fn from(invalid: Invalid) -> Self {
        Self::invalid_argument(invalid.to_string())
    }
}

/// A check's place in the request, written out only when something is wrong.
#[derive(Clone, Copy)]
enum FieldPath {
    Single,
    List { check: usize },
    Batch { list: usize, check: usize },
    Limit { index: usize },
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single => write!(f, "check"),
            Self::List { check } => write!(f, "checks[{check}]"),
            Self::Batch { list, check } => write!(f, "requests[{list}].checks[{check}]"),
            Self::Limit { index } => write!(f, "limits[{index}]"),
        }
    }
}

impl FieldPath {
    fn invalid(self, field: &str, problem: String) -> Invalid {
        Invalid {
            field: format!("{self}.{field}"),
            problem,
        }
    }
}

/// The list of a `Check` call.
pub(crate) fn list(request: v1::CheckRequest) -> Result<CheckList, Invalid> {
    let checks = request.checks;
    bounded(
        "checks".to_owned(),
        "checks",
        checks.len(),
        MAX_CHECKS_PER_LIST,
    )?;
    checks
        .into_iter()
        .enumerate()
        .map(|(index, item)| check(item, FieldPath::List { check: index }))
        .collect()
}

/// The lists of a `CheckBatch` call.
pub(crate) fn batch(request: v1::CheckBatchRequest) -> Result<Vec<CheckList>, Invalid> {
    let requests = request.requests;
    bounded("requests".to_owned(), "lists", requests.len(), MAX_LISTS)?;
    let checks: usize = requests.iter().map(|list| list.checks.len()).sum();
    if checks > MAX_CHECKS {
        let problem = format!("must hold at most {MAX_CHECKS} checks altogether, got {checks}");
        return Err(Invalid {
            field: "requests".to_owned(),
            problem,
        });
    }
    requests
        .into_iter()
        .enumerate()
        .map(|(list, request)| {
            bounded(
                format!("requests[{list}].checks"),
                "checks",
                request.checks.len(),
                MAX_CHECKS_PER_LIST,
            )?;
            request
                .checks
                .into_iter()
                .enumerate()
                .map(|(index, item)| check(item, FieldPath::Batch { list, check: index }))
                .collect()
        })
        .collect()
}

/// The check of a `Peek` call, whose cost becomes 0.
pub(crate) fn peek(request: v1::PeekRequest) -> Result<Check, Invalid> {
    let asked = request.check.ok_or_else(|| Invalid {
        field: "check".to_owned(),
        problem: "is missing".to_owned(),
    })?;
    check(
        v1::Check {
            cost: Some(0),
            ..asked
        },
        FieldPath::Single,
    )
}

/// The key of a `Reset` call.
pub(crate) fn reset(request: v1::ResetRequest) -> Result<Bytes, Invalid> {
    key(request.key)
}

/// The key and the limits of an `Inspect` call.
pub(crate) fn inspect(request: v1::InspectRequest) -> Result<(Bytes, Vec<Limit>), Invalid> {
    let key = key(request.key)?;
    if request.limits.len() > MAX_LIMITS {
        let problem = format!(
            "must hold at most {MAX_LIMITS} limits, got {}",
            request.limits.len()
        );
        return Err(Invalid {
            field: "limits".to_owned(),
            problem,
        });
    }
    let limits = request.limits.into_iter().enumerate();
    let limits = limits.map(|(index, wire)| {
        limit(
            wire.calls,
            wire.renewal_period_ms,
            FieldPath::Limit { index },
        )
    });
    Ok((key, limits.collect::<Result<_, _>>()?))
}

/// The number of keys of a `Top` call.
pub(crate) fn top(request: v1::TopRequest) -> Result<usize, Invalid> {
    if (1..=MAX_TOP_KEYS).contains(&request.keys) {
        return Ok(request.keys as usize);
    }
    let problem = format!("must be 1 to {MAX_TOP_KEYS}, got {}", request.keys);
    Err(Invalid {
        field: "keys".to_owned(),
        problem,
    })
}

fn key(key: Bytes) -> Result<Bytes, Invalid> {
    match key_problem(&key) {
        Some(problem) => Err(Invalid {
            field: "key".to_owned(),
            problem,
        }),
        None => Ok(key),
    }
}

/// What a `Refund` call takes back.
pub(crate) fn refund(request: v1::RefundRequest) -> Result<Refund, Invalid> {
    let key = reset(v1::ResetRequest { key: request.key })?;
    let cost = request.cost.unwrap_or(1);
    if cost > MAX_COST {
        let problem = format!("must be at most {MAX_COST}, got {cost}");
        return Err(Invalid {
            field: "cost".to_owned(),
            problem,
        });
    }
    let admitted = match request.admitted_within_ms {
        None => Admitted::Last,
        Some(age) => Admitted::Within(Duration::from_millis(age)),
    };
    Ok(Refund {
        key,
        cost,
        admitted,
    })
}

fn check(wire: v1::Check, place: FieldPath) -> Result<Check, Invalid> {
    if wire.limit_name.len() > MAX_LIMIT_NAME_BYTES {
        let problem = format!(
            "must be at most {MAX_LIMIT_NAME_BYTES} bytes, got {}",
            wire.limit_name.len()
        );
        return Err(place.invalid("limit_name", problem));
    }
    if let Some(problem) = key_problem(&wire.key) {
        return Err(place.invalid("key", problem));
    }
    let limit = limit(wire.calls, wire.renewal_period_ms, place)?;
    let cost = wire.cost.unwrap_or(1);
    if cost > MAX_COST {
        return Err(place.invalid("cost", format!("must be at most {MAX_COST}, got {cost}")));
    }
    Ok(Check {
        limit_name: wire.limit_name.into(),
        key: wire.key,
        limit,
        cost,
    })
}

fn limit(calls: u64, period: u64, place: FieldPath) -> Result<Limit, Invalid> {
    let counts = NonZeroU64::new(calls)
        .filter(|calls| calls.get() <= MAX_CALLS)
        .ok_or_else(|| place.invalid("calls", format!("must be 1 to {MAX_CALLS}, got {calls}")))?;
    if !(1..=MAX_RENEWAL_PERIOD_MS).contains(&period) {
        let problem = format!("must be 1 to {MAX_RENEWAL_PERIOD_MS} (24 h), got {period}");
        return Err(place.invalid("renewal_period_ms", problem));
    }
    Ok(Limit {
        calls: counts,
        renewal_period: Duration::from_millis(period),
    })
}

fn key_problem(key: &[u8]) -> Option<String> {
    let fits = (1..=MAX_KEY_BYTES).contains(&key.len());
    (!fits).then(|| format!("must be 1 to {MAX_KEY_BYTES} bytes, got {}", key.len()))
}

fn bounded(field: String, of: &str, len: usize, most: usize) -> Result<(), Invalid> {
    if (1..=most).contains(&len) {
        return Ok(());
    }
    Err(Invalid {
        field,
        problem: format!("must hold 1 to {most} {of}, got {len}"),
    })
}

#[cfg(test)]
mod tests;
