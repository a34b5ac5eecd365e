//! Proof Key for Code Exchange (RFC 7636), method S256 only.

use crate::crypto;

/// SHA-256 in base64url without padding is always this long.
const CHALLENGE_LENGTH: usize = 43;

/// The challenge a code was asked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge(String);

impl Challenge {
    /// Accepts what S256 can produce and nothing else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let well_formed = text.len() == CHALLENGE_LENGTH
            && crypto::decode(text).is_some_and(|bytes| bytes.len() == 32);
        well_formed.then(|| Self(text.to_owned()))
    }

    /// Whether the verifier is well formed and the one this challenge was made of.
    pub(crate) fn is_met_by(&self, verifier: &str) -> bool {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        (43..=128).contains(&verifier.len())
            && verifier.bytes().all(allowed)
            && crypto::same_secret(&self.0, &crypto::encode(crypto::sha256(verifier)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_holds() {
        let challenge = Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert!(challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXj"));
    }

    #[test]
    fn only_what_s256_produces_is_a_challenge() {
        let good = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        for bad in [
            format!("{good}="),
            good[..42].to_owned(),
            good.replace('-', "+"),
            String::new(),
        ] {
            assert_eq!(Challenge::parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_verifier_must_be_well_formed_even_if_it_matches() {
        for (verifier, accepted) in [
            ("a".repeat(42), false),
            ("a".repeat(43), true),
            ("a".repeat(128), true),
            ("a".repeat(129), false),
            (format!("{}+", "a".repeat(43)), false),
        ] {
            let challenge = Challenge::parse(&crypto::encode(crypto::sha256(&verifier))).unwrap();
            assert_eq!(challenge.is_met_by(&verifier), accepted, "{verifier}");
        }
    }
}
