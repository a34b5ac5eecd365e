//! Random schedules of checks, resets and refunds on one key, and running one under the judge.
#![allow(dead_code, reason = "each test uses a part of it")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::oracle::{Answer, Oracle, Rule};

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

/// Something that happens to the key.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) when: When,
    /// Which of the schedule's rules; taken modulo their number.
    pub(crate) rule: usize,
    pub(crate) what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Check(Cost),
    Reset,
    Refund(Cost, Of),
}

#[derive(Debug, Clone)]
pub(crate) enum Cost {
    Units(u64),
    /// Of the rule's calls.
    Thousandths(u64),
}

/// Which admission a refund is for.
#[derive(Debug, Clone)]
pub(crate) enum Of {
    Newest,
    /// One that still counts.
    Counting(Index),
    /// Any that ever was.
    Any(Index),
}

/// What happens to one key.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    /// What the clock says at first.
    pub(crate) start: u64,
    pub(crate) rules: Vec<Rule>,
    pub(crate) steps: Vec<Step>,
}

impl Schedule {
    /// That begins at [`START`].
    fn new(rules: Vec<Rule>, steps: Vec<Step>) -> Self {
        Self {
            start: START,
            rules,
            steps,
        }
    }
}

/// Answers, time given.
pub(crate) trait Subject {
    fn check(&mut self, rule: Rule, cost: u64, clock: u64) -> Answer;

    /// Whether there was anything to forget.
    fn reset(&mut self, clock: u64) -> bool;

    /// How many were taken back: of the newest, or of those admitted at most `age` ago.
    fn refund(&mut self, units: u64, age: Option<u64>, clock: u64) -> u64;
}

/// Far in the future (2096), so that Redis does not expire what this clock calls fresh.
pub(crate) const START: u64 = 4_000_000_000_000_000;

/// Redis keeps times modulo 2^48 - 1, and takes that number itself for no time. This is a multiple
/// of it (2103).
const TURN: u64 = 15 * ((1 << 48) - 1);

/// Runs a schedule; the first wrong answer ends it.
pub(crate) fn run(schedule: &Schedule, subject: &mut impl Subject) -> Result<(), String> {
    let (mut oracle, mut clock) = (Oracle::default(), schedule.start);
    for step in &schedule.steps {
        let rule = schedule.rules[step.rule % schedule.rules.len()];
        clock = match &step.when {
            When::Now => clock,
            When::After(thousandths) => clock + rule.period * thousandths / 1000,
            When::Micros(micros) => clock + micros,
            When::Back(thousandths) => clock - rule.period * thousandths / 1000,
            When::AtEdge(which, offset) => match oracle.times() {
                times if times.is_empty() => clock,
                times => (which.get(&times) + rule.period)
                    .saturating_add_signed(*offset)
                    .max(clock),
            },
        };
        let units = |cost: &Cost| match cost {
            Cost::Units(units) => *units,
            Cost::Thousandths(part) => rule.calls * part / 1000,
        };
        match &step.what {
            What::Check(cost) => {
                let cost = units(cost);
                oracle.judge(rule, cost, clock, subject.check(rule, cost, clock))?;
            }
            What::Reset => oracle.judge_reset(clock, subject.reset(clock))?,
            What::Refund(cost, of) => {
                let pick = |which: &Index, times: Vec<u64>| {
                    (!times.is_empty()).then(|| *which.get(&times))
                };
                let moment = match of {
                    Of::Newest => None,
                    Of::Counting(which) => pick(which, oracle.counting(clock)),
                    Of::Any(which) => pick(which, oracle.times()),
                };
                let age = moment.map(|moment| clock - moment);
                let taken = subject.refund(units(cost), age, clock);
                oracle.judge_refund(units(cost), moment, clock, taken)?;
            }
        }
    }
    Ok(())
}

/// Schedules whose rules have `calls`, up to `rules` of them at a time.
pub(crate) fn schedules(
    calls: impl Strategy<Value = u64> + Clone,
    rules: usize,
) -> impl Strategy<Value = Schedule> {
    (
        vec(rule(calls), 1..=rules),
        vec(step(check(), any_time()), 1..80),
    )
        .prop_map(|(rules, steps)| Schedule::new(rules, steps))
}

