//! Which new passwords are strong enough. Existing ones are never measured by this.

/// How long a password may be, in characters.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=64;

/// So many kinds of characters must be there.
const KINDS_NEEDED: usize = 3;

/// What of the rules a password keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Strength {
    /// It is neither too short nor too long.
    pub(crate) length: bool,
    /// Lower-case letters, upper-case letters, digits and symbols: which of them it has.
    pub(crate) kinds: [bool; 4],
}

impl Strength {
    pub(crate) fn of(password: &str) -> Self {
        let kinds: [fn(char) -> bool; 4] = [
            char::is_lowercase,
            char::is_uppercase,
            |c| c.is_ascii_digit(),
            |c| !c.is_alphanumeric(),
        ];
        Self {
            length: LENGTH.contains(&password.chars().count()),
            kinds: kinds.map(|is_kind| password.chars().any(is_kind)),
        }
    }

    /// Whether there are enough kinds of characters.
    pub(crate) fn is_mixed(self) -> bool {
        self.kinds.into_iter().filter(|found| *found).count() >= KINDS_NEEDED
    }

    pub(crate) fn is_enough(self) -> bool {
        self.length && self.is_mixed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_four_kinds_make_a_strong_password() {
        for good in [
            "Passw0rd",
            "pass-w0rd",
            "PASS-w0rd",
            "Pass word",
            &format!("aB3{}", "x".repeat(61)),
        ] {
            assert!(Strength::of(good).is_enough(), "{good}");
        }
        for bad in [
            "",
            "Passw0r",
            "password",
            "passw0rd",
            "PASSWORD1",
            &format!("aB3{}", "x".repeat(62)),
        ] {
            assert!(!Strength::of(bad).is_enough(), "{bad}");
        }
    }

    #[test]
    fn each_rule_is_told_by_itself() {
        assert_eq!(
            Strength::of("pa5"),
            Strength {
                length: false,
                kinds: [true, false, true, false]
            }
        );
        assert_eq!(
            Strength::of("PASS WORD"),
            Strength {
                length: true,
                kinds: [false, true, false, true]
            }
        );
        // Characters are counted, not bytes.
        assert!(Strength::of(&format!("Aa1{}", "\u{1f600}".repeat(61))).is_enough());
    }
}
