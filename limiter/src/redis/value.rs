//! Reading a counter's string, whose format stands at the top of `log.lua`.

use crate::store::StoreError;
use crate::window::{Snapshot, Terms};

/// Times are kept modulo this many microseconds.
const TIMES: u64 = 1 << 48;

/// Totals are kept modulo this.
const TOTALS: u64 = 1 << 53;

/// The forms of a log.
const SHORT: u8 = b'E';
const LONG: u8 = b'L';
const SLOTTED: u8 = b'S';

/// What the string says at `now`.
///
/// # Errors
/// If it is not a counter's.
pub(super) fn read(value: &[u8], now: u64) -> Result<Snapshot, StoreError> {
    parse(value, now).ok_or_else(|| {
        StoreError::Protocol("a key of a counter holds something else: another program writes to it".to_owned())
    })
}

fn parse(value: &[u8], now: u64) -> Option<Snapshot> {
    let mut rest = value;
    let form = number(&mut rest, 1)? as u8;
    let (calls, shortest, longest) = (number(&mut rest, 5)?, number(&mut rest, 5)?, number(&mut rest, 5)?);
    let most = Terms { calls, period: longest };
    let time = |rest: &mut &[u8]| Some(absolute(number(rest, 6)?, now));
    if form == SHORT {
        let mut times = Vec::new();
        while !rest.is_empty() {
            times.push(time(&mut rest)?);
        }
        return Some(Snapshot::of_times(times, most, shortest, now));
    }
    let count = number(&mut rest, 2)?;
    let (_left, _places, _newest) = (number(&mut rest, 2)?, number(&mut rest, 2)?, number(&mut rest, 6)?);
    let (base, _total, _lasts) = (number(&mut rest, 7)?, number(&mut rest, 7)?, number(&mut rest, 6)?);
    match form {
        LONG => {
            let times = (0..count).map(|_| time(&mut rest)).collect::<Option<Vec<u64>>>()?;
            Some(Snapshot::of_times(times, most, shortest, now))
        }
        SLOTTED => {
            let slots = (0..count).map(|_| Some((time(&mut rest)?, number(&mut rest, 7)?.wrapping_sub(base) % TOTALS)));
            let slots = slots.collect::<Option<Vec<_>>>()?;
            Some(Snapshot::of_slots(slots.into_iter(), most, shortest, now))
        }
        _ => None,
    }
}

/// Takes a little-endian number of so many bytes off the front.
fn number(rest: &mut &[u8], bytes: usize) -> Option<u64> {
    let taken = rest.split_off(..bytes)?;
    let mut whole = [0; 8];
    whole[..bytes].copy_from_slice(taken);
    Some(u64::from_le_bytes(whole))
}

/// The moment nearest to `now` that is kept as `time`: a log may end a little after `now`, if a clock went back.
fn absolute(time: u64, now: u64) -> u64 {
    let age = now.wrapping_sub(time) % TIMES;
    if age < TIMES / 2 { now.saturating_sub(age) } else { now + (TIMES - age) }
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
            assert!(matches!(answer, Err(StoreError::Protocol(_))), "{value:?}: {answer:?}");
        }
    }

    #[test]
    fn a_counter_of_two_admissions_is_read_back() {
        let now = 3 * TIMES + 1_000_000;
        let mut value = vec![SHORT];
        for (number, bytes) in [(15_u64, 5), (60_000_000, 5), (60_000_000, 5), (100_000, 6), (900_000, 6)] {
            value.extend_from_slice(&number.to_le_bytes()[..bytes]);
        }
        let snapshot = read(&value, now).unwrap();
        assert_eq!(snapshot.largest(), Some(Terms { calls: 15, period: 60_000_000 }));
        assert_eq!(snapshot.ages(), Some((900_000, 100_000)));
        assert_eq!(snapshot.standing(Terms { calls: 15, period: 60_000_000 }).used, 2);
    }
}