/// Schedules of one limit whose clock only goes forward.
pub(crate) fn forward_schedules(
    calls: impl Strategy<Value = u64> + Clone,
) -> impl Strategy<Value = Schedule> {
    (rule(calls), vec(step(check(), forward()), 1..80))
        .prop_map(|(rule, steps)| Schedule::new(vec![rule], steps))
}

/// Schedules of one limit with resets and refunds. Their clock is not set back: what the newest
/// admission is after a refund, and so where a clock that went back has to wait, is known only as
/// well as slots are fine.
pub(crate) fn refund_schedules(
    calls: impl Strategy<Value = u64> + Clone,
) -> impl Strategy<Value = Schedule> {
    let units = prop_oneof![
        4 => Just(Cost::Units(1)),
        2 => (0_u64..5).prop_map(Cost::Units),
        2 => (0_u64..1500).prop_map(Cost::Thousandths),
    ];
    let of = prop_oneof![
        3 => Just(Of::Newest),
        5 => any::<Index>().prop_map(Of::Counting),
        2 => any::<Index>().prop_map(Of::Any),
    ];
    let what = prop_oneof![
        8 => check(),
        3 => (units, of).prop_map(|(units, of)| What::Refund(units, of)),
        1 => Just(What::Reset),
    ];
    (rule(calls), vec(step(what, close()), 1..80))
        .prop_map(|(rule, steps)| Schedule::new(vec![rule], steps))
}

/// Schedules of a limit that is changed while it counts: raised, lowered, given another period, and
/// changed back. Each holds for a while; now and then the key is reset.
pub(crate) fn changing_schedules(
    calls: impl Strategy<Value = u64> + Clone,
) -> impl Strategy<Value = Schedule> {
    let change = (0_u64..6, 2_u64..5);
    let what = prop_oneof![40 => check(), 1 => Just(What::Reset)];
    let when = prop_oneof![15 => close(), 1 => (0_u64..500).prop_map(When::Back)];
    let phase = vec(step(what, when), 3..25);
    (rule(calls), vec((change, phase), 3..8)).prop_map(|(first, phases)| {
        let (mut rules, mut steps) = (Vec::new(), Vec::new());
        let mut rule = first;
        for (number, ((kind, factor), phase)) in phases.into_iter().enumerate() {
            rules.push(rule);
            steps.extend(phase.into_iter().map(|step| Step {
                rule: number,
                ..step
            }));
            rule = match kind {
                0 => Rule {
                    calls: rule.calls.saturating_mul(factor).min(1_000_000_000),
                    ..rule
                },
                1 => Rule {
                    calls: (rule.calls / factor).max(1),
                    ..rule
                },
                2 => Rule {
                    period: (rule.period * factor).min(86_400_000_000),
                    ..rule
                },
                3 => Rule {
                    period: (rule.period / factor).max(1),
                    ..rule
                },
                _ => first,
            };
        }
        Schedule::new(rules, steps)
    })
}

/// Long schedules of two large limits: far more slots than are kept, so that they are merged.
pub(crate) fn long_schedules() -> impl Strategy<Value = Schedule> {
    let short =
        (3000_u64..10_000, 5_000_u64..20_000).prop_map(|(calls, period)| Rule { calls, period });
    let long = (100_000_u64..200_000, 300_000_u64..450_000)
        .prop_map(|(calls, period)| Rule { calls, period });
    // No jumps: they would let most slots expire at once.
    let what = (0_u64..300).prop_map(|units| What::Check(Cost::Units(units)));
    let step = step(what, (0_u64..800).prop_map(When::Micros));
    ((short, long), vec(step, 1500..2200))
        .prop_map(|((short, long), steps)| Schedule::new(vec![short, long], steps))
}

