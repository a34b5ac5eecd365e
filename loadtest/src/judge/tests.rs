//! The judge against a search through all moments at which the calls may have been admitted.

use proptest::prelude::*;

use super::*;
use Outcome::{Admitted, Refused, Unknown};

fn rule(calls: u64, period: u64) -> Rule {
    Rule {
        calls,
        shortest: period,
        longest: period,
        refused_may_count: false,
        fresh: true,
    }
}

fn call(sent: u64, received: u64, outcome: Outcome) -> Call {
    Call {
        sent,
        received,
        outcome,
    }
}

/// Whether every window of the sorted moments is within the limit.
fn keeps(moments: &[u64], rule: &Rule) -> bool {
    let spread = rule.calls as usize;
    moments
        .windows(spread + 1)
        .all(|w| w[spread] - w[0] >= rule.shortest)
}

/// Whether some choice of whole moments keeps the promise. Whole numbers are enough: moving every
/// moment of a good choice as early as its neighbours and its sent time allow ends at sums of sent
/// times and periods.
fn can_be_honest(calls: &[Call], rule: &Rule) -> bool {
    fn search(calls: &[Call], rule: &Rule, moments: &mut Vec<u64>) -> bool {
        let mut sorted = moments.clone();
        sorted.sort_unstable();
        if !keeps(&sorted, rule) {
            return false; // more calls do not mend it
        }
        let Some((first, rest)) = calls.split_first() else {
            return true;
        };
        (first.sent..=first.received).any(|moment| {
            moments.push(moment);
            let found = search(rest, rule, moments);
            moments.pop();
            found
        })
    }
    let admitted: Vec<Call> = calls
        .iter()
        .filter(|c| c.outcome == Admitted)
        .copied()
        .collect();
    search(&admitted, rule, &mut Vec::new())
}

/// Whether some window holds too many calls for any choice, looked at one by one.
fn a_window_is_over(calls: &[Call], rule: &Rule) -> bool {
    (0..40).any(|t| {
        let inside =
            |c: &&Call| c.outcome == Admitted && c.sent >= t && c.received < t + rule.shortest;
        calls.iter().filter(inside).count() as u64 > rule.calls
    })
}

/// Whether a choice of moments has the limit used up at some moment of a refused call's flight.
fn may_be_used_up(refused: &Call, calls: &[Call], rule: &Rule) -> bool {
    (refused.sent..=refused.received).any(|x| {
        let inside = |c: &&Call| {
            c.outcome != Refused
                && (c.sent..=c.received.min(80)).any(|a| a <= x && a + rule.longest > x)
        };
        calls.iter().filter(inside).count() as u64 >= rule.calls
    })
}

