//! Random histories of one key that several replicas lease, and a judge that looks only at when
//! calls were really made.
#![allow(dead_code, reason = "each test uses a part of it")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use weir_limiter::window::{Grant, lease_span};

/// What happens.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A call of this many thousandths of the limit, decided by the store.
    Check(u64),
    /// A call that costs all that is left.
    Fill,
    /// A replica takes a lease; the question takes a part (in 16ths of the span) of the way there.
    Lease {
        replica: usize,
        thousandths: u64,
        way: u64,
    },
    /// A replica makes calls it holds, as a part (in 16ths) of what is left of its oldest lease
    /// that still holds.
    Use { replica: usize, part: u64 },
    /// A replica gives back what is left of its oldest lease. If that still holds, it is not used
    /// any more.
    End { replica: usize },
}

/// When it happens.
#[derive(Debug, Clone)]
pub(crate) enum When {
    Now,
    /// After so many 16ths of a lease's span.
    After(u64),
    /// After so many thousandths of the period.
    Later(u64),
    /// So many microseconds around the moment a call leaves the window.
    AtEdge(Index, i64),
    /// Just before the moment a lease ends.
    AtEnd(Index),
    /// Just before the moment the last lease ends.
    AtLastEnd,
    /// So many 16ths of a lease's span before the last call leaves the window.
    BeforeLastEdge(u64),
}

/// A limit and what happens to its key.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) calls: u64,
    pub(crate) period: u64,
    pub(crate) events: Vec<(When, Event)>,
}

/// What is judged; times are in microseconds.
pub(crate) trait Subject {
    /// Whether a call of `cost` is admitted.
    fn check(&mut self, calls: u64, period: u64, cost: u64, clock: u64) -> bool;
    /// What would still be admitted.
    fn remaining(&mut self, calls: u64, period: u64, clock: u64) -> u64;
    fn lease(&mut self, calls: u64, period: u64, wanted: u64, clock: u64) -> Grant;
    fn give_back(&mut self, units: u64, recorded: u64, clock: u64) -> u64;
}

struct Lease {
    replica: usize,
    units: u64,
    /// The last moment at which it may be used, by the replica's own clock.
    until: u64,
    recorded: u64,
}

pub(crate) fn histories() -> impl Strategy<Value = History> {
    let replica = 0_usize..3;
    let event = prop_oneof![
        2 => (0_u64..10).prop_map(Event::Check),
        2 => (0_u64..400).prop_map(Event::Check),
        3 => Just(Event::Fill),
        4 => (replica.clone(), 1_u64..400, 0_u64..20)
            .prop_map(|(replica, thousandths, way)| Event::Lease { replica, thousandths, way }),
        6 => (replica.clone(), prop_oneof![1_u64..17, Just(16_u64)]).prop_map(|(replica, part)| Event::Use { replica, part }),
        3 => replica.prop_map(|replica| Event::End { replica }),
    ];
    let when = prop_oneof![
        4 => Just(When::Now),
        6 => (0_u64..12).prop_map(When::After),
        2 => (0_u64..60).prop_map(When::Later),
        5 => (any::<Index>(), -3_i64..=2).prop_map(|(which, offset)| When::AtEdge(which, offset)),
        4 => any::<Index>().prop_map(When::AtEnd),
    ];
    let period = prop_oneof![
        Just(100_000_u64),
        1_000_000_u64..5_000_000,
        Just(60_000_000_u64)
    ];
    let steps = prop_oneof![8 => (when, event).prop_map(|step| vec![step]), 1 => probe()];
    (1001_u64..3000, period, vec(steps, 1..60)).prop_map(|(calls, period, steps)| History {
        calls,
        period,
        events: steps.concat(),
    })
}

/// What a lease that is recorded too early, or decided too late, does not survive: calls that are
/// made as late as they may, and all that is left just before they leave; or calls that are made at
/// once, just before others leave.
fn probe() -> impl Strategy<Value = Vec<(When, Event)>> {
    let lease = (0_usize..3, 200_u64..400).prop_map(|(replica, thousandths)| {
        (
            replica,
            Event::Lease {
                replica,
                thousandths,
                way: 0,
            },
        )
    });
    (lease, 1_u64..16, any::<bool>()).prop_map(|((replica, lease), parts, late)| {
        let used = Event::Use { replica, part: 16 };
        if late {
            let fill = (When::BeforeLastEdge(parts), Event::Fill);
            vec![(When::Later(40), lease), (When::AtLastEnd, used), fill]
        } else {
            let fill = (When::Later(40), Event::Fill);
            vec![
                fill,
                (When::BeforeLastEdge(parts), lease),
                (When::Now, used),
            ]
        }
    })
}

