//! Getting one document from a provider over HTTP, with everything bounded: bytes, redirects and,
//! by the caller, time.
//!
//! A provider on this machine is asked directly, whatever `HTTP_PROXY` and `ALL_PROXY` say: a
//! proxy's loopback is another machine's. Redirects are followed here rather than by the client, so
//! that this holds for each step.

use std::error::Error as _;
use std::fmt::Write as _;
use std::net::IpAddr;

use reqwest::header::{ACCEPT, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

use crate::fetch::FetchError;

/// The most redirects followed, enough for a moved host and a canonical path.
const MAX_REDIRECTS: usize = 3;

/// A document to get.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Document {
    /// What it is called in errors.
    pub(crate) name: &'static str,
    /// The most bytes it may have.
    pub(crate) max_bytes: usize,
}

/// The clients all providers share.
#[derive(Debug)]
pub(crate) struct Downloader {
    /// Goes where `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    by_environment: Client,
    /// For providers on this machine.
    direct: Client,
}

impl Downloader {
    pub(crate) fn new() -> reqwest::Result<Self> {
        let builder = || {
            Client::builder()
                .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::none())
                // Fetches are minutes apart, and a load balancer may forget an idle connection
                // meanwhile without a word: the next request would wait for an answer until the
                // fetch timeout. A handshake costs less than that.
                .pool_max_idle_per_host(0)
        };
        Ok(Self {
            by_environment: builder().build()?,
            direct: builder().no_proxy().build()?,
        })
    }

    /// The document at `url`, after redirects.
    pub(crate) async fn get(&self, document: Document, url: &Url) -> Result<Vec<u8>, FetchError> {
        let mut at = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let client = if is_loopback(&at) {
                &self.direct
            } else {
                &self.by_environment
            };
            let request = client.get(at.clone()).header(ACCEPT, "application/json");
            let response = request
                .send()
                .await
                .map_err(|why| unreachable(document, &at, causes(why)))?;
            match redirect(&response, &at) {
                None => return read(document, url, response).await,
                Some(Ok(next)) => at = next,
                Some(Err(why)) => return Err(unreachable(document, &at, why.to_owned())),
            }
        }
        Err(unreachable(
            document,
            url,
            format!("more than {MAX_REDIRECTS} redirects"),
        ))
    }
}

/// Where `response`, which came from `at`, sends us; `None` if it does not.
fn redirect(response: &Response, at: &Url) -> Option<Result<Url, &'static str>> {
    // Of the codes of class 3, those that a GET follows.
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?;
    Some(
        location
            .to_str()
            .map_err(|_| "a redirect to something that is no URL")
            .and_then(|to| follow(at, to)),
    )
}

fn follow(at: &Url, location: &str) -> Result<Url, &'static str> {
    match at.join(location) {
        Err(_) => Err("a redirect to something that is no URL"),
        Ok(next) if !is_http(&next) => {
            Err("a redirect to something that is neither http nor https")
        }
        Ok(next) if at.scheme() == "https" && next.scheme() != "https" => {
            Err("a redirect that leaves https")
        }
        Ok(next) => Ok(next),
    }
}

async fn read(
    document: Document,
    url: &Url,
    mut response: Response,
) -> Result<Vec<u8>, FetchError> {
    let Document { name, max_bytes } = document;
    let too_long = || FetchError::TooLong {
        document: name,
        url: url.to_string(),
        max_bytes,
    };
    if !response.status().is_success() {
        let status = response.status().as_u16();
        return Err(FetchError::Status {
            document: name,
            url: url.to_string(),
            status,
        });
    }
    if response
        .content_length()
        .is_some_and(|length| length > max_bytes as u64)
    {
        return Err(too_long());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|why| unreachable(document, url, causes(why)))?
    {
        if body.len() + chunk.len() > max_bytes {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unreachable(document: Document, url: &Url, why: String) -> FetchError {
    FetchError::Request {
        document: document.name,
        url: url.to_string(),
        why,
    }
}

/// The error and its causes in one line; the outermost text alone ("error sending request") says
/// nothing.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}

/// Whether `url` has one of the two schemes a provider may be reached by.
pub(crate) fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// Whether `url` names this machine: an address of loopback, `localhost`, or a name below it (RFC
/// 6761, 6.3).
pub(crate) fn is_loopback(url: &Url) -> bool {
    // An IPv6 address stands in brackets in a URL, and a name may end with the root's dot.
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .trim_end_matches('.');
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn redirects_stay_http_and_never_leave_https() {
        for (at, location, next) in [
            (
                "http://a.example/x/y",
                "z?p=1",
                Ok("http://a.example/x/z?p=1"),
            ),
            (
                "http://a.example/x",
                "https://b.example/",
                Ok("https://b.example/"),
            ),
            (
                "https://a.example/x",
                "//b.example/z",
                Ok("https://b.example/z"),
            ),
            (
                "https://a.example/x",
                "http://a.example/x",
                Err("a redirect that leaves https"),
            ),
            (
                "http://a.example/x",
                "file:///etc/passwd",
                Err("a redirect to something that is neither http nor https"),
            ),
            (
                "http://a.example/x",
                "http://[",
                Err("a redirect to something that is no URL"),
            ),
        ] {
            let followed = follow(&Url::parse(at).unwrap(), location);
            assert_eq!(
                followed.as_ref().map(Url::as_str),
                next.as_ref().copied(),
                "{at} {location}"
            );
        }
    }

    #[test]
    fn only_names_and_addresses_of_this_machine_are_loopback() {
        for url in [
            "http://localhost:8090/x",
            "https://LOCALHOST/",
            "http://localhost./",
            "http://identity.localhost:8090/",
            "http://127.0.0.9/",
            "http://127.1/",
            "http://[::1]:80/",
            "http://[::ffff:127.0.0.1]/",
        ] {
            assert!(is_loopback(&Url::parse(url).unwrap()), "{url}");
        }
        for url in [
            "http://localhost.example/",
            "http://mylocalhost/",
            "http://127.0.0.1.example/",
            "http://10.0.0.1/",
            "http://[2001:db8::1]/",
            "http://[::ffff:10.0.0.1]/",
        ] {
            assert!(!is_loopback(&Url::parse(url).unwrap()), "{url}");
        }
    }
}