/// Long schedules of one limit that is counted exactly: its log is written in place many times
/// between rewrites.
pub(crate) fn long_exact_schedules() -> impl Strategy<Value = Schedule> {
    let rule =
        (100_u64..=1000, 10_000_u64..1_000_000).prop_map(|(calls, period)| Rule { calls, period });
    let when = prop_oneof![
        12 => (0_u64..3).prop_map(When::After),
        1 => (any::<Index>(), -2_i64..=2).prop_map(|(which, offset)| When::AtEdge(which, offset)),
    ];
    // Mostly ordinary calls, which mostly go another way than others.
    let what =
        prop_oneof![30 => Just(1), 1 => 0_u64..4].prop_map(|units| What::Check(Cost::Units(units)));
    (rule, vec(step(what, when), 1000..1500))
        .prop_map(|(rule, steps)| Schedule::new(vec![rule], steps))
}

/// Many checks of one limit in bursts and with gaps, so that a long log is mostly of what has left.
pub(crate) fn bursty_schedules() -> impl Strategy<Value = Schedule> {
    let rule =
        (60_u64..200, 10_000_u64..1_000_000).prop_map(|(calls, period)| Rule { calls, period });
    let when = prop_oneof![
        4 => Just(When::Now),
        8 => (0_u64..4).prop_map(When::After),
        8 => (20_u64..90).prop_map(When::After),
        1 => (any::<Index>(), -2_i64..=2).prop_map(|(which, offset)| When::AtEdge(which, offset)),
    ];
    let what = prop_oneof![30 => Just(1), 1 => 30_u64..60]
        .prop_map(|units| What::Check(Cost::Units(units)));
    (rule, vec(step(what, when), 300..500))
        .prop_map(|(rule, steps)| Schedule::new(vec![rule], steps))
}

/// The same schedules, about the moment when the times that Redis keeps begin anew: bytes of what
/// is no time are bytes of times, too.
pub(crate) fn around_the_turn(
    schedules: impl Strategy<Value = Schedule>,
) -> impl Strategy<Value = Schedule> {
    let before = prop_oneof![0_u64..300, 0_u64..70_000];
    (schedules, before).prop_map(|(schedule, before)| Schedule {
        start: TURN - before,
        ..schedule
    })
}

fn rule(calls: impl Strategy<Value = u64> + Clone) -> impl Strategy<Value = Rule> {
    let period = prop_oneof![
        1_u64..50,
        1_000_u64..100_000,
        Just(60_000_000_u64),
        Just(86_400_000_000)
    ];
    (calls, period).prop_map(|(calls, period)| Rule { calls, period })
}

fn step(
    what: impl Strategy<Value = What>,
    when: impl Strategy<Value = When>,
) -> impl Strategy<Value = Step> {
    (when, any::<usize>(), what).prop_map(|(when, rule, what)| Step { when, rule, what })
}

/// Close together, so that what was admitted before a change or a refund still counts after it.
fn close() -> impl Strategy<Value = When> {
    prop_oneof![
        8 => Just(When::Now),
        8 => (0_u64..100).prop_map(When::After),
        2 => (any::<Index>(), -2_i64..=2).prop_map(|(which, offset)| When::AtEdge(which, offset)),
    ]
}

fn forward() -> impl Strategy<Value = When> {
    prop_oneof![
        4 => Just(When::Now),
        4 => (0_u64..300).prop_map(When::After),
        1 => (300_u64..3000).prop_map(When::After),
        4 => (any::<Index>(), -2_i64..=2).prop_map(|(which, offset)| When::AtEdge(which, offset)),
    ]
}

fn any_time() -> impl Strategy<Value = When> {
    prop_oneof![13 => forward(), 1 => (0_u64..1500).prop_map(When::Back)]
}

fn check() -> impl Strategy<Value = What> {
    let cost = prop_oneof![
        6 => Just(Cost::Units(1)),
        2 => Just(Cost::Units(0)),
        2 => (2_u64..5).prop_map(Cost::Units),
        3 => (0_u64..1001).prop_map(Cost::Thousandths),
        1 => (1001_u64..2500).prop_map(Cost::Thousandths),
    ];
    cost.prop_map(What::Check)
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
