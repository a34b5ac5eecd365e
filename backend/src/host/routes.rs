//! Which function a path and method mean.

use std::collections::HashSet;

use http::Method;

use super::Path;
use crate::function::Function;

/// The first segment of every route.
const PREFIX: &str = "api";

/// A route that cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The route's text is not understood.
    #[error(
        "function {function}: the route {route:?} has the segment {segment:?}; use plain text or {{name}}"
    )]
    Segment {
        /// The function.
        function: &'static str,
        /// Its route.
        route: &'static str,
        /// The part that is wrong.
        segment: &'static str,
    },
    /// A parameter stands in the route twice.
    #[error("function {function}: the route {route:?} names a parameter twice")]
    RepeatedParameter {
        /// The function.
        function: &'static str,
        /// Its route.
        route: &'static str,
    },
    /// A function without methods can never be called.
    #[error("function {function} has no methods")]
    NoMethods {
        /// The function.
        function: &'static str,
    },
    /// Two functions claim the same path and method.
    #[error("functions {first} and {second} both answer {method} at the same route")]
    Taken {
        /// The function listed first.
        first: &'static str,
        /// The other one.
        second: &'static str,
        /// The method of both.
        method: Method,
    },
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Literal(&'static str),
    Parameter(&'static str),
}

#[derive(Debug)]
struct Route {
    segments: Vec<Segment>,
    function: Function,
}

/// All routes, the more specific first.
#[derive(Debug)]
pub(crate) struct Routes {
    routes: Vec<Route>,
}

impl Routes {
    pub(super) fn new(functions: &[Function]) -> Result<Self, RouteError> {
        let mut routes: Vec<Route> = Vec::with_capacity(functions.len());
        for function in functions {
            let route = Route::new(function)?;
            if let Some(error) = routes.iter().find_map(|other| other.conflict(&route)) {
                return Err(error);
            }
            routes.push(route);
        }
        // Stable, so that equally specific routes stay in the order listed; they differ in method
        // or length.
        routes.sort_by_key(Route::parameter_places);
        Ok(Self { routes })
    }

    /// The function and the values of its route's parameters.
    pub(super) fn find(
        &self,
        method: &Method,
        path: &Path,
    ) -> Option<(&Function, Vec<(String, String)>)> {
        let answers =
            |route: &&Route| route.function.methods.contains(method) && route.matches(path);
        let route = self.routes.iter().find(answers)?;
        Some((&route.function, route.parameters(path)))
    }
}

impl Route {
    fn new(function: &Function) -> Result<Self, RouteError> {
        let (name, route) = (function.name, function.route);
        if function.methods.is_empty() {
            return Err(RouteError::NoMethods { function: name });
        }
        let segments = route.split('/').map(|text| {
            parse(text).ok_or(RouteError::Segment {
                function: name,
                route,
                segment: text,
            })
        });
        let segments = segments.collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::new();
        if !segments.iter().all(|segment| {
            matches!(segment, Segment::Literal(_)) || seen.insert(parameter(segment))
        }) {
            return Err(RouteError::RepeatedParameter {
                function: name,
                route,
            });
        }
        Ok(Self {
            segments,
            function: function.clone(),
        })
    }

    fn matches(&self, path: &Path) -> bool {
        let Some((prefix, rest)) = path.segments().split_first() else {
            return false;
        };
        prefix.eq_ignore_ascii_case(PREFIX)
            && rest.len() == self.segments.len()
            && self
                .segments
                .iter()
                .zip(rest)
                .all(|(segment, text)| match segment {
                    Segment::Literal(literal) => literal.eq_ignore_ascii_case(text),
                    Segment::Parameter(_) => !text.is_empty(),
                })
    }

    fn parameters(&self, path: &Path) -> Vec<(String, String)> {
        let values = self.segments.iter().zip(path.segments().iter().skip(1));
        values
            .filter_map(|(segment, text)| Some((parameter(segment)?.to_owned(), text.clone())))
            .collect()
    }

    /// Where the parameters stand. The route whose first parameter comes later is the more specific
    /// one: `a/b` before `a/{x}` before `{x}/b`.
    fn parameter_places(&self) -> Vec<bool> {
        self.segments
            .iter()
            .map(|segment| parameter(segment).is_some())
            .collect()
    }

    /// The reason why both cannot be served, if there is one.
    fn conflict(&self, other: &Self) -> Option<RouteError> {
        let alike = |(one, two): (&Segment, &Segment)| match (one, two) {
            (Segment::Literal(one), Segment::Literal(two)) => one.eq_ignore_ascii_case(two),
            (Segment::Parameter(_), Segment::Parameter(_)) => true,
            _ => false,
        };
        if self.segments.len() != other.segments.len()
            || !self.segments.iter().zip(&other.segments).all(alike)
        {
            return None;
        }
        let method = self
            .function
            .methods
            .iter()
            .find(|method| other.function.methods.contains(method))?
            .clone();
        Some(RouteError::Taken {
            first: self.function.name,
            second: other.function.name,
            method,
        })
    }
}

fn parameter(segment: &Segment) -> Option<&'static str> {
    match segment {
        Segment::Parameter(name) => Some(name),
        Segment::Literal(_) => None,
    }
}

/// Plain text, or a name in braces. Constraints such as `{id:int?}` are not understood, so they are
/// refused rather than taken for part of a name.
fn parse(text: &'static str) -> Option<Segment> {
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let is_plain = |name: &str| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.~".contains(c))
    };
    match text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        Some(name) if is_name(name) => Some(Segment::Parameter(name)),
        None if !text.is_empty() && text != "." && text != ".." && is_plain(text) => {
            Some(Segment::Literal(text))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
