//! What reads bytes that come from somebody else, as functions of bytes: each asserts what holds for
//! every input, and panics where it does not.
//!
//! `fuzz_targets/` gives them to a fuzzer (`scripts/fuzz`), `tests/corpus.rs` runs them over
//! `corpus/` and the policy crate's documents as plain tests. What a fuzzer finds goes into
//! `corpus/<target>/`.
#![allow(clippy::expect_used)] // a target says what failed by panicking

mod expression;
mod policy_document;
mod template;
mod token;

/// A function of bytes that must hold for all of them.
pub type Target = fn(&[u8]);

/// Every target, by the name of its file and its corpus.
pub const TARGETS: [(&str, Target); 4] = [
    ("policy_document", policy_document::target),
    ("expression", expression::target),
    ("template", template::target),
    ("token", token::target),
];

/// Runs the target of this name.
///
/// # Panics
/// If there is none, or what it asserts does not hold.
pub fn run(name: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = found.expect("the name is one of the targets'");
    target(data);
}
