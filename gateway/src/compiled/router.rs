//! From method and path to an operation.
//!
//! As in API Management, the API is chosen first (the longest path that is a prefix, by whole
//! segments), then the operation within it: a literal segment wins over a parameter, a parameter
//! over a wildcard. Another method or an unknown path is the same answer, "no operation": 404.
//! Built once; a look-up takes no lock.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use http::Method;
use percent_encoding::percent_decode_str;
use weir_policy::template::{Segment, UrlTemplate};

/// Values of a template's parameters, decoded.
pub(crate) type Parameters = Vec<(Arc<str>, String)>;

/// An operation that matches a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Match {
    /// The number it was added under.
    pub(crate) operation: usize,
    /// What the template's parameters stand for.
    pub(crate) parameters: Parameters,
    /// How many bytes of the path belong to the API and not to the operation.
    pub(crate) prefix: usize,
}

/// The table of all operations.
#[derive(Debug, Default)]
pub(crate) struct Router {
    root: ApiNode,
}

/// A segment of API paths.
#[derive(Debug, Default)]
struct ApiNode {
    children: HashMap<Box<str>, ApiNode, RandomState>,
    operations: Option<Operations>,
}

/// The operations of one API, the most specific first within each list. Asking by the first segment
/// keeps the walk short for APIs with many operations; a literal first segment wins over every
/// other kind, so the lists may be asked one after the other.
#[derive(Debug, Default)]
struct Operations {
    by_first_literal: HashMap<Box<str>, Vec<Entry>, RandomState>,
    others: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    method: Method,
    template: UrlTemplate,
    operation: usize,
}

impl Router {
    /// Adds an API; `path` has no slashes at its ends and may be empty. Operations come with the
    /// number that [`Match::operation`] will have.
    pub(crate) fn add<'a>(
        &mut self,
        path: &str,
        operations: impl IntoIterator<Item = (&'a Method, &'a UrlTemplate, usize)>,
    ) {
        let mut node = &mut self.root;
        for segment in path.split('/').filter(|s| !s.is_empty()) {
            node = node.children.entry(segment.into()).or_default();
        }
        let table = node.operations.get_or_insert_default();
        for (method, template, operation) in operations {
            let entry = Entry {
                method: method.clone(),
                template: template.clone(),
                operation,
            };
            table.list(template).push(entry);
        }
        let order = |a: &Entry, b: &Entry| a.template.cmp_specificity(&b.template);
        table.others.sort_by(order);
        table
            .by_first_literal
            .values_mut()
            .for_each(|list| list.sort_by(order));
    }

    /// The operation for a request. `path` is in its one spelling ([`crate::path::normalise`]).
    pub(crate) fn find(&self, method: &Method, path: &str) -> Option<Match> {
        let (operations, prefix) = self.api(path)?;
        let rest = &path[prefix..];
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        operations
            .candidates(rest)
            .filter(|entry| entry.method == *method)
            .find_map(|entry| {
                let parameters = entry.template.matches(rest)?;
                Some(Match {
                    operation: entry.operation,
                    parameters,
                    prefix,
                })
            })
    }

    /// The API with the longest path that starts `path`, and how long that is.
    fn api(&self, path: &str) -> Option<(&Operations, usize)> {
        let mut node = &self.root;
        let mut best = node.operations.as_ref().map(|operations| (operations, 0));
        let mut at = 0;
        while let Some(rest) = path.get(at + 1..).filter(|_| path[at..].starts_with('/')) {
            let end = at + 1 + rest.find('/').unwrap_or(rest.len());
            let Some(child) = node.children.get(&path[at + 1..end]) else {
                break;
            };
            node = child;
            at = end;
            best = node
                .operations
                .as_ref()
                .map(|operations| (operations, at))
                .or(best);
        }
        best
    }
}

impl Operations {
    fn list(&mut self, template: &UrlTemplate) -> &mut Vec<Entry> {
        match template.segments.first() {
            Some(Segment::Literal(first)) => {
                self.by_first_literal.entry((&**first).into()).or_default()
            }
            _ => &mut self.others,
        }
    }

