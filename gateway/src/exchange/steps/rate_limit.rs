//! `rate-limit-by-key`: neighbouring limits leave in one call of the limiter.
//!
//! The counter is chosen by `<renewal-period>:<value>`, of a long value by
//! `<renewal-period>#<hash>`: as in API Management, limits with the same key value share one
//! counter, whatever their scope; a different period is a different window and never shares one
//! here.
//!
//! A limit whose count waits for the response only asks (cost 0) in `inbound` and is charged when a
//! backend was asked, after `outbound` or `on-error`; also if the client went away meanwhile. A
//! request that the gateway refused itself is not charged.

use std::fmt::Write as _;
use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;
use weir_limiter::{Check, CheckList, Client, Decision, Limit, Mode};
use weir_policy::plan::{Action, RateLimitByKey, Step};
use weir_policy::{EvaluationError, Value};

use crate::exchange::{Exchange, Stop, span};
use crate::failure::Failure;
use crate::metrics::mode_name;

/// Key values above this many bytes are sent as their hash: a header of 32 KiB must not travel with
/// every check.
const LONGEST_KEY: usize = 512;
/// Bounds of an expression for `renewal-period`, in seconds; those of a literal are checked at
/// load.
const PERIODS: std::ops::RangeInclusive<u64> = 1..=300;
/// How often a late charge that found too little room tries to take what is left.
const CHARGE_ATTEMPTS: usize = 3;

/// What the limits of one request leave for its answer.
#[derive(Debug, Default)]
pub(in crate::exchange) struct State<'g> {
    headers: Vec<LimitHeader<'g>>,
    deferred: Vec<(&'g RateLimitByKey, Check)>,
    /// Set once a backend was asked: who charges the deferred limits if the client goes away
    /// meanwhile.
    on_abandon: Option<Client>,
    refused: bool,
    mode: Option<Mode>,
}

#[derive(Debug)]
struct LimitHeader<'g> {
    name: &'g HeaderName,
    value: u64,
    /// Not on the answer of a refused request.
    admitted_only: bool,
}

impl State<'_> {
    pub(in crate::exchange) fn write_headers(&self, headers: &mut HeaderMap) {
        for header in self
            .headers
            .iter()
            .filter(|header| !(header.admitted_only && self.refused))
        {
            headers.insert(header.name.clone(), HeaderValue::from(header.value));
        }
    }

    /// Who decided, if it was not the limiter's store.
    pub(in crate::exchange) fn degraded(&self) -> Option<&'static str> {
        self.mode.map(mode_name)
    }
}

/// A client that goes away while the backend works does not get its call for free. There is no
/// response to count by, so it costs what is known without one, and one call where nothing is.
impl Drop for State<'_> {
    fn drop(&mut self) {
        let Some(limiter) = self.on_abandon.take() else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let known = self.deferred.drain(..).map(|(limit, mut check)| {
            check.cost = limit
                .increment_count
                .as_ref()
                .and_then(|count| count.literal().copied())
                .unwrap_or(1);
            check
        });
        let checks: Vec<Check> = known.filter(|check| check.cost > 0).collect();
        if !checks.is_empty() {
            runtime.spawn(charge(limiter, checks));
        }
    }
}

impl<'g> Exchange<'g> {
    /// From here on the deferred limits are charged, come what may.
    pub(in crate::exchange) fn commit_deferred(&mut self) {
        if !self.limits.deferred.is_empty() {
            self.limits.on_abandon = Some(self.gateway.limiter.clone());
        }
    }

