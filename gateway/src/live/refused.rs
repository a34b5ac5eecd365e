//! The keys that are refused most, found in bounded memory.
//!
//! The Space-Saving algorithm (Metwally, Agrawal, El Abbadi, 2005): a key without a place takes
//! that of the least refused one and inherits its count as what it may have missed, so a key that
//! is refused often cannot be pushed out by many that are refused once. Two of them take turns, so
//! that counts are of the last half to whole minute.
//!
//! A counter's key can be a credential or name a person. Unless the operator says otherwise the
//! page shows a code made with a secret of this process: it tells keys apart and cannot be turned
//! back, not even by trying all addresses.

use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// Keys in one sketch. One that has more than a 64th of all refusals is certain to be found.
const PLACES: usize = 64;

/// Keys shown.
const SHOWN: usize = 10;

/// How long one sketch counts before the other one takes over.
const TURN: Duration = Duration::from_secs(30);

/// Characters of a key that are shown.
const LONGEST: usize = 48;

/// How refused keys are shown on the live page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LiveKeys {
    /// As codes that only tell them apart.
    #[default]
    Hashed,
    /// As they are, shortened: for operators who may see what callers send.
    Plain,
}

/// A word that is none of [`LiveKeys`].
#[derive(Debug, thiserror::Error)]
#[error("write `hashed` or `plain`")]
pub struct UnknownLiveKeys;

impl FromStr for LiveKeys {
    type Err = UnknownLiveKeys;

    fn from_str(text: &str) -> Result<Self, UnknownLiveKeys> {
        match text {
            "hashed" => Ok(Self::Hashed),
            "plain" => Ok(Self::Plain),
            _ => Err(UnknownLiveKeys),
        }
    }
}

impl std::fmt::Display for LiveKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Self::Plain {
            "plain"
        } else {
            "hashed"
        })
    }
}

/// A refused key and how often, for certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) limit: Arc<str>,
    pub(super) key: Bytes,
    pub(super) times: u64,
}

#[derive(Debug)]
pub(super) struct TopRefused {
    now: Vec<Place>,
    before: Vec<Place>,
    since: Instant,
}

#[derive(Debug)]
struct Place {
    limit: Arc<str>,
    key: Bytes,
    count: u64,
    /// Of `count`, what may belong to keys that had this place before.
    inherited: u64,
}

impl TopRefused {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            now: Vec::with_capacity(PLACES),
            before: Vec::new(),
            since: now,
        }
    }

    pub(super) fn note(&mut self, limit: &Arc<str>, key: &Bytes, now: Instant) {
        self.turn(now);
        if let Some(place) = self
            .now
            .iter_mut()
            .find(|place| place.key == *key && place.limit == *limit)
        {
            place.count += 1;
            return;
        }
        // A copy: the key on hand may be a slice of something larger.
        let fresh = |inherited| Place {
            limit: Arc::clone(limit),
            key: Bytes::copy_from_slice(key),
            count: inherited + 1,
            inherited,
        };
        if self.now.len() < PLACES {
            self.now.push(fresh(0));
        } else if let Some(least) = self.now.iter_mut().min_by_key(|place| place.count) {
            *least = fresh(least.count);
        }
    }

    /// The most refused keys, the most refused first.
    pub(super) fn top(&mut self, now: Instant) -> Vec<Refused> {
        self.turn(now);
        let mut all: Vec<Refused> = Vec::new();
        for place in self.now.iter().chain(&self.before) {
            let times = place.count - place.inherited;
            match all
                .iter_mut()
                .find(|known| known.key == place.key && known.limit == place.limit)
            {
                Some(known) => known.times += times,
                None => all.push(Refused {
                    limit: Arc::clone(&place.limit),
                    key: place.key.clone(),
                    times,
                }),
            }
        }
        all.sort_by(|a, b| b.times.cmp(&a.times).then_with(|| a.key.cmp(&b.key)));
        all.truncate(SHOWN);
        all
    }

    fn turn(&mut self, now: Instant) {
        let turns = now.saturating_duration_since(self.since).as_secs() / TURN.as_secs();
        if turns > 0 {
            self.before = if turns == 1 {
                std::mem::take(&mut self.now)
            } else {
                Vec::new()
            };
            self.now = Vec::with_capacity(PLACES);
            self.since += TURN * u32::try_from(turns).unwrap_or(u32::MAX);
        }
    }
}

