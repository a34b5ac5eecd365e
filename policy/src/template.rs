//! URL templates of operations: `/orders/{id}`, `/files/*`.
//!
//! `{name}` stands for one non-empty segment (or part of one), a final `*` for the rest of the
//! path; literals compare as they are, without case folding. `/files/*` does not match `/files`
//! (APIM behaves the same).
//!
//! A matched value is percent-decoded, and a path is matched by nothing if a decoded value could
//! mean something else to the backend than it meant here: text that is not UTF-8, control
//! characters, or a `.` or `..` between separators.

use std::cmp::Ordering;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

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
    /// `report-{name}.csv`: a non-empty part of a segment, between fixed texts of which at least
    /// one is not empty.
    Part {
        /// What stands before the parameter.
        prefix: Arc<str>,
        /// The parameter.
        name: Arc<str>,
        /// What stands after it.
        suffix: Arc<str>,
    },
    /// `{name}`: one non-empty segment.
    Parameter(Arc<str>),
    /// A final `*`: the non-empty rest of the path.
    Wildcard,
}

/// Why a template is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It does not start with `/`.
    #[error("a URL template starts with `/`")]
    NoLeadingSlash,
    /// It has a query or a fragment.
    #[error("a URL template is a path only: `?` and `#` are not supported in it")]
    NotAPath,
    /// A brace without its partner, or one inside another.
    #[error("the braces in `{0}` do not pair up")]
    Braces(String),
    /// Two parameters in one segment.
    #[error("`{0}` has two parameters; a segment may hold one")]
    TwoParameters(String),
    /// A parameter without a name or with an odd one.
    #[error("`{{{0}}}` is not a parameter name; use letters, digits, `.`, `-` and `_`")]
    Name(String),
    /// A name that occurs twice.
    #[error("the parameter `{{{0}}}` occurs twice")]
    Duplicate(String),
    /// A `*` before the end, or beside other text.
    #[error("`*` may only be the whole last segment")]
    Wildcard,
}

