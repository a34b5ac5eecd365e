//! What is at which address. Pure: a request's head in, an answer out, so that it is tested without
//! a socket.
//!
//! An address is looked up in a table of names, as it was written. No part of it ever names a file
//! on a disk.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;

use crate::config::Config;
use crate::metrics::Outcome;
use crate::resource::{HASHED, Resource};
use crate::{accept, content_type, security};

/// The page of a folder.
const INDEX: &str = "index.html";

/// Where the page finds its settings.
const SETTINGS: &str = "config.json";

/// What to do when the browser app is not part of this build.
pub(crate) const NOT_BUILT: &str = "The browser app is not part of this build of weir. With Node 20.19 or newer, `make web` \
                                    builds it; then build weir again: cargo build --release";

/// Everything that is served.
#[derive(Debug)]
pub(crate) struct Site {
    /// By path, without the slash in front.
    resources: HashMap<String, Resource>,
    /// What every answer says.
    security: HeaderMap,
}

/// What an address stands for.
enum Found<'a> {
    Resource(&'a Resource),
    /// A folder with a page, named without the slash that the page's links need.
    Folder(HeaderValue),
    Nothing,
}

impl Site {
    pub(crate) fn new(config: &Config) -> Self {
        let mut resources: HashMap<_, _> = config
            .files
            .iter()
            .map(|file| (file.name.to_owned(), Resource::file(file)))
            .collect();
        if !resources.is_empty() {
            let settings =
                serde_json::to_vec_pretty(&config.settings).expect("settings are plain data");
            // Even if there is a file of that name: one left over from developing the page.
            resources.insert(SETTINGS.to_owned(), Resource::made(SETTINGS, settings));
        }
        Self {
            resources,
            security: security::headers(&config.settings),
        }
    }

    /// Whether there is anything to serve.
    pub(crate) fn is_built(&self) -> bool {
        !self.resources.is_empty()
    }

    /// The answer to a request. Its body is there for `HEAD` too: the server leaves it out and
    /// keeps its length.
    pub(crate) fn answer(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> (Outcome, Response<Full<Bytes>>) {
        let (outcome, mut response) = self.content(method, path, headers);
        response.headers_mut().extend(self.security.clone());
        (outcome, response)
    }

    fn content(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> (Outcome, Response<Full<Bytes>>) {
        if !self.is_built() {
            return (
                Outcome::NotBuilt,
                message(StatusCode::SERVICE_UNAVAILABLE, NOT_BUILT),
            );
        }
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = message(
                StatusCode::METHOD_NOT_ALLOWED,
                "There is only GET and HEAD here.",
            );
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return (Outcome::NotAllowed, response);
        }
        match self.find(path) {
            Found::Resource(resource) => resource.answer(headers),
            Found::Folder(location) => {
                let mut response = message(
                    StatusCode::PERMANENT_REDIRECT,
                    "The page is at this address with a slash.",
                );
                response.headers_mut().insert(header::LOCATION, location);
                (Outcome::Redirected, response)
            }
            Found::Nothing => match self.page_for(path, headers) {
                Some(page) => page.answer(headers),
                None => (
                    Outcome::NotFound,
                    message(StatusCode::NOT_FOUND, "There is nothing at this address."),
                ),
            },
        }
    }

    fn find(&self, path: &str) -> Found<'_> {
        let Some(name) = path.strip_prefix('/') else {
            return Found::Nothing;
        };
        let is_folder = name.is_empty() || name.ends_with('/');
        let resource = if is_folder {
            self.resources.get(&format!("{name}{INDEX}"))
        } else {
            self.resources.get(name)
        };
        if let Some(resource) = resource {
            return Found::Resource(resource);
        }
        if !is_folder && self.resources.contains_key(&format!("{name}/{INDEX}")) {
            // Relative to the host: the name is one of ours, so it leads nowhere else.
            return HeaderValue::try_from(format!("/{name}/"))
                .map_or(Found::Nothing, Found::Folder);
        }
        Found::Nothing
    }

    /// The app itself knows what to show at an address that a browser goes to. A missing script,
    /// style or image stays missing: a page in its place would only hide that.
    fn page_for(&self, path: &str, headers: &HeaderMap) -> Option<&Resource> {
        let is_hashed = path.trim_start_matches('/').starts_with(HASHED);
        if is_hashed || !accept::wants_page(headers) {
            None
        } else {
            self.resources.get(INDEX)
        }
    }
}

/// A line for whoever asked. Not kept: what is missing now may be there after the next start.
fn message(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{text}\n")));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type::of(".txt"));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
