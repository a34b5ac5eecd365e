//! Counting wrong passwords: per account, so that nobody's password is guessed, and per client
//! address, so that nobody tries one password on every account.
//!
//! An attempt is charged before its password is looked at and given back if it was right: so
//! attempts in parallel are limited like attempts in a row. An address without an account is
//! counted all the same, because a lock that only real accounts have would tell them apart.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::clock::until;
use crate::config::AttemptLimits;
use crate::expiring::Expiring;

/// So many accounts and addresses are remembered at once.
const CAPACITY: usize = 100_000;

/// The counters. One lock, held for two look-ups.
pub(crate) struct Attempts {
    limits: AttemptLimits,
    counters: Mutex<Expiring<Key, Counter>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    /// A normalised e-mail address.
    Account(String),
    Address(IpAddr),
}

#[derive(Default, Clone, Copy)]
struct Counter {
    wrong: u32,
    locked_until: Option<SystemTime>,
}

/// Too many attempts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Locked {
    pub(crate) whom: Whom,
    /// When it is worth trying again.
    pub(crate) retry_after: Duration,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    Account,
    Address,
}

impl Attempts {
    pub(crate) fn new(limits: AttemptLimits) -> Self {
        Self {
            limits,
            counters: Mutex::new(Expiring::new(CAPACITY)),
        }
    }

    /// Charges an attempt to sign in, or refuses it.
    pub(crate) fn begin_sign_in(
        &self,
        email: &str,
        address: IpAddr,
        now: SystemTime,
    ) -> Result<(), Locked> {
        let (account, address) = (
            Key::Account(email.to_owned()),
            Key::Address(network(address)),
        );
        let mut counters = self.counters.lock();
        check(&mut counters, &account, Whom::Account, now)?;
        check(&mut counters, &address, Whom::Address, now)?;
        self.charge(&mut counters, account, self.limits.per_account, now);
        self.charge(&mut counters, address, self.limits.per_address, now);
        Ok(())
    }

    /// Charges an attempt to sign up, or refuses it.
    pub(crate) fn begin_sign_up(&self, address: IpAddr, now: SystemTime) -> Result<(), Locked> {
        let address = Key::Address(network(address));
        let mut counters = self.counters.lock();
        check(&mut counters, &address, Whom::Address, now)?;
        self.charge(&mut counters, address, self.limits.per_address, now);
        Ok(())
    }

    /// The password was right: the account starts anew, and the address gets its attempt back.
    pub(crate) fn signed_in(&self, email: &str, address: IpAddr, now: SystemTime) {
        self.counters.lock().remove(&Key::Account(email.to_owned()));
        self.give_back(address, now);
    }

    /// The address gets an attempt back that failed through no fault of the person, or did not
    /// fail.
    pub(crate) fn give_back(&self, address: IpAddr, now: SystemTime) {
        if let Some(counter) = self
            .counters
            .lock()
            .get_mut(&Key::Address(network(address)), now)
        {
            counter.wrong = counter.wrong.saturating_sub(1);
            if counter.wrong < self.limits.per_address {
                counter.locked_until = None;
            }
        }
    }

    fn charge(&self, counters: &mut Expiring<Key, Counter>, key: Key, limit: u32, now: SystemTime) {
        let mut counter = counters
            .get_mut(&key, now)
            .map(|counter| *counter)
            .unwrap_or_default();
        counter.wrong = counter.wrong.saturating_add(1);
        if counter.wrong >= limit {
            let doublings = counter.wrong.saturating_sub(limit).min(20);
            let lock = self
                .limits
                .first_lock
                .saturating_mul(1 << doublings)
                .min(self.limits.longest_lock);
            counter.locked_until = now.checked_add(lock);
        }
        // What nobody touches for as long as the longest lock is forgiven.
        let forgiven = now + self.limits.longest_lock.max(self.limits.first_lock);
        counters.insert(key, counter, forgiven, now);
    }
}