impl UrlTemplate {
    /// Parses a template. `/` is the template of an API's root.
    ///
    /// # Errors
    /// If the template cannot be matched, with what would work.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let path = text
            .strip_prefix('/')
            .ok_or(TemplateError::NoLeadingSlash)?;
        if path.contains(['?', '#']) {
            return Err(TemplateError::NotAPath);
        }
        let segments = path
            .split('/')
            .map(Segment::parse)
            .collect::<Result<Vec<_>, _>>()?;
        if segments
            .iter()
            .rev()
            .skip(1)
            .any(|s| *s == Segment::Wildcard)
        {
            return Err(TemplateError::Wildcard);
        }
        let template = Self {
            text: text.into(),
            segments,
        };
        let names: Vec<_> = template.parameters().collect();
        for (i, name) in names.iter().enumerate() {
            if names[..i].contains(name) {
                return Err(TemplateError::Duplicate(name.to_string()));
            }
        }
        Ok(template)
    }

    /// The names of the parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &Arc<str>> {
        self.segments.iter().filter_map(Segment::name)
    }

    /// The decoded values of the parameters if `path` fits, in the order of the template. `path` is
    /// relative to the API's, still encoded, without the query; its leading slash may be missing.
    #[must_use]
    pub fn matches(&self, path: &str) -> Option<Vec<(Arc<str>, String)>> {
        let mut rest = Some(path.strip_prefix('/').unwrap_or(path));
        let mut found = Vec::new();
        for segment in &self.segments {
            let remaining = rest?;
            if *segment == Segment::Wildcard {
                return (!remaining.is_empty() && decode(remaining).is_some()).then_some(found);
            }
            let (head, tail) = match remaining.split_once('/') {
                Some((head, tail)) => (head, Some(tail)),
                None => (remaining, None),
            };
            rest = tail;
            found.extend(segment.matches(head)?);
        }
        rest.is_none().then_some(found)
    }

    /// Which of two templates that fit the same path is asked first: a literal segment before part
    /// of one, that before a whole parameter, that before a wildcard, decided by the first segment
    /// that differs. `Less` comes first.
    #[must_use]
    pub fn cmp_specificity(&self, other: &Self) -> Ordering {
        let ranks = |t: &Self| t.segments.iter().map(Segment::rank).collect::<Vec<_>>();
        ranks(self)
            .cmp(&ranks(other))
            .then_with(|| self.text.cmp(&other.text))
    }

    /// Whether both fit exactly the same paths: they differ at most in the names of their
    /// parameters.
    #[must_use]
    pub fn same_shape(&self, other: &Self) -> bool {
        self.segments.len() == other.segments.len()
            && self
                .segments
                .iter()
                .zip(&other.segments)
                .all(|(a, b)| a.same_shape(b))
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, TemplateError> {
        if text == "*" {
            return Ok(Self::Wildcard);
        }
        let braces = || TemplateError::Braces(text.to_owned());
        let Some((prefix, rest)) = text.split_once('{') else {
            return match (text.contains('}'), text.contains('*')) {
                (true, _) => Err(braces()),
                (_, true) => Err(TemplateError::Wildcard),
                _ => Ok(Self::Literal(text.into())),
            };
        };
        let (name, suffix) = rest.split_once('}').ok_or_else(braces)?;
        if suffix.contains('{') && suffix.contains('}') {
            return Err(TemplateError::TwoParameters(text.to_owned()));
        }
        if [prefix, name, suffix]
            .iter()
            .any(|part| part.contains(['{', '}']))
        {
            return Err(braces());
        }
        if name.is_empty()
            || !name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
        {
            return Err(TemplateError::Name(name.to_owned()));
        }
        if prefix.contains('*') || suffix.contains('*') {
            return Err(TemplateError::Wildcard);
        }
        Ok(if prefix.is_empty() && suffix.is_empty() {
            Self::Parameter(name.into())
        } else {
            Self::Part {
                prefix: prefix.into(),
                name: name.into(),
                suffix: suffix.into(),
            }
        })
    }

    fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Parameter(name) | Self::Part { name, .. } => Some(name),
            Self::Literal(_) | Self::Wildcard => None,
        }
    }

    /// The outer `Option` says whether the segment fits, the inner one holds its parameter.
    fn matches(&self, text: &str) -> Option<Option<(Arc<str>, String)>> {
        match self {
            Self::Literal(literal) => {
                (text == &**literal || decode(text).is_some_and(|t| t == **literal)).then_some(None)
            }
            Self::Parameter(name) => {
                let value = decode(text).filter(|value| !value.is_empty())?;
                Some(Some((Arc::clone(name), value)))
            }
            Self::Part {
                prefix,
                name,
                suffix,
            } => {
                let whole = decode(text)?;
                let value = whole.strip_prefix(&**prefix)?.strip_suffix(&**suffix)?;
                (!value.is_empty() && !climbs(value))
                    .then(|| Some((Arc::clone(name), value.to_owned())))
            }
            Self::Wildcard => Some(None),
        }
    }

    /// Smaller is more specific. Among parts, more fixed text is.
    fn rank(&self) -> (u8, usize) {
        match self {
            Self::Literal(_) => (0, 0),
            Self::Part { prefix, suffix, .. } => (1, usize::MAX - prefix.len() - suffix.len()),
            Self::Parameter(_) => (2, 0),
            Self::Wildcard => (3, 0),
        }
    }

    fn same_shape(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => a == b,
            (
                Self::Part {
                    prefix: p,
                    suffix: s,
                    ..
                },
                Self::Part {
                    prefix: q,
                    suffix: t,
                    ..
                },
            ) => p == q && s == t,
            (Self::Parameter(_), Self::Parameter(_)) | (Self::Wildcard, Self::Wildcard) => true,
            _ => false,
        }
    }
}

/// The decoded text, if no reader along the way could take it for another path.
fn decode(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    (!climbs(&decoded) && !decoded.chars().any(char::is_control)).then(|| decoded.into_owned())
}

/// Whether a part of it would be taken for a step within or out of a folder.
fn climbs(text: &str) -> bool {
    text.split(['/', '\\'])
        .any(|part| part == "." || part == "..")
}

#[cfg(test)]
mod tests;
