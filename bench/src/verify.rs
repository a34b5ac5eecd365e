//! Replays what was admitted: was any window over?
//!
//! From outside, an admission is known to lie between the moment its call was sent and the moment
//! its answer was in. Only what is certain counts: admissions that lie in one window wherever
//! between those two moments they happened.

use std::time::{Duration, Instant};

use crate::grpc_load::Call;

/// The most admissions of one message that certainly lie in one half-open window of `period`, over
/// all messages.
pub(crate) fn worst_window(calls: &[Call], messages: usize, period: Duration) -> usize {
    let mut admissions: Vec<Vec<(Instant, Instant)>> = vec![Vec::new(); messages];
    for call in calls.iter().filter(|call| call.allowed) {
        admissions[call.message].push((call.sent, call.received));
    }
    admissions
        .into_iter()
        .map(|of_one| worst_of(of_one, period))
        .max()
        .unwrap_or(0)
}

fn worst_of(mut admissions: Vec<(Instant, Instant)>, period: Duration) -> usize {
    admissions.sort_unstable();
    let windows = admissions.iter().enumerate().map(|(first, (start, _))| {
        // Sent at or after the start, so admitted after it; answered before the end, so admitted
        // before it.
        let from_here = admissions[first..]
            .iter()
            .take_while(|(sent, _)| *sent < *start + period);
        from_here
            .filter(|(_, received)| *received < *start + period)
            .count()
    });
    windows.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(start: Instant, sent: u64, received: u64) -> Call {
        let at = |millis| start + Duration::from_millis(millis);
        Call {
            message: 0,
            due: at(sent),
            sent: at(sent),
            received: at(received),
            allowed: true,
        }
    }

    #[test]
    fn only_what_is_certainly_in_one_window_counts() {
        let (start, period) = (Instant::now(), Duration::from_millis(100));
        let worst = |calls: &[(u64, u64)]| {
            let calls: Vec<_> = calls
                .iter()
                .map(|(sent, received)| call(start, *sent, *received))
                .collect();
            worst_window(&calls, 1, period)
        };
        assert_eq!(worst(&[]), 0);
        assert_eq!(worst(&[(0, 1), (50, 51), (98, 99)]), 3);
        assert_eq!(
            worst(&[(0, 1), (50, 51), (98, 100)]),
            2,
            "the last may have been admitted as the first left"
        );
        assert_eq!(worst(&[(10, 60), (20, 30), (115, 116)]), 2);
        assert_eq!(worst(&[(0, 1), (60, 61), (120, 121), (159, 159)]), 3);
    }

    #[test]
    fn refused_calls_and_other_messages_do_not_count() {
        let start = Instant::now();
        let refused = Call {
            allowed: false,
            ..call(start, 2, 3)
        };
        let other = Call {
            message: 1,
            ..call(start, 2, 3)
        };
        assert_eq!(
            worst_window(
                &[call(start, 0, 1), refused, other],
                2,
                Duration::from_secs(1)
            ),
            1
        );
    }
}
