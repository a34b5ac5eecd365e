//! `rewrite-uri`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use weir_policy::plan::RewriteUri;

use crate::exchange::{Exchange, Stop};
use crate::failure::Failure;
use crate::path;
use crate::upstream::target::Relative;

/// Values of parameters were decoded for policies; what means something in a URL is encoded again.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@')
    .remove(b':')
    .remove(b',');

impl Exchange<'_> {
    pub(in crate::exchange) fn rewrite_uri(&mut self, policy: &RewriteUri) -> Result<(), Stop> {
        let template = policy.template.get(&self.context)?;
        let mut text = fill(&template, &self.context.request.matched_parameters);
        if !text.starts_with('/') {
            text.insert(0, '/');
        }
        // An operation's template has no query, so every parameter of the request's query is an
        // unmatched one.
        if policy.copy_unmatched
            && let Some(query) = self
                .target
                .relative
                .query()
                .filter(|query| !query.is_empty())
        {
            text.push(if text.contains('?') { '&' } else { '?' });
            text.push_str(query);
        }
        self.target.relative = Relative::new(checked(text)?, 0);
        self.aim()
    }
}

/// A template may come from an expression over what the client sent: the same paths are refused as
/// from the client.
fn checked(text: String) -> Result<PathAndQuery, Box<Failure>> {
    let (path, query) = text
        .split_once('?')
        .map_or((&*text, None), |(path, query)| (path, Some(query)));
    let text = match path::normalise(path).map_err(|bad| Failure::bad_request(bad.to_string()))? {
        Cow::Borrowed(_) => text,
        Cow::Owned(path) => query.map_or_else(|| path.clone(), |query| format!("{path}?{query}")),
    };
    let invalid = |error: http::uri::InvalidUri| {
        Failure::internal("InvalidUrl", format!("rewrite-uri: {error}"))
    };
    PathAndQuery::from_maybe_shared(Bytes::from(text)).map_err(invalid)
}

/// Puts the values of the operation's parameters in the place of `{name}`; other braces stay.
fn fill(template: &str, parameters: &[(Arc<str>, String)]) -> String {
    let mut text = String::with_capacity(template.len() + 16);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let known = after.split_once('}').and_then(|(name, after)| {
            let (_, value) = parameters.iter().find(|(known, _)| **known == *name)?;
            Some((value, after))
        });
        match known {
            Some((value, after)) => {
                // Writing to a `String` cannot fail.
                let _ = write!(text, "{}", utf8_percent_encode(value, VALUE));
                rest = after;
            }
            None => {
                text.push('{');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_filled_in_encoded() {
        let parameters = [
            ("id".into(), "a b/ü".to_owned()),
            ("n".into(), "7".to_owned()),
        ];
        assert_eq!(
            fill("/orders/{id}/{n}?x={n}", &parameters),
            "/orders/a%20b%2F%C3%BC/7?x=7"
        );
        assert_eq!(fill("/{unknown}/{id", &parameters), "/{unknown}/{id");
    }

    #[test]
    fn a_computed_template_cannot_climb() {
        assert!(checked("/a/../b".to_owned()).is_err());
        assert!(checked("/a/%2e%2e?x=..".to_owned()).is_err());
        assert!(checked("/a?x=../..".to_owned()).is_ok());
    }
}
