//! Finding and comparing, exactly or without regard to case.

use crate::expression::operand::Comparison;

/// Upper case character by character, as C# does: what would become two characters stays as it is.
pub(super) fn fold(c: char) -> char {
    single(c.to_uppercase()).unwrap_or(c)
}

/// Lower case, likewise.
pub(super) fn lower(c: char) -> char {
    single(c.to_lowercase()).unwrap_or(c)
}

fn single(mut mapped: impl Iterator<Item = char>) -> Option<char> {
    mapped.next().filter(|_| mapped.next().is_none())
}

fn same(a: char, b: char) -> bool {
    a == b || fold(a) == fold(b)
}

/// Whether two texts are equal.
pub(in crate::expression::members) fn equals(a: &str, b: &str, comparison: Comparison) -> bool {
    match comparison {
        Comparison::Exact => a == b,
        Comparison::IgnoreCase => rest_after(a, b).is_some_and(str::is_empty),
    }
}

/// Whether `text` begins with `wanted`.
pub(super) fn starts_with(text: &str, wanted: &str, comparison: Comparison) -> bool {
    match comparison {
        Comparison::Exact => text.starts_with(wanted),
        Comparison::IgnoreCase => rest_after(text, wanted).is_some(),
    }
}

/// Whether `text` ends with `wanted`.
pub(super) fn ends_with(text: &str, wanted: &str, comparison: Comparison) -> bool {
    if comparison == Comparison::Exact {
        return text.ends_with(wanted);
    }
    let mut characters = text.chars().rev();
    wanted
        .chars()
        .rev()
        .all(|w| characters.next().is_some_and(|c| same(c, w)))
}

/// The byte offset of the first `wanted` in `text`.
pub(super) fn find(text: &str, wanted: &str, comparison: Comparison) -> Option<usize> {
    if comparison == Comparison::Exact {
        return text.find(wanted);
    }
    // One pass over texts of equal shape: folding keeps the number of characters, and the standard
    // search is linear.
    let folded: String = text.chars().map(fold).collect();
    let wanted: String = wanted.chars().map(fold).collect();
    let at = folded.find(&wanted)?;
    let characters = folded[..at].chars().count();
    text.char_indices()
        .nth(characters)
        .map_or(Some(text.len()), |(offset, _)| Some(offset))
}

/// What follows `wanted` at the start of `text`, case ignored.
fn rest_after<'a>(text: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = text.chars();
    wanted
        .chars()
        .all(|w| rest.next().is_some_and(|c| same(c, w)))
        .then_some(rest.as_str())
}