fn check(
    counters: &mut Expiring<Key, Counter>,
    key: &Key,
    whom: Whom,
    now: SystemTime,
) -> Result<(), Locked> {
    match counters
        .get_mut(key, now)
        .and_then(|counter| counter.locked_until)
    {
        Some(deadline) if deadline > now => Err(Locked {
            whom,
            retry_after: until(deadline, now),
        }),
        _ => Ok(()),
    }
}

/// The address to count by: an IPv6 client owns at least a /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "alice@example.com";
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn attempts() -> Attempts {
        Attempts::new(AttemptLimits {
            per_account: 3,
            per_address: 5,
            ..AttemptLimits::default()
        })
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn locked(whom: Whom, seconds: u64) -> Result<(), Locked> {
        Err(Locked {
            whom,
            retry_after: Duration::from_secs(seconds),
        })
    }

    #[test]
    fn an_account_is_locked_for_longer_each_time() {
        let attempts = attempts();
        for _ in 0..3 {
            assert_eq!(attempts.begin_sign_in(ALICE, HERE, at(0)), Ok(()));
        }
        assert_eq!(
            attempts.begin_sign_in(ALICE, HERE, at(0)),
            locked(Whom::Account, 60)
        );
        assert_eq!(
            attempts.begin_sign_in(ALICE, HERE, at(59)),
            locked(Whom::Account, 1)
        );
        assert_eq!(attempts.begin_sign_in(ALICE, HERE, at(60)), Ok(()));
        assert_eq!(
            attempts.begin_sign_in(ALICE, HERE, at(61)),
            locked(Whom::Account, 119)
        );
    }

    #[test]
    fn a_right_password_clears_the_account() {
        let attempts = attempts();
        for _ in 0..20 {
            for _ in 0..2 {
                attempts.begin_sign_in(ALICE, HERE, at(0)).unwrap();
                attempts.give_back(HERE, at(0));
            }
            attempts.begin_sign_in(ALICE, HERE, at(0)).unwrap();
            attempts.signed_in(ALICE, HERE, at(0));
        }
    }

    #[test]
    fn an_address_is_locked_over_all_accounts() {
        let attempts = attempts();
        for number in 0..5 {
            assert_eq!(
                attempts.begin_sign_in(&format!("{number}@example.com"), HERE, at(0)),
                Ok(())
            );
        }
        assert_eq!(
            attempts.begin_sign_in(ALICE, HERE, at(0)),
            locked(Whom::Address, 60)
        );
        assert_eq!(
            attempts.begin_sign_up(HERE, at(0)),
            locked(Whom::Address, 60)
        );
        let elsewhere = "192.0.2.1".parse().unwrap();
        assert_eq!(attempts.begin_sign_in(ALICE, elsewhere, at(0)), Ok(()));
    }

    #[test]
    fn locks_have_a_longest_length_and_are_forgiven() {
        let attempts = Attempts::new(AttemptLimits {
            per_account: 1,
            per_address: 1000,
            ..AttemptLimits::default()
        });
        let mut now = at(0);
        for _ in 0..40 {
            attempts.begin_sign_in(ALICE, HERE, now).unwrap();
            let wait = attempts
                .begin_sign_in(ALICE, HERE, now)
                .unwrap_err()
                .retry_after;
            assert!(wait <= Duration::from_secs(5 * 3600), "{wait:?}");
            now += wait.min(Duration::from_secs(5 * 3600 - 1));
            if wait == Duration::from_secs(5 * 3600) {
                break;
            }
        }
        now += Duration::from_secs(5 * 3600);
        attempts.begin_sign_in(ALICE, HERE, now).unwrap();
        assert_eq!(
            attempts.begin_sign_in(ALICE, HERE, now),
            locked(Whom::Account, 60)
        );
    }

    #[test]
    fn one_client_is_counted_under_one_address() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
