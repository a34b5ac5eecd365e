//! What a token must say besides being genuine: times, audience, issuer, required claims.

use std::time::{Duration, SystemTime};

/// The demands of one call. Values may come from expressions, so they are passed with every call
/// and never cached.
#[derive(Debug, Clone, Copy)]
pub struct Requirements<'a> {
    /// Accepted audiences, any one matches; empty: not checked.
    pub audiences: &'a [String],
    /// Accepted issuers besides those of the discovery documents. With several providers, or with
    /// inline keys beside one, a provider's key may name one of these only if it is another form of
    /// that provider's issuer.
    pub issuers: &'a [String],
    /// Claims that must all hold.
    pub required_claims: &'a [RequiredClaim],
    /// Whether `exp` must be present.
    pub require_expiration: bool,
    /// Whether a token of algorithm `none` is refused. A token that has a signature is verified in
    /// any case.
    pub require_signed: bool,
    /// How far the clocks of issuer and validator may be apart.
    pub clock_skew: Duration,
    /// The time to compare `exp` and `nbf` with.
    pub now: SystemTime,
}

impl Requirements<'_> {
    /// A signed token with `exp`, at the present time, and nothing else demanded.
    #[must_use]
    pub fn at(now: SystemTime) -> Self {
        Self {
            audiences: &[],
            issuers: &[],
            required_claims: &[],
            require_expiration: true,
            require_signed: true,
            clock_skew: Duration::ZERO,
            now,
        }
    }
}

/// One required claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredClaim {
    /// The claim's name, case-sensitive.
    pub name: String,
    /// Whether all of `values` must be present or any one.
    pub mode: Match,
    /// Splits a claim that is one string, e.g. a space for `scp`.
    pub separator: Option<String>,
    /// The values; empty: the claim must merely be present.
    pub values: Vec<String>,
}

/// How the values of a required claim are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Match {
    /// Every listed value must be present.
    #[default]
    All,
    /// One listed value must be present.
    Any,
}