    /// Runs `first` and the limits right after it; gives the steps after those.
    pub(in crate::exchange) async fn rate_limits(
        &mut self,
        step: &'g Step,
        first: &'g RateLimitByKey,
        mut rest: &'g [Step],
    ) -> Result<&'g [Step], Stop> {
        let mut run = vec![(step, first)];
        // A limit that leaves a variable ends the run: the keys after it may read that variable.
        while run
            .last()
            .is_some_and(|(_, limit)| limit.remaining_variable.is_none())
            && let Some((next, after)) = rest.split_first()
            && let Action::RateLimitByKey(limit) = &next.action
        {
            run.push((next, limit));
            rest = after;
        }
        let mut checks = CheckList::with_capacity(run.len());
        let mut broken = None;
        for (step, limit) in &run {
            match self.check_of(limit) {
                Ok(check) => checks.push(check),
                Err(failure) => {
                    broken = Some((*step, failure));
                    break;
                }
            }
        }
        // The limits before one that cannot be evaluated still hold, and may refuse first.
        if !checks.is_empty() {
            self.ask(&run, checks).await?;
        }
        match broken {
            Some((step, failure)) => {
                self.at = Some(&step.origin);
                let result = Err(failure.into());
                span::end(&self.trace.policy_span(&step.origin), &result);
                result
            }
            None => Ok(rest),
        }
    }

    async fn ask(
        &mut self,
        run: &[(&'g Step, &'g RateLimitByKey)],
        checks: CheckList,
    ) -> Result<(), Stop> {
        let deferred: Vec<_> = run
            .iter()
            .zip(&checks)
            .filter(|((_, limit), _)| limit.is_deferred())
            .map(|((_, limit), check)| (*limit, check.clone()))
            .collect();
        // Only for an open live page: the call takes the checks.
        let keys: Vec<Bytes> = if self.gateway.live.is_watched() {
            checks.iter().map(|check| check.key.clone()).collect()
        } else {
            Vec::new()
        };
        // The call stands in the first limit's span; the others were decided by the same one and
        // have spans without.
        let mut asking = run
            .first()
            .map(|(step, _)| self.trace.policy_span(&step.origin));
        let call = self.gateway.limiter.check(checks);
        let outcome = call
            .instrument(asking.clone().unwrap_or_else(tracing::Span::none))
            .await;
        self.note_mode(outcome.mode);
        for (index, ((step, limit), decision)) in run.iter().zip(&outcome.decisions).enumerate() {
            self.at = Some(&step.origin);
            let span = asking
                .take()
                .unwrap_or_else(|| self.trace.policy_span(&step.origin));
            span::decided(&span, limit, decision, outcome.mode);
            self.leave(limit, decision);
            if !decision.allowed {
                if let Some(key) = keys.get(index) {
                    self.gateway.live.refused(&limit.name, key);
                }
                return Err(self.over_limit(limit, decision).into());
            }
        }
        self.limits.deferred.extend(deferred);
        Ok(())
    }

    /// Leaves what an execution of the policy leaves: headers and variables.
    fn leave(&mut self, limit: &'g RateLimitByKey, decision: &Decision) {
        let headers = &mut self.limits.headers;
        if let Some(name) = &limit.total_header {
            headers.push(LimitHeader {
                name,
                value: decision.limit,
                admitted_only: false,
            });
        }
        if let Some(name) = &limit.remaining_header {
            headers.push(LimitHeader {
                name,
                value: decision.remaining,
                admitted_only: true,
            });
        }
        if let Some(name) = &limit.remaining_variable {
            self.context
                .variables
                .set(name, integer(decision.remaining));
        }
    }

    fn over_limit(&mut self, limit: &RateLimitByKey, decision: &Decision) -> Box<Failure> {
        let seconds = whole_seconds(decision.retry_after);
        if let Some(name) = &limit.retry_after_variable {
            self.context.variables.set(name, integer(seconds));
        }
        self.limits.refused = true;
        self.gateway.counters().limited(&limit.name);
        Failure::rate_limited(&limit.name, seconds, &limit.retry_after_header)
    }

    fn check_of(&self, limit: &RateLimitByKey) -> Result<Check, Box<Failure>> {
        let context = &self.context;
        let out_of_bounds =
            |what: &str| Failure::internal("ExpressionValueEvaluationFailure", what.to_owned());
        let calls = NonZeroU64::new(*limit.calls.get(context)?);
        let calls = calls.ok_or_else(|| out_of_bounds("calls must be at least 1"))?;
        let period = *limit.renewal_period.get(context)?;
        if !PERIODS.contains(&period) {
            return Err(out_of_bounds("renewal-period must be 1 to 300 seconds"));
        }
        let value = limit.counter_key.get(context)?;
        Ok(Check {
            limit_name: limit.name.clone(),
            key: counter_key(period, value.as_deref().unwrap_or_default()),
            limit: Limit {
                calls,
                renewal_period: Duration::from_secs(period),
            },
            cost: if limit.is_deferred() {
                0
            } else {
                cost(limit, context)?
            },
        })
    }

    /// Charges the limits that waited for the response, whatever room there is: the call has
    /// happened.
    pub(in crate::exchange) async fn charge_deferred(&mut self) {
        if self.limits.on_abandon.take().is_none() {
            return;
        }
        let deferred = std::mem::take(&mut self.limits.deferred);
        let costed = deferred.into_iter().map(|(limit, mut check)| {
            check.cost = cost(limit, &self.context).unwrap_or_else(|error| {
                tracing::warn!(activity = %self.context.request_id, %error, "a limit's count failed: counted as 1");
                1
            });
            check
        });
        let checks: Vec<Check> = costed.filter(|check| check.cost > 0).collect();
        if checks.is_empty() {
            return;
        }
        // A task of its own: a client that goes away now does not stop it.
        let charged = tokio::spawn(charge(self.gateway.limiter.clone(), checks).in_current_span());
        if let Ok(mode) = charged.await {
            self.note_mode(mode);
        }
    }

    fn note_mode(&mut self, mode: Mode) {
        if self.gateway.counters().limiter_answered(mode) {
            let mode = mode_name(mode);
            tracing::warn!(
                mode,
                "rate limits are now decided in another mode (exact is the usual one)"
            );
        }
        if mode != Mode::Exact {
            self.limits.mode = Some(mode);
        }
    }
}