impl LiveKeys {
    /// What the page calls a counter's key. `secret` is this process's.
    pub(super) fn name(self, key: &[u8], secret: &[u8]) -> String {
        // The period in front is the limit's affair: without it one caller has one name under all
        // limits.
        let value = key.splitn(2, |byte| *byte == b':').nth(1).unwrap_or(key);
        match self {
            Self::Plain if value.is_empty() => "(empty)".to_owned(),
            Self::Plain => {
                let text = String::from_utf8_lossy(value);
                let mut short: String = text
                    .chars()
                    .take(LONGEST)
                    .map(|c| if c.is_control() { '�' } else { c })
                    .collect();
                if text.chars().nth(LONGEST).is_some() {
                    short.push('…');
                }
                short
            }
            Self::Hashed => {
                let digest = Sha256::new()
                    .chain_update(secret)
                    .chain_update(value)
                    .finalize();
                digest
                    .iter()
                    .take(4)
                    .fold(String::with_capacity(8), |mut code, byte| {
                        // Writing to a `String` cannot fail.
                        let _ = write!(code, "{byte:02x}");
                        code
                    })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    #[test]
    fn a_key_that_is_refused_often_is_found_in_a_flood_of_others() {
        let now = Instant::now();
        let (mut top, limit) = (TopRefused::new(now), Arc::<str>::from("per-subject"));
        for n in 0..10_000 {
            top.note(&limit, &key(&format!("60:once {n}")), now);
            if n % 10 == 0 {
                top.note(&limit, &key("60:often"), now);
            }
        }
        let found = top.top(now);
        assert_eq!((&found[0].key, found.len()), (&key("60:often"), SHOWN));
        assert!(found[0].times > 900 && found[0].times <= 1_000, "{found:?}");
        assert!(top.now.len() <= PLACES);
    }

    #[test]
    fn counts_are_of_the_last_minute_and_apart_by_limit() {
        let start = Instant::now();
        let mut top = TopRefused::new(start);
        let (one, other) = (Arc::<str>::from("one"), Arc::<str>::from("other"));
        let times = |found: Vec<Refused>| {
            found
                .iter()
                .map(|r| (r.limit.to_string(), r.times))
                .collect::<Vec<_>>()
        };
        top.note(&one, &key("k"), start);
        top.note(&one, &key("k"), start + TURN);
        top.note(&other, &key("k"), start + TURN);
        assert_eq!(
            times(top.top(start + TURN)),
            [("one".to_owned(), 2), ("other".to_owned(), 1)]
        );
        assert_eq!(
            times(top.top(start + 2 * TURN)),
            [("one".to_owned(), 1), ("other".to_owned(), 1)]
        );
        assert!(top.top(start + 4 * TURN).is_empty());
    }

    #[test]
    fn codes_tell_keys_apart_and_keep_them_secret() {
        let hashed = |key: &str| LiveKeys::Hashed.name(key.as_bytes(), b"secret");
        assert_eq!(
            hashed("60:alice"),
            hashed("120:alice"),
            "one caller has one code"
        );
        assert_ne!(hashed("60:alice"), hashed("60:bob"));
        assert_ne!(
            hashed("60:alice"),
            LiveKeys::Hashed.name(b"60:alice", b"of another process")
        );
        assert_eq!(hashed("60:alice").len(), 8);
        assert_eq!(LiveKeys::Plain.name(b"60:a:b\n", b""), "a:b�");
        assert_eq!(LiveKeys::Plain.name(b"60:", b""), "(empty)");
        let long = LiveKeys::Plain.name(format!("60:{}", "x".repeat(100)).as_bytes(), b"");
        assert_eq!(long.chars().count(), LONGEST + 1);
    }
}
