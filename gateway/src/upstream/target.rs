//! Where a request goes: a backend's base URL, and the path and query that follow it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::uri::{Authority, InvalidUri, PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use weir_policy::Backend;

use super::tls::{Certificates, ClientCertificate, Terms, TlsFiles, server_name};
use super::{Client, Destination};

/// What is written as it is in a query's names and values.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A base URL, taken apart once.
#[derive(Debug)]
pub(crate) struct Base {
    authority: Authority,
    /// How TLS is spoken to it; `None`: it is not.
    terms: Option<Terms>,
    /// Where that is, once a request went there.
    destination: OnceLock<Arc<Destination>>,
    /// Without the slash at its end.
    path: Box<str>,
    /// The `Host` of requests to it.
    pub(crate) host: HeaderValue,
    /// Headers every request to it carries.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// `name=value&…`, appended to the query of every request to it. Secret.
    query: Option<SecretString>,
}

/// Why a base URL cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadBase {
    #[error("it is not an absolute URL")]
    NotAbsolute,
    #[error("it is neither http nor https")]
    Scheme,
    #[error("its host is no name or address that a certificate could be for")]
    Host,
    #[error("it has a user name or a query")]
    Extra,
}

impl BadBase {
    /// What would work.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::NotAbsolute => "write https://host[:port][/path]",
            Self::Scheme => "write http:// or https://",
            Self::Host => "write the name that the backend's certificate is for",
            Self::Extra => "put credentials into the `credentials` of a backend entity",
        }
    }
}

impl Base {
    /// Takes a base URL apart.
    pub(crate) fn new(url: &Uri) -> Result<Self, BadBase> {
        let (Some(scheme), Some(authority)) = (url.scheme(), url.authority()) else {
            return Err(BadBase::NotAbsolute);
        };
        let terms = if *scheme == Scheme::HTTPS {
            server_name(authority.host()).ok_or(BadBase::Host)?;
            Some(Terms::default())
        } else if *scheme == Scheme::HTTP {
            None
        } else {
            return Err(BadBase::Scheme);
        };
        if authority.as_str().contains('@') || url.query().is_some() {
            return Err(BadBase::Extra);
        }
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| BadBase::NotAbsolute)?;
        let path = url.path().trim_end_matches('/').into();
        Ok(Self {
            authority: authority.clone(),
            terms,
            destination: OnceLock::new(),
            path,
            host,
            headers: Vec::new(),
            query: None,
        })
    }

    /// The base URL of a backend entity, with its credentials; a certificate that is not there is
    /// left out.
    pub(crate) fn of_backend(
        backend: &Backend,
        certificates: &Certificates,
    ) -> Result<Self, BadBase> {
        let mut base = Self::new(&backend.url)?;
        if let Some(terms) = &mut base.terms {
            terms.check_chain = backend.validate_certificate_chain;
            terms.check_name = backend.validate_certificate_name;
            let named = backend.certificate.as_ref();
            terms.certificate = named.and_then(|(name, _)| certificates.find(name).cloned());
        }
        base.headers.clone_from(&backend.headers);
        let pairs: Vec<String> = backend
            .query
            .iter()
            .map(|(name, value)| {
                let encode = |text| utf8_percent_encode(text, QUERY);
                format!("{}={}", encode(name), encode(value.expose_secret()))
            })
            .collect();
        base.query = (!pairs.is_empty()).then(|| pairs.join("&").into());
        Ok(base)
    }

    /// Whether TLS is spoken to it.
    pub(crate) fn has_tls(&self) -> bool {
        self.terms.is_some()
    }

    /// Where requests to it go; `call` is what a request's policies changed about that.
    pub(crate) fn destination(
        &self,
        client: &Client,
        files: &TlsFiles,
        call: &CallTerms,
    ) -> Arc<Destination> {
        let usual = || client.destination(&self.authority, self.terms.as_ref(), files);
        match &self.terms {
            Some(terms) if call.certificate.is_some() || call.only_http1 => {
                let changed = Terms {
                    certificate: call
                        .certificate
                        .clone()
                        .or_else(|| terms.certificate.clone()),
                    only_http1: call.only_http1,
                    ..terms.clone()
                };
                client.destination(&self.authority, Some(&changed), files)
            }
            _ => Arc::clone(self.destination.get_or_init(usual)),
        }
    }

    /// The URL of `relative` (path and query) under this base, as policies see it: without
    /// credentials.
    pub(crate) fn url(&self, relative: &Relative) -> Result<Uri, InvalidUri> {
        let text = relative.as_str();
        let whole = relative.from == 0 && self.path.is_empty() && text.starts_with('/');
        let path = if whole {
            relative.source.clone()
        } else {
            self.join(text)?
        };
        Ok(self.absolute(path))
    }

    /// The URL that is really asked for: with the credentials that belong into the query.
    pub(crate) fn upstream_url(&self, seen: &Uri) -> Result<Uri, InvalidUri> {
        let Some(query) = &self.query else {
            return Ok(seen.clone());
        };
        let path = seen.path_and_query().map_or("/", PathAndQuery::as_str);
        let mut text = String::with_capacity(path.len() + query.expose_secret().len() + 1);
        text.push_str(path);
        text.push(if seen.query().is_some() { '&' } else { '?' });
        text.push_str(query.expose_secret());
        Ok(self.absolute(PathAndQuery::from_maybe_shared(Bytes::from(text))?))
    }

    fn join(&self, relative: &str) -> Result<PathAndQuery, InvalidUri> {
        let mut text = String::with_capacity(self.path.len() + relative.len() + 1);
        text.push_str(&self.path);
        if !relative.starts_with('/')
            && (text.is_empty() || !relative.starts_with('?') && !relative.is_empty())
        {
            text.push('/');
        }
        text.push_str(relative);
        PathAndQuery::from_maybe_shared(Bytes::from(text))
    }

    fn absolute(&self, path: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if self.has_tls() {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        });
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).expect("a scheme, an authority and a path")
    }
}

