//! Random schedules of checks on one key, and running one under the judge.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::oracle::{Answer, Oracle, Rule};

/// When a step happens.
#[derive(Debug, Clone)]
pub(crate) enum When {
    /// At the same microsecond.
    Now,
    /// After up to a few periods, in thousandths of the period.
    After(u64),
    /// This many microseconds later.
    Micros(u64),
    /// This many microseconds around the moment an earlier admission leaves the window.
    AtEdge(Index, i64),
    /// The clock is set back, in thousandths of the period.
    Back(u64),
}

/// One check.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) when: When,
    /// Which of the schedule's rules.
    pub(crate) rule: Index,
    /// In thousandths of the rule's calls; see [`Cost`].
    pub(crate) cost: Cost,
}

#[derive(Debug, Clone)]
pub(crate) enum Cost {
    Units(u64),
    Thousandths(u64),
}

/// Checks on one key.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pub(crate) rules: Vec<Rule>,
    pub(crate) steps: Vec<Step>,
}

/// Answers checks, time given.
pub(crate) trait Subject {
    fn check(&mut self, rule: Rule, cost: u64, clock: u64) -> Answer;
}

/// Far in the future (2096), so that Redis does not expire what this clock calls fresh.
pub(crate) const START: u64 = 4_000_000_000_000_000;

/// Runs a schedule; the first wrong verdict ends it.
pub(crate) fn run(schedule: &Schedule, subject: &mut impl Subject) -> Result<(), String> {
    let (mut oracle, mut clock) = (Oracle::default(), START);
    for step in &schedule.steps {
        let rule = *step.rule.get(&schedule.rules);
        clock = match &step.when {
            When::Now => clock,
            When::After(thousandths) => clock + rule.period * thousandths / 1000,
            When::Micros(micros) => clock + micros,
            When::Back(thousandths) => clock - rule.period * thousandths / 1000,
            When::AtEdge(which, offset) => match oracle.times() {
                times if times.is_empty() => clock,
                times => (which.get(&times) + rule.period).saturating_add_signed(*offset).max(clock),
            },
        };
        let cost = match step.cost {
            Cost::Units(units) => units,
            Cost::Thousandths(part) => rule.calls * part / 1000,
        };
        oracle.judge(rule, cost, clock, subject.check(rule, cost, clock))?;
    }
    Ok(())
}

/// Schedules whose rules have `calls`, up to `rules` of them at a time.
pub(crate) fn schedules(calls: impl Strategy<Value = u64> + Clone, rules: usize) -> impl Strategy<Value = Schedule> {
    let period = prop_oneof![1_u64..50, 1_000_u64..100_000, Just(60_000_000_u64), Just(86_400_000_000)];
    let rule = (calls, period).prop_map(|(calls, period)| Rule { calls, period });
    (vec(rule, 1..=rules), vec(step(), 1..80)).prop_map(|(rules, steps)| Schedule { rules, steps })
}

/// Long schedules of two large limits: far more slots than are kept, so that they are merged.
pub(crate) fn long_schedules() -> impl Strategy<Value = Schedule> {
    let short = (3000_u64..10_000, 5_000_u64..20_000).prop_map(|(calls, period)| Rule { calls, period });
    let long = (100_000_u64..200_000, 300_000_u64..450_000).prop_map(|(calls, period)| Rule { calls, period });
    // No jumps: they would let most slots expire at once.
    let when = (0_u64..800).prop_map(When::Micros);
    let step = (when, any::<Index>(), 0_u64..300).prop_map(|(when, rule, units)| Step {
        when,
        rule,
        cost: Cost::Units(units),
    });
    ((short, long), vec(step, 1500..2200))
        .prop_map(|((short, long), steps)| Schedule { rules: vec![short, long], steps })
}

/// Long schedules of one limit that is counted exactly: its log is written in place many times between rewrites.
pub(crate) fn long_exact_schedules() -> impl Strategy<Value = Schedule> {
    let rule = (100_u64..=1000, 10_000_u64..1_000_000).prop_map(|(calls, period)| Rule { calls, period });
    let when = prop_oneof![
        12 => (0_u64..3).prop_map(When::After),
        1 => (any::<Index>(), -2_i64..=2).prop_map(|(which, offset)| When::AtEdge(which, offset)),
    ];
    let step =
        (when, any::<Index>(), 0_u64..4).prop_map(|(when, rule, units)| Step { when, rule, cost: Cost::Units(units) });
    (rule, vec(step, 1000..1500)).prop_map(|(rule, steps)| Schedule { rules: vec![rule], steps })
}

fn step() -> impl Strategy<Value = Step> {
    let when = prop_oneof![
        4 => Just(When::Now),
        4 => (0_u64..300).prop_map(When::After),
        1 => (300_u64..3000).prop_map(When::After),
        4 => (any::<Index>(), -2_i64..=2).prop_map(|(which, offset)| When::AtEdge(which, offset)),
        1 => (0_u64..1500).prop_map(When::Back),
    ];
    let cost = prop_oneof![
        6 => Just(Cost::Units(1)),
        2 => Just(Cost::Units(0)),
        2 => (2_u64..5).prop_map(Cost::Units),
        3 => (0_u64..1001).prop_map(Cost::Thousandths),
        1 => (1001_u64..2500).prop_map(Cost::Thousandths),
    ];
    (when, any::<Index>(), cost).prop_map(|(when, rule, cost)| Step { when, rule, cost })
}

/// Calls small enough that every edge is met often.
pub(crate) fn few_calls() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![3 => 1_u64..16, 1 => 55_u64..75]
}

/// Calls up to the largest that are counted exactly.
pub(crate) fn exact_calls() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![1_u64..200, 800_u64..=1000, Just(1000_u64)]
}

/// Calls that share slots.
pub(crate) fn many_calls() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![1001_u64..3000, Just(1_000_000_000_u64)]
}

/// All of them.
pub(crate) fn any_calls() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![1_u64..16, 900_u64..1100, 1001_u64..5000]
}