    fn candidates(&self, rest: &str) -> impl Iterator<Item = &Entry> {
        let first = rest.split('/').next().unwrap_or_default();
        // Literals of templates are written decoded; few paths have anything to decode.
        let literal = match first
            .contains('%')
            .then(|| percent_decode_str(first).decode_utf8())
        {
            Some(Ok(decoded)) => self.by_first_literal.get(&*decoded),
            _ => self.by_first_literal.get(first),
        };
        literal.into_iter().flatten().chain(&self.others)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn router(apis: &[(&str, &[(&str, &str)])]) -> Router {
        let mut router = Router::default();
        let mut number = 0;
        for (path, operations) in apis {
            let parsed: Vec<_> = operations
                .iter()
                .map(|(method, template)| {
                    number += 1;
                    (
                        method.parse::<Method>().unwrap(),
                        UrlTemplate::parse(template).unwrap(),
                        number,
                    )
                })
                .collect();
            router.add(path, parsed.iter().map(|(m, t, n)| (m, t, *n)));
        }
        router
    }

    fn find(router: &Router, method: &str, path: &str) -> Option<usize> {
        router
            .find(&method.parse().unwrap(), path)
            .map(|m| m.operation)
    }

    #[test]
    fn a_literal_wins_over_a_parameter_and_that_over_a_wildcard() {
        let r = router(&[(
            "api",
            &[
                ("GET", "/*"),
                ("GET", "/{x}"),
                ("GET", "/me"),
                ("GET", "/me/*"),
            ],
        )]);
        assert_eq!(find(&r, "GET", "/api/me"), Some(3));
        assert_eq!(find(&r, "GET", "/api/you"), Some(2));
        assert_eq!(find(&r, "GET", "/api/you/too"), Some(1));
        assert_eq!(find(&r, "GET", "/api/me/too"), Some(4));
    }

    #[test]
    fn another_method_falls_through_to_the_next_template() {
        let r = router(&[("api", &[("POST", "/me"), ("GET", "/{x}")])]);
        assert_eq!(find(&r, "GET", "/api/me"), Some(2));
        assert_eq!(find(&r, "POST", "/api/me"), Some(1));
        assert_eq!(find(&r, "DELETE", "/api/me"), None);
    }

    #[test]
    fn the_longest_api_path_is_chosen_by_whole_segments() {
        let r = router(&[
            ("", &[("GET", "/{a}/{b}")]),
            ("api", &[("GET", "/x")]),
            ("api/v2", &[("GET", "/x")]),
        ]);
        assert_eq!(find(&r, "GET", "/api/x"), Some(2));
        assert_eq!(find(&r, "GET", "/api/v2/x"), Some(3));
        assert_eq!(find(&r, "GET", "/apix/y"), Some(1));
        assert_eq!(find(&r, "GET", "/api/y"), None, "the API is chosen first");
    }

    #[test]
    fn the_root_of_an_api_matches_with_and_without_a_slash() {
        let r = router(&[("api", &[("GET", "/")])]);
        assert_eq!(find(&r, "GET", "/api"), Some(1));
        assert_eq!(find(&r, "GET", "/api/"), Some(1));
        assert_eq!(find(&r, "GET", "/"), None);
        assert_eq!(find(&r, "GET", "*"), None);
        assert_eq!(find(&r, "GET", ""), None);
    }

    #[test]
    fn parameters_are_decoded_and_the_prefix_is_the_apis() {
        let r = router(&[("shop", &[("GET", "/orders/{id}")])]);
        let found = r.find(&Method::GET, "/shop/orders/a%20b").unwrap();
        assert_eq!(found.parameters, [("id".into(), "a b".to_owned())]);
        assert_eq!(found.prefix, "/shop".len());
    }

    #[test]
    fn encoded_literals_match_their_decoded_template() {
        let r = router(&[("", &[("GET", "/über/{x}")])]);
        assert_eq!(find(&r, "GET", "/%C3%BCber/1"), Some(1));
    }
}
