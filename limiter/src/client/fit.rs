//! Making every check one that a limiter accepts.
//!
//! A client's checks come from policies, whose keys and costs can come from whoever sends a
//! request. A check that a limiter refuses to read would be decided by the degraded mode, so a long
//! header would be a way around an exact limit. So would `calls` beyond what limiters count to,
//! with which an author means that there is hardly a limit. What else an author alone decides (the
//! period) is left as it is.

use std::num::NonZeroU64;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::bounds::{MAX_CALLS, MAX_COST, MAX_KEY_BYTES, MAX_LIMIT_NAME_BYTES};
use crate::check::Check;

/// Begins the stand-in of a long key. No text holds these bytes, so no key taken from a header
/// looks like one.
const HASHED: &[u8] = b"\xff\xfesha256:";
/// Stands in for the empty key.
const EMPTY: &[u8] = b"\xff\xfeempty";

/// Changes what does not fit, so that it is limited as if it did.
pub(super) fn fit(check: &mut Check) {
    check.key = fit_key(std::mem::take(&mut check.key));
    let most = NonZeroU64::new(MAX_CALLS).expect("the constant is not zero");
    check.limit.calls = check.limit.calls.min(most);
    // More than any limit allows is refused, whatever it is exactly.
    check.cost = check.cost.min(MAX_COST);
    if check.limit_name.len() > MAX_LIMIT_NAME_BYTES {
        let end = check.limit_name.floor_char_boundary(MAX_LIMIT_NAME_BYTES);
        check.limit_name = check.limit_name[..end].into();
    }
}

/// Long keys become their hash, and all empty ones share a counter.
pub(crate) fn fit_key(key: Bytes) -> Bytes {
    match key.len() {
        0 => Bytes::from_static(EMPTY),
        1..=MAX_KEY_BYTES => key,
        _ => [HASHED, &Sha256::digest(&key)].concat().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{cost, limit};

    #[test]
    fn what_fits_stays() {
        let check = cost("k", limit(5, 60), 3);
        let mut fitted = check.clone();
        fit(&mut fitted);
        assert_eq!(fitted, check);
    }

    #[test]
    fn long_keys_keep_counters_of_their_own() {
        let long = |end: u8| {
            let mut key = vec![b'x'; MAX_KEY_BYTES];
            key.push(end);
            fit_key(key.into())
        };
        assert!(long(b'a').len() <= MAX_KEY_BYTES);
        assert_eq!(long(b'a'), long(b'a'));
        assert_ne!(long(b'a'), long(b'b'));
        assert_eq!(
            fit_key(vec![b'x'; MAX_KEY_BYTES].into()).len(),
            MAX_KEY_BYTES
        );
    }

    #[test]
    fn nothing_is_left_that_a_limiter_refuses_to_read() {
        let mut check = cost("", limit(u64::MAX, 60), u64::MAX);
        check.limit_name = "ö".repeat(100).into();
        fit(&mut check);
        assert!(!check.key.is_empty());
        assert_eq!((check.limit.calls.get(), check.cost), (MAX_CALLS, MAX_COST));
        assert_eq!(&*check.limit_name, "ö".repeat(64));
    }
}