fn calls(most: usize) -> impl Strategy<Value = Vec<Call>> {
    let outcome = prop_oneof![4 => Just(Admitted), 2 => Just(Refused), 1 => Just(Unknown)];
    prop::collection::vec((0_u64..20, 0_u64..5, outcome), 0..most).prop_map(|calls| {
        calls
            .into_iter()
            .map(|(sent, took, outcome)| call(sent, sent + took, outcome))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn only_what_no_choice_of_moments_allows_is_called_an_excess(calls in calls(7), limit in 1_u64..4, period in 1_u64..12) {
        let rule = rule(limit, period);
        if excess(&rule, &calls).is_violated() {
            prop_assert!(!can_be_honest(&calls, &rule));
        }
    }

    #[test]
    fn every_window_that_is_certainly_over_is_found(calls in calls(10), limit in 1_u64..4, period in 1_u64..12) {
        let rule = rule(limit, period);
        prop_assert_eq!(excess(&rule, &calls).window_over, a_window_is_over(&calls, &rule));
    }

    #[test]
    fn without_nested_calls_the_judgement_is_exact(
        mut sent in prop::collection::vec(0_u64..20, 1..7),
        took in prop::collection::vec(0_u64..5, 8),
        limit in 1_u64..4,
        period in 1_u64..12,
    ) {
        sent.sort_unstable();
        let mut received: Vec<u64> = sent.iter().zip(took).map(|(sent, took)| sent + took).collect();
        received.sort_unstable();
        let calls: Vec<Call> = sent.iter().zip(received).map(|(sent, received)| call(*sent, received, Admitted)).collect();
        let rule = rule(limit, period);
        prop_assert_eq!(excess(&rule, &calls).is_violated(), !can_be_honest(&calls, &rule));
    }

    #[test]
    fn what_a_lawful_limiter_admits_is_never_an_excess(
        arrivals in prop::collection::vec((0_u64..3, 0_u64..30, 0_u64..30), 0..200), limit in 1_u64..6, period in 1_u64..40,
    ) {
        // Calls reach the limiter in order; each was sent some time before and is answered some
        // time after.
        let rule = rule(limit, period);
        let (mut now, mut log, mut calls) = (100, Vec::new(), Vec::new());
        for (gap, before, after) in arrivals {
            now += gap;
            let recent = log.iter().filter(|moment| *moment + period > now).count() as u64;
            let outcome = if recent < limit { Admitted } else { Refused };
            if outcome == Admitted {
                log.push(now);
            }
            calls.push(call(now - before, now + after, outcome));
        }
        prop_assert!(!excess(&rule, &calls).is_violated());
        let explained = explained_refusals(&rule, &calls);
        for (call, explained) in calls.iter().zip(explained) {
            prop_assert_eq!(call.outcome == Refused, explained, "an exact limiter refuses only what is used up");
        }
    }

    #[test]
    fn a_refusal_is_early_only_if_nothing_can_have_used_the_limit_up(calls in calls(10), limit in 1_u64..4, period in 1_u64..12) {
        let rule = rule(limit, period);
        for (call, explained) in calls.iter().zip(explained_refusals(&rule, &calls)) {
            let expected = call.outcome == Refused && may_be_used_up(call, &calls, &rule);
            prop_assert_eq!(explained, expected, "{:?}", call);
        }
    }
}

#[test]
fn the_window_is_half_open() {
    let at = |moment| call(moment, moment, Admitted);
    assert!(!excess(&rule(1, 10), &[at(5), at(15)]).is_violated());
    assert!(excess(&rule(1, 10), &[at(5), at(14)]).is_violated());
}

#[test]
fn chains_find_what_no_single_window_shows() {
    // Each pair fits: 0 and 10, or 10 and 18. All three do not.
    let calls = [
        call(0, 6, Admitted),
        call(4, 14, Admitted),
        call(12, 18, Admitted),
    ];
    let finding = excess(&rule(1, 10), &calls);
    assert_eq!(
        (finding.window_over, finding.chain_broken),
        (false, Some(18))
    );
    assert!(!can_be_honest(&calls, &rule(1, 10)));
}

#[test]
fn a_slow_answer_may_have_been_admitted_late() {
    let calls = [call(0, 1, Admitted), call(2, 10, Admitted)];
    assert!(
        !excess(&rule(1, 10), &calls).is_violated(),
        "the second may have been admitted at 10"
    );
    assert!(excess(&rule(1, 10), &[calls[0], call(2, 9, Admitted)]).is_violated());
}

#[test]
fn the_worst_window_is_the_first_of_the_fullest() {
    let calls: Vec<Call> = [0, 1, 2, 30, 31, 32].map(|t| call(t, t, Admitted)).to_vec();
    let finding = excess(&rule(5, 10), &calls);
    assert_eq!((finding.worst, finding.worst_from), (3, 0));
}

#[test]
fn a_call_without_an_answer_may_be_counted_at_any_later_time() {
    let calls = [call(0, NEVER, Unknown), call(1_000, 1_001, Refused)];
    assert_eq!(explained_refusals(&rule(1, 10), &calls), [false, true]);
    assert_eq!(explained_refusals(&rule(2, 10), &calls), [false, false]);
}

#[test]
fn a_refused_call_does_not_explain_itself() {
    let rule = Rule {
        refused_may_count: true,
        ..rule(1, 10)
    };
    assert_eq!(explained_refusals(&rule, &[call(0, 1, Refused)]), [false]);
    assert_eq!(
        explained_refusals(&rule, &[call(0, 1, Refused), call(2, 3, Refused)]),
        [false, true]
    );
}

#[test]
fn a_key_that_was_in_use_before_explains_the_refusals_of_the_first_period() {
    let rule = Rule {
        fresh: false,
        ..rule(1, 10)
    };
    assert_eq!(
        explained_refusals(&rule, &[call(9, 9, Refused), call(10, 10, Refused)]),
        [true, false]
    );
}

#[test]
fn limits_above_a_thousand_may_refuse_a_little_early() {
    use crate::verify::KeyKind;
    let of = |calls| {
        let period = std::time::Duration::from_secs(128);
        Rule::of(
            &Limit {
                calls,
                period,
                key: KeyKind::All,
                tolerance: std::time::Duration::ZERO,
            },
            false,
            true,
        )
    };
    assert_eq!(of(1_000).longest, 128_000_000_000);
    assert_eq!(
        (of(1_001).longest, of(1_001).shortest),
        (129_000_000_000, 128_000_000_000)
    );
}
