//! Reading a counter's string, whose format stands at the top of `log.lua`.

use crate::error::StoreError;
use crate::window::{Snapshot, Terms, lease_span};

/// Times are kept modulo this many microseconds.
const TIMES: u64 = (1 << 48) - 1;

/// Totals are kept modulo this.
const TOTALS: u64 = 1 << 53;

/// The forms of a log.
const SHORT: u8 = b'E';
const LONG: u8 = b'L';
const SLOTTED: u8 = b'S';

/// Bytes of the entries in a long log's state, at either end of the window.
const ENDS: usize = 8 * 6;

/// What the string says at `now`.
///
/// # Errors
/// If it is not a counter's.
pub(super) fn read(value: &[u8], now: u64) -> Result<Snapshot, StoreError> {
    parse(value, now).ok_or_else(|| {
        StoreError::Protocol(
            "a key of a counter holds something else: another program writes to it".to_owned(),
        )
    })
}

fn parse(value: &[u8], now: u64) -> Option<Snapshot> {
    let mut rest = value;
    let form = number(&mut rest, 1)? as u8;
    let (calls, shortest, longest) = (
        number(&mut rest, 5)?,
        number(&mut rest, 5)?,
        number(&mut rest, 5)?,
    );
    let most = Terms {
        calls,
        period: longest,
    };
    if form == SHORT {
        let mut times = Vec::new();
        while !rest.is_empty() {
            match number(&mut rest, 6)? {
                TIMES => break, // the rest is free
                since => times.push(absolute(since, now)),
            }
        }
        return Some(of_times(times, most, shortest, now));
    }
    let count = number(&mut rest, 2)?;
    let (_left, _newest) = (number(&mut rest, 2)?, number(&mut rest, 6)?);
    match form {
        LONG => {
            let (placed, _places, _number) = (
                number(&mut rest, 2)?,
                number(&mut rest, 2)?,
                number(&mut rest, 2)?,
            );
            let mut waiting = rest.split_off(..ENDS)?;
            let _leaving_next = rest.split_off(..ENDS)?;
            let mut times = (0..placed)
                .map(|_| time(&mut rest, now))
                .collect::<Option<Vec<u64>>>()?;
            for _ in placed..count {
                times.push(time(&mut waiting, now)?);
            }
            Some(of_times(times, most, shortest, now))
        }
        SLOTTED => {
            let _places = number(&mut rest, 2)?;
            let (base, _total) = (number(&mut rest, 7)?, number(&mut rest, 7)?);
            let mut slots = Vec::new();
            for _ in 0..count {
                let time = time(&mut rest, now)?;
                slots.push((time, number(&mut rest, 7)?.wrapping_sub(base) % TOTALS));
            }
            // The key's own time when the newest came. That may have been taken ahead, a little;
            // or the clock went back since, further.
            let newest = slots.last().map_or(0, |(time, _)| *time);
            let came = newest.min(now.max(newest.saturating_sub(lease_span(longest))));
            let (left, counting): (Vec<_>, Vec<_>) = slots
                .into_iter()
                .partition(|(time, _)| came.saturating_sub(*time) >= longest);
            let before = left.last().map_or(0, |(_, total)| *total);
            let counting = counting
                .into_iter()
                .map(|(time, total)| (time, total - before));
            Some(Snapshot::of_slots(counting, most, shortest, now))
        }
        _ => None,
    }
}

/// A log is written without what has left, but not at every admission: what had left when the
/// newest came does not count.
fn of_times(mut times: Vec<u64>, most: Terms, shortest: u64, now: u64) -> Snapshot {
    let newest = times.last().copied().unwrap_or(0);
    times.retain(|time| newest - time < most.period);
    Snapshot::of_times(times, most, shortest, now)
}

/// Takes a moment off the front.
fn time(rest: &mut &[u8], now: u64) -> Option<u64> {
    Some(absolute(number(rest, 6)?, now))
}

/// Takes a little-endian number of so many bytes off the front.
fn number(rest: &mut &[u8], bytes: usize) -> Option<u64> {
    let taken = rest.split_off(..bytes)?;
    let mut whole = [0; 8];
    whole[..bytes].copy_from_slice(taken);
    Some(u64::from_le_bytes(whole))
}

/// The moment nearest to `now` that is kept as `time`: a log may end a little after `now`, if a
/// clock went back.
fn absolute(time: u64, now: u64) -> u64 {
    let age = now.wrapping_sub(time) % TIMES;
    if age < TIMES / 2 {
        now.saturating_sub(age)
    } else {
        now + (TIMES - age)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_those_nearest_to_now() {
        let now = 5 * TIMES + 7;
        assert_eq!(absolute(7, now), now);
        assert_eq!(absolute(0, now), now - 7);
        assert_eq!(absolute(TIMES - 1, now), now - 8);
        assert_eq!(absolute(10, now), now + 3);
    }

    #[test]
    fn what_is_no_counter_is_an_error_and_no_panic() {
        for value in [&b""[..], b"hello", &[0xff; 17], &[0xff; 300], &[1; 40]] {
            let answer = read(value, 1_000_000_000_000);
            assert!(
                matches!(answer, Err(StoreError::Protocol(_))),
                "{value:?}: {answer:?}"
            );
        }
    }

    /// A clock that went back by more than calls are taken ahead: what had left when the newest came
    /// stays forgotten.
    #[test]
    fn what_had_left_does_not_come_back_with_the_clock() {
        let mut value = vec![SLOTTED];
        let (calls, period, slots) = (
            2_323_u64,
            7_554,
            [(0, 6), (702, 7), (1_041, 13), (8_593, 1_823)],
        );
        let start = 3 * TIMES + 1_000_000;
        let mut write = |number: u64, bytes: usize| {
            value.extend_from_slice(&number.to_le_bytes()[..bytes]);
        };
        for (number, bytes) in [(calls, 5), (period, 5), (period, 5), (4, 2), (2, 2)] {
            write(number, bytes);
        }
        write((start + 8_593) % TIMES, 6);
        for (number, bytes) in [(4, 2), (0, 7), (1_823, 7)] {
            write(number, bytes);
        }
        for (time, total) in slots {
            write((start + time) % TIMES, 6);
            write(total, 7);
        }
        let snapshot = read(&value, start + 3_132).unwrap();
        let longer = Terms {
            calls,
            period: 30_216,
        };
        assert_eq!(snapshot.standing(longer).remaining, 507);
    }

    #[test]
    fn a_counter_of_two_admissions_is_read_back() {
        let now = 3 * TIMES + 1_000_000;
        let mut value = vec![SHORT];
        for (number, bytes) in [
            (15_u64, 5),
            (60_000_000, 5),
            (60_000_000, 5),
            (100_000, 6),
            (900_000, 6),
        ] {
            value.extend_from_slice(&number.to_le_bytes()[..bytes]);
        }
        let snapshot = read(&value, now).unwrap();
        assert_eq!(
            snapshot.largest(),
            Some(Terms {
                calls: 15,
                period: 60_000_000
            })
        );
        assert_eq!(snapshot.ages(), Some((900_000, 100_000)));
        assert_eq!(
            snapshot
                .standing(Terms {
                    calls: 15,
                    period: 60_000_000
                })
                .used,
            2
        );
    }
}