/// Charges each check; where there is less room than it costs, what room there is.
async fn charge(limiter: Client, checks: Vec<Check>) -> Mode {
    let mut mode = Mode::Exact;
    for mut check in checks {
        for _ in 0..CHARGE_ATTEMPTS {
            let outcome = limiter.check(vec![check.clone()]).await;
            if outcome.mode != Mode::Exact {
                mode = outcome.mode;
            }
            match outcome.decisions.last() {
                Some(decision) if !decision.allowed && decision.remaining > 0 => {
                    check.cost = decision.remaining;
                }
                _ => break,
            }
        }
    }
    mode
}

/// What a call costs: nothing if the condition does not hold.
fn cost(limit: &RateLimitByKey, context: &weir_policy::Context) -> Result<u64, EvaluationError> {
    let counts = match &limit.increment_condition {
        Some(condition) => *condition.get(context)?,
        None => true,
    };
    match &limit.increment_count {
        _ if !counts => Ok(0),
        Some(count) => Ok(*count.get(context)?),
        None => Ok(1),
    }
}

/// What stands behind the digits of the period tells a value from the hash of one: no value can be
/// chosen to look like another's hash.
fn counter_key(period: u64, value: &str) -> Bytes {
    let mut key = String::with_capacity(value.len().min(LONGEST_KEY) + 80);
    // Writing to a `String` cannot fail.
    let _ = write!(key, "{period}");
    if value.len() <= LONGEST_KEY {
        key.push(':');
        key.push_str(value);
    } else {
        key.push('#');
        for byte in Sha256::digest(value.as_bytes()) {
            let _ = write!(key, "{byte:02x}");
        }
    }
    Bytes::from(key)
}

/// Whole seconds, rounded up, at least 1: a client that waits that long is not refused for having
/// come too early.
fn whole_seconds(wait: Duration) -> u64 {
    let up = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(up).max(1)
}

fn integer(value: u64) -> Value {
    Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up_to_whole_seconds() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (59_999, 60)] {
            assert_eq!(
                whole_seconds(Duration::from_millis(millis)),
                seconds,
                "{millis} ms"
            );
        }
    }

    #[test]
    fn long_key_values_are_sent_as_their_hash() {
        assert_eq!(counter_key(60, "alice"), "60:alice");
        assert_eq!(counter_key(60, ""), "60:");
        let long = "x".repeat(LONGEST_KEY + 1);
        let key = counter_key(60, &long);
        assert!(key.starts_with(b"60#"));
        assert_eq!(key.len(), "60#".len() + 64);
        assert_ne!(key, counter_key(60, &format!("{long}x")));
        assert_eq!(counter_key(60, &long[1..]).len(), LONGEST_KEY + 3);
    }
}