/// What the policies of one request say about the connection to its backend.
#[derive(Debug, Default)]
pub(crate) struct CallTerms {
    /// `authentication-certificate`
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
    /// `forward-request http-version="1"`
    pub(crate) only_http1: bool,
}

/// The part of a path that belongs to the operation, with the query.
#[derive(Debug, Clone)]
pub(crate) struct Relative {
    source: PathAndQuery,
    from: usize,
}

impl Relative {
    /// `source` without its first `from` bytes, which belong to the API.
    pub(crate) fn new(source: PathAndQuery, from: usize) -> Self {
        Self { source, from }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.source.as_str()[self.from..]
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.source.query()
    }
}

/// Where one request goes, as the steps of its plan change it.
#[derive(Debug)]
pub(crate) struct Target {
    /// The base; absent until something names one.
    pub(crate) base: Option<Arc<Base>>,
    /// What follows it.
    pub(crate) relative: Relative,
    /// The scope that chose a backend by id: narrower ones can then only choose another by id.
    pub(crate) chosen_by_id: Option<weir_policy::plan::Scope>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use weir_policy::{Location, Position};

    use super::*;

    fn url(base: &str, path: &'static str, from: usize) -> String {
        let relative = Relative::new(PathAndQuery::from_static(path), from);
        Base::new(&base.parse().unwrap())
            .unwrap()
            .url(&relative)
            .unwrap()
            .to_string()
    }

    #[test]
    fn the_operations_path_follows_the_base() {
        assert_eq!(url("http://b:1", "/hello?x=1", 0), "http://b:1/hello?x=1");
        assert_eq!(url("http://b:1/", "/hello", 0), "http://b:1/hello");
        assert_eq!(
            url("http://b:1/api/", "/shop/hello?x", 5),
            "http://b:1/api/hello?x"
        );
        assert_eq!(url("http://b:1/api", "/shop?x=1", 5), "http://b:1/api?x=1");
        assert_eq!(url("http://b:1/api", "/shop", 5), "http://b:1/api");
        assert_eq!(url("http://b:1", "/shop", 5), "http://b:1/");
        assert_eq!(url("https://b/api", "/hello", 0), "https://b/api/hello");
        assert_eq!(url("http://b:1", "/shop?x=1", 5), "http://b:1/?x=1");
    }

    #[test]
    fn bases_that_cannot_work_are_refused() {
        let base = |text: &str| Base::new(&text.parse().unwrap()).unwrap_err();
        assert_eq!(base("/api"), BadBase::NotAbsolute);
        assert_eq!(base("ftp://b"), BadBase::Scheme);
        assert_eq!(base("https://b..c"), BadBase::Host);
        assert_eq!(base("http://user:pw@b"), BadBase::Extra);
        assert_eq!(base("http://b/?code=1"), BadBase::Extra);
    }

    #[test]
    fn credentials_in_the_query_are_added_last_and_encoded() {
        let backend = Backend {
            id: "f".into(),
            url: "http://b/api".parse().unwrap(),
            url_at: Location {
                file: "f".into(),
                position: Position { line: 1, column: 1 },
            },
            headers: Vec::new(),
            query: vec![("code".into(), "a&b=".into())],
            certificate: None,
            validate_certificate_chain: true,
            validate_certificate_name: true,
        };
        let base = Base::of_backend(&backend, &Certificates::default()).unwrap();
        let seen = base
            .url(&Relative::new(PathAndQuery::from_static("/hello?x=1"), 0))
            .unwrap();
        assert_eq!(seen, "http://b/api/hello?x=1");
        assert_eq!(
            base.upstream_url(&seen).unwrap(),
            "http://b/api/hello?x=1&code=a%26b%3D"
        );
        let bare = base
            .url(&Relative::new(PathAndQuery::from_static("/hello"), 0))
            .unwrap();
        assert_eq!(
            base.upstream_url(&bare).unwrap(),
            "http://b/api/hello?code=a%26b%3D"
        );
    }
}
