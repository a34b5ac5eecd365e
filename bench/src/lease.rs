//! One very hot key with leases: how many calls it carries, against Redis deciding each of them,
//! and how much room a limit leaves because of leases.

use std::time::{Duration, Instant};

use weir_testkit::Redis;

use crate::ROUNDS;
use crate::grpc_load::{
    Call, Outcome, check, closed_loop, closed_loop_of_batches, message, message_of_batch, open_loop,
};
use crate::process::Server;
use crate::redis::Script;
use crate::report::{Goal, Report};
use crate::verify::worst_window;

/// The limit of the hot key.
const CALLS: u64 = 1_000_000;
const PERIOD: Duration = Duration::from_secs(60);
/// Calls per round: fewer than the limit, so that nothing is refused, and more than a lease may
/// take at once.
const TOTAL: usize = 900_000;
/// Lists in one `CheckBatch`, as a gateway sends them when many requests wait.
const LISTS: usize = 128;

/// The limit that refuses, and what is asked of it.
const BUSY_CALLS: u64 = 60_000;
const BUSY_PERIOD: Duration = Duration::from_secs(10);
const BUSY_RATE: f64 = 8_000.0;
const BUSY_FOR: Duration = Duration::from_secs(25);

/// Measures and reports.
pub(crate) async fn measure(report: &mut Report, redis: &Redis) {
    let alone = Script::load(redis, 1, CALLS, PERIOD).run_bare_on(redis, "weir:bare:hot", TOTAL);
    let plain = Server::weir("limiter", &["--store", &redis.url()]).await;
    // As patient as it takes: where the store does not answer in time, a limiter counts alone, and
    // that is not judged here.
    let patient = [
        "--store",
        &redis.url(),
        "--store-timeout",
        "5s",
        "--lease-calls-above",
        "10000",
    ];
    let leasing = Server::weir("limiter", &patient).await;
    let batched = (0..ROUNDS)
        .map(|round| batched(&leasing, &format!("leased:{round}")))
        .fold(0.0, f64::max);
    report.add(
        "limiter leases, 1 hot key, to Redis alone",
        "calls/s",
        batched,
        alone,
        Goal::AtLeast(10.0),
    );
    let asked = (0..ROUNDS)
        .map(|round| self::batched(&plain, &format!("asked:{round}")))
        .fold(0.0, f64::max);
    report.add(
        "limiter leases, 1 hot key, to the limiter without",
        "calls/s",
        batched,
        asked,
        Goal::AtLeast(1.0),
    );
    let (one, without) = (single(&leasing), single(&plain));
    report.add(
        "limiter leases, 1 hot key, one call a request",
        "requests/s",
        one,
        without,
        Goal::AtLeast(1.0),
    );
    room(report, &leasing);
}

/// Calls per second of a fresh hot key, many in a request.
fn batched(server: &Server, key: &str) -> f64 {
    let list = || vec![check("hot", key.to_owned(), CALLS, PERIOD)];
    let batch = message_of_batch((0..LISTS).map(|_| list()));
    let outcome = closed_loop_of_batches(server.address(), &batch, TOTAL / LISTS);
    assert_eq!(outcome.refused(), 0, "nothing may be refused here");
    outcome.per_second() * LISTS as f64
}

fn single(server: &Server) -> f64 {
    let round = |n| {
        let one = [message(vec![check(
            "hot",
            format!("single:{n}"),
            CALLS,
            PERIOD,
        )])];
        let outcome = closed_loop(server.address(), &one, 100_000);
        assert_eq!(outcome.refused(), 0, "nothing may be refused here");
        outcome.per_second()
    };
    (0..ROUNDS).map(round).fold(0.0, f64::max)
}

/// A third more is asked than the limit allows, for two and a half periods.
fn room(report: &mut Report, server: &Server) {
    let one = [message(vec![check(
        "busy",
        "busy".to_owned(),
        BUSY_CALLS,
        BUSY_PERIOD,
    )])];
    let outcome = open_loop(
        server.address(),
        &one,
        BUSY_RATE,
        (BUSY_RATE * BUSY_FOR.as_secs_f64()) as usize,
    );
    assert!(
        outcome.refused() > 0,
        "a limit that does not bind proves nothing"
    );
    let worst = worst_window(&outcome.calls, 1, BUSY_PERIOD) as f64;
    let name = format!("limiter leases, worst window of {BUSY_CALLS} calls");
    report.add_absolute(&name, "calls", worst, Goal::AtMost(BUSY_CALLS as f64));
    // Calls that leave the window late were made at this rate at most, so the room is what a part
    // of the period holds.
    let room = most_room(&outcome, BUSY_CALLS as usize, BUSY_PERIOD) as f64;
    let early = 100.0 * room / (BUSY_RATE * BUSY_PERIOD.as_secs_f64());
    report.add_absolute(
        "limiter leases, earliest refusal",
        "% of period",
        early,
        Goal::AtMost(1.0),
    );
}

/// How many more calls the window certainly had room for at the refusal that came earliest.
fn most_room(outcome: &Outcome, calls: usize, period: Duration) -> usize {
    let times = |time: fn(&Call) -> Instant| {
        let mut times: Vec<_> = outcome
            .calls
            .iter()
            .filter(|call| call.allowed)
            .map(time)
            .collect();
        times.sort_unstable();
        times
    };
    let (sent, received) = (times(|call| call.sent), times(|call| call.received));
    let room = |refusal: &Call| {
        // What may have been admitted before the refusal, less what had certainly left the window
        // by then.
        let before = sent.partition_point(|time| *time <= refusal.received);
        let left = received.partition_point(|time| *time + period <= refusal.sent);
        calls.saturating_sub(before - left)
    };
    outcome
        .calls
        .iter()
        .filter(|call| !call.allowed)
        .map(room)
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_the_window_certainly_lacks() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let call = |sent, allowed| Call {
            message: 0,
            due: at(sent),
            sent: at(sent),
            received: at(sent + 2),
            allowed,
        };
        let most = |calls: &[(u64, bool)]| {
            let calls = calls
                .iter()
                .map(|(sent, allowed)| call(*sent, *allowed))
                .collect();
            most_room(
                &Outcome {
                    calls,
                    elapsed: Duration::ZERO,
                },
                2,
                Duration::from_millis(100),
            )
        };
        assert_eq!(
            most(&[(0, true), (10, true), (50, false), (101, false)]),
            0,
            "the window was full"
        );
        assert_eq!(
            most(&[(0, true), (10, true), (102, false)]),
            1,
            "the first had left at 102"
        );
        assert_eq!(
            most(&[(10, false), (11, true)]),
            1,
            "one may have been admitted before"
        );
        assert_eq!(most(&[(10, false), (13, true)]), 2);
    }
}
