//! URL templates of operations: `/orders/{id}`, `/files/*`.
//!
//! `{name}` stands for one non-empty segment (or part of one), a final `*` for the rest of the path; literals compare
//! as they are, without case folding. `/files/*` does not match `/files` (APIM behaves the same).

use std::sync::Arc;

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    /// The text it was parsed from.
    pub text: Arc<str>,
    /// Its segments, in order.
    pub segments: Vec<Segment>,
}

/// One segment of a template, between two slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Must be equal.
    Literal(Arc<str>),
    /// `{name}`: one non-empty segment.
    Parameter(Arc<str>),
    /// A final `*`: the non-empty rest of the path.
    Wildcard,
}
