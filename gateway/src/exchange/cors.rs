//! CORS: who may read answers from a script, and how preflights are answered. Section 5 of the
//! reference.
//!
//! The decision is taken before the pipeline runs, so that every answer (429, 401, 404, 502…) can
//! be read by the page that caused it. A backend's own `Access-Control-*` headers are replaced
//! where the gateway has a `cors` policy: two opinions in one answer are read as none. Where a `*`
//! would not reach the script, names are listed instead: `*` is taken literally in requests with
//! credentials, and never covers `Authorization`.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use weir_policy::plan::{Cors, CorsOrigins};
use weir_policy::{Context, EvaluationError};

/// Headers a script may always read, and those no script ever may: neither needs to be listed.
const NOT_LISTED: [&str; 8] = [
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
    "set-cookie",
];

/// The `Vary` of a preflight's answer: everything it was computed from.
const PREFLIGHT_VARY: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
);

/// A page may read the answer.
#[derive(Debug)]
pub(crate) struct Grant<'p> {
    cors: &'p Cors,
    allow_origin: HeaderValue,
    credentials: bool,
}

/// Whether `cors` lets pages of `origin` read answers.
pub(crate) fn grant<'p>(
    cors: &'p Cors,
    origin: &HeaderValue,
    context: &Context,
) -> Result<Option<Grant<'p>>, EvaluationError> {
    let allowed = match &cors.origins {
        CorsOrigins::Any => true,
        CorsOrigins::List(list) => origin
            .to_str()
            .is_ok_and(|origin| list.iter().any(|o| same_origin(o, origin))),
    };
    if !allowed {
        return Ok(None);
    }
    let credentials = *cors.allow_credentials.get(context)?;
    let allow_origin = match cors.origins {
        CorsOrigins::Any if !credentials => HeaderValue::from_static("*"),
        CorsOrigins::Any | CorsOrigins::List(_) => origin.clone(),
    };
    Ok(Some(Grant {
        cors,
        allow_origin,
        credentials,
    }))
}

/// `listed` is normalised (lower case, no default port); browsers send the other the same way,
/// other clients may not.
fn same_origin(listed: &str, origin: &str) -> bool {
    let default_port = match origin.get(..5) {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => ":443",
        Some(scheme) if scheme.eq_ignore_ascii_case("http:") => ":80",
        _ => "",
    };
    let origin = origin.strip_suffix(default_port).unwrap_or(origin);
    listed.eq_ignore_ascii_case(origin)
}

/// A preflight: what is asked for on behalf of which page.
#[derive(Debug)]
pub(crate) struct Preflight<'r> {
    pub(crate) origin: &'r HeaderValue,
    /// The method of the request to come.
    pub(crate) method: Method,
    headers: Option<&'r HeaderValue>,
}

impl<'r> Preflight<'r> {
    /// Reads a preflight; `None` if the request is not one.
    pub(crate) fn read(method: &Method, headers: &'r HeaderMap) -> Option<Self> {
        if *method != Method::OPTIONS {
            return None;
        }
        let origin = headers.get(ORIGIN)?;
        let method =
            Method::from_bytes(headers.get(ACCESS_CONTROL_REQUEST_METHOD)?.as_bytes()).ok()?;
        Some(Self {
            origin,
            method,
            headers: headers.get(ACCESS_CONTROL_REQUEST_HEADERS),
        })
    }