/// Runs a history; `overtime` lets replicas use a lease longer than they may, in 16ths of its span.
pub(crate) fn run(
    history: &History,
    start: u64,
    overtime: u64,
    subject: &mut impl Subject,
) -> Result<(), String> {
    let History {
        calls,
        period,
        events,
    } = history;
    let (calls, period, span) = (*calls, *period, lease_span(*period));
    let mut leases: Vec<Lease> = Vec::new();
    let mut made: Vec<(u64, u64)> = Vec::new();
    // Given back too late to be taken, because their time has passed: their slot may not have left
    // yet.
    let mut lost: Vec<(u64, u64)> = Vec::new();
    let mut clock = start;
    for (when, event) in events {
        clock = match when {
            When::Now => clock,
            When::After(parts) => clock + span * parts / 16,
            When::Later(thousandths) => clock + period * thousandths / 1000,
            When::AtEdge(_, _) if made.is_empty() => clock,
            When::AtEdge(which, offset) => (which.get(&made).0 + period)
                .saturating_add_signed(*offset)
                .max(clock),
            When::AtEnd(_) if leases.is_empty() => clock,
            When::AtEnd(which) => which.get(&leases).until.max(clock),
            When::AtLastEnd => leases.last().map_or(clock, |lease| lease.until.max(clock)),
            When::BeforeLastEdge(parts) => made.last().map_or(clock, |(time, _)| {
                (time + period - span * parts / 16).max(clock)
            }),
        };
        match event {
            Event::Check(thousandths) => {
                let cost = (calls * thousandths / 1000).max(1);
                let held: u64 = leases.iter().map(|lease| lease.units).sum();
                if subject.check(calls, period, cost, clock) {
                    made.push((clock, cost));
                } else {
                    // A call leaves late by a slot's span, and by a lease's. What is held is not to
                    // be had.
                    let late = period / 128 + span;
                    let most = made
                        .iter()
                        .chain(&lost)
                        .filter(|(time, _)| time + period + late > clock)
                        .map(|(_, cost)| cost);
                    let most = most.sum::<u64>() + held;
                    if most + cost <= calls {
                        return Err(format!(
                            "refused {cost} at {clock} without need: at most {most} of {calls} count"
                        ));
                    }
                }
            }
            Event::Fill => {
                let cost = subject.remaining(calls, period, clock);
                if cost > 0 && subject.check(calls, period, cost, clock) {
                    made.push((clock, cost));
                }
            }
            Event::Lease {
                replica,
                thousandths,
                way,
            } => {
                let asked_at = clock;
                clock += span * way / 16;
                let grant =
                    subject.lease(calls, period, (calls * thousandths / 1000).max(1), clock);
                let until = asked_at + span + span * overtime / 16;
                leases.push(Lease {
                    replica: *replica,
                    units: grant.units,
                    until,
                    recorded: grant.recorded,
                });
            }
            Event::Use { replica, part } => {
                if let Some(lease) = leases.iter_mut().find(|lease| {
                    lease.replica == *replica && clock <= lease.until && lease.units > 0
                }) {
                    let units = (lease.units * part / 16).min(lease.units);
                    lease.units -= units;
                    made.push((clock, units));
                }
            }
            Event::End { replica } => {
                if let Some(index) = leases.iter().position(|lease| lease.replica == *replica) {
                    let lease = leases.remove(index);
                    let taken = subject.give_back(lease.units, lease.recorded, clock);
                    if taken > lease.units {
                        return Err(format!("took {taken} of {} back", lease.units));
                    }
                    if lease.recorded + period <= clock {
                        lost.push((lease.recorded, lease.units - taken));
                    }
                }
            }
        }
        // Nothing is made later than now, so an interval that is over ends here.
        let count: u64 = made
            .iter()
            .filter(|(time, _)| time + period > clock)
            .map(|(_, units)| units)
            .sum();
        if count > calls {
            return Err(format!(
                "{count} of {calls} calls were made within {period} us up to {clock}"
            ));
        }
    }
    Ok(())
}