    /// The headers of the answer. Empty besides `Vary` if nothing is approved: then the browser
    /// refuses, as it should. `policies` are asked in order as long as they do not match and let
    /// unmatched requests pass.
    pub(crate) fn answer<'p>(
        &self,
        policies: impl Iterator<Item = &'p Cors>,
        context: &Context,
    ) -> Result<HeaderMap, EvaluationError> {
        let mut headers = HeaderMap::new();
        headers.insert(VARY, PREFLIGHT_VARY);
        for cors in policies {
            if let Some(grant) = grant(cors, self.origin, context)?.filter(|_| self.fits(cors)) {
                self.approve(&grant, context, &mut headers)?;
                break;
            }
            if *cors.terminate_unmatched.get(context)? {
                break;
            }
        }
        Ok(headers)
    }

    fn fits(&self, cors: &Cors) -> bool {
        let method = cors
            .methods
            .as_ref()
            .is_none_or(|methods| methods.contains(&self.method));
        let listed = |list: &Vec<HeaderName>| {
            self.header_names().all(|n| {
                list.iter()
                    .any(|l| n.eq_ignore_ascii_case(l.as_str().as_bytes()))
            })
        };
        method && cors.headers.as_ref().is_none_or(listed)
    }

    fn header_names(&self) -> impl Iterator<Item = &[u8]> {
        let names = self
            .headers
            .into_iter()
            .flat_map(|value| value.as_bytes().split(|b| *b == b','));
        names
            .map(<[u8]>::trim_ascii)
            .filter(|name| !name.is_empty())
    }

    fn approve(
        &self,
        grant: &Grant<'_>,
        context: &Context,
        headers: &mut HeaderMap,
    ) -> Result<(), EvaluationError> {
        grant.write(headers);
        let methods = match &grant.cors.methods {
            Some(methods) => join(methods.iter().map(Method::as_str)),
            None => HeaderValue::from_str(self.method.as_str()).ok(),
        };
        let allowed = match &grant.cors.headers {
            Some(names) => join(names.iter().map(HeaderName::as_str)),
            None => self.headers.cloned(),
        };
        headers.extend(methods.map(|methods| (ACCESS_CONTROL_ALLOW_METHODS, methods)));
        headers.extend(allowed.map(|names| (ACCESS_CONTROL_ALLOW_HEADERS, names)));
        if let Some(seconds) = &grant.cors.max_age {
            headers.insert(
                ACCESS_CONTROL_MAX_AGE,
                HeaderValue::from(*seconds.get(context)?),
            );
        }
        Ok(())
    }
}

impl Grant<'_> {
    fn write(&self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.allow_origin.clone());
        if self.credentials {
            headers.insert(
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
    }

    /// What a script may read besides the usual: `*` is spelt out if the request may carry
    /// credentials.
    fn exposed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        match &self.cors.expose {
            Some(names) => join(names.iter().map(HeaderName::as_str)),
            None if !self.credentials => Some(HeaderValue::from_static("*")),
            None => {
                join(headers.keys().map(HeaderName::as_str).filter(|name| {
                    !NOT_LISTED.contains(name) && !name.starts_with("access-control-")
                }))
            }
        }
    }
}

/// Completes an answer of an operation that has a `cors` policy. Last of all: every other header
/// must be there.
pub(crate) fn decorate(headers: &mut HeaderMap, grant: Option<&Grant<'_>>) {
    remove_foreign(headers);
    if let Some(grant) = grant {
        let exposed = grant.exposed(headers);
        grant.write(headers);
        headers.extend(exposed.map(|names| (ACCESS_CONTROL_EXPOSE_HEADERS, names)));
    }
    vary_by_origin(headers);
}

fn remove_foreign(headers: &mut HeaderMap) {
    for name in [
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_MAX_AGE,
    ] {
        headers.remove(name);
    }
}

/// Also on answers without CORS headers: a cache must not give them to a page that would get some.
fn vary_by_origin(headers: &mut HeaderMap) {
    let names = |value: &HeaderValue| {
        value.as_bytes().split(|b| *b == b',').any(|name| {
            let name = name.trim_ascii();
            name == b"*" || name.eq_ignore_ascii_case(b"origin")
        })
    };
    if !headers.get_all(VARY).iter().any(names) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> Option<HeaderValue> {
    let mut list = String::with_capacity(64);
    for name in names {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(name);
    }
    (!list.is_empty()).then(|| {
        HeaderValue::try_from(list).expect("names of headers and methods, commas and blanks")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_compare_without_case_and_default_port() {
        for origin in ["http://localhost:3000", "HTTP://LocalHost:3000"] {
            assert!(same_origin("http://localhost:3000", origin));
        }
        assert!(same_origin(
            "https://spa.example",
            "https://spa.example:443"
        ));
        assert!(same_origin("http://spa.example", "http://spa.example:80"));
        for other in [
            "https://spa.example:80",
            "http://spa.example",
            "https://spa.example.evil",
            "null",
            "",
            "https",
        ] {
            assert!(!same_origin("https://spa.example", other), "{other}");
        }
    }

    #[test]
    fn vary_names_the_origin_once() {
        let mut headers = HeaderMap::new();
        headers.insert(VARY, HeaderValue::from_static("Accept, origin"));
        vary_by_origin(&mut headers);
        assert_eq!(headers.get_all(VARY).iter().count(), 1);
        headers.insert(VARY, HeaderValue::from_static("Accept"));
        vary_by_origin(&mut headers);
        assert_eq!(headers.get_all(VARY).iter().count(), 2);
    }
}
