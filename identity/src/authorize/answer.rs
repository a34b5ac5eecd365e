//! Sending the answer of an authorization request to the application: in the query, in the
//! fragment, or as a form. Every answer names its issuer (RFC 9207), so that an application with
//! several providers knows whose it is.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use url::form_urlencoded::Serializer;

use crate::pages;
use crate::provider::uncached;

/// Where and how an answer goes.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// Registered, to the byte.
    pub(crate) redirect_uri: String,
    pub(crate) mode: ResponseMode,
    /// Returned as it came.
    pub(crate) state: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

impl ResponseMode {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "query" => Some(Self::Query),
            "fragment" => Some(Self::Fragment),
            "form_post" => Some(Self::FormPost),
            _ => None,
        }
    }
}

/// What the application is told.
#[derive(Debug)]
pub(crate) enum Answer {
    Code(String),
    Error {
        failure: Failure,
        description: String,
    },
}

/// The error codes of RFC 6749, section 4.1.2.1, and of OpenID Connect Core, section 3.1.2.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    InvalidRequest,
    AccessDenied,
    UnsupportedResponseType,
    InvalidScope,
    LoginRequired,
    ConsentRequired,
    ServerError,
    RequestNotSupported,
    RequestUriNotSupported,
    RegistrationNotSupported,
}

impl Failure {
    fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::ServerError => "server_error",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
        }
    }
}

impl Answer {
    pub(crate) fn error(failure: Failure, description: &str) -> Self {
        Self::Error {
            failure,
            description: description.to_owned(),
        }
    }

    /// Sends the answer.
    pub(crate) fn send(self, reply: &Reply, issuer: &str) -> Response {
        let fields = self.fields(reply, issuer);
        match reply.mode {
            ResponseMode::Query => redirect(&with_query(&reply.redirect_uri, &fields)),
            ResponseMode::Fragment => {
                redirect(&format!("{}#{}", reply.redirect_uri, encode(&fields)))
            }
            ResponseMode::FormPost => pages::form_post::page(&reply.redirect_uri, &fields),
        }
    }

    fn fields(self, reply: &Reply, issuer: &str) -> Vec<(&'static str, String)> {
        let mut fields = match self {
            Self::Code(code) => vec![("code", code)],
            Self::Error {
                failure,
                description,
            } => {
                vec![
                    ("error", failure.code().to_owned()),
                    ("error_description", description),
                ]
            }
        };
        fields.extend(reply.state.clone().map(|state| ("state", state)));
        fields.push(("iss", issuer.to_owned()));
        fields
    }
}

/// A URI with further query parameters. The URI itself is not touched: parsing it would add a
/// slash.
pub(crate) fn with_query(uri: &str, fields: &[(&str, String)]) -> String {
    if fields.is_empty() {
        return uri.to_owned();
    }
    let separator = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{separator}{}", encode(fields))
}

fn encode(fields: &[(&str, String)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Status 303, which turns a POST into a GET. With 307 the browser would post the password to the
/// application.
pub(crate) fn redirect(location: &str) -> Response {
    let location =
        HeaderValue::from_str(location).expect("registered URIs are ASCII and the rest is encoded");
    uncached((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(mode: ResponseMode, redirect_uri: &str) -> String {
        let reply = Reply {
            redirect_uri: redirect_uri.to_owned(),
            mode,
            state: Some("a&b;\u{e4}".to_owned()),
        };
        let response = Answer::Code("c".to_owned()).send(&reply, "http://i/");
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        response.headers()[header::LOCATION]
            .to_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn the_answer_is_added_without_touching_the_uri() {
        let fields = "code=c&state=a%26b%3B%C3%A4&iss=http%3A%2F%2Fi%2F";
        assert_eq!(
            location(ResponseMode::Query, "http://a"),
            format!("http://a?{fields}")
        );
        assert_eq!(
            location(ResponseMode::Query, "http://a/?x=y"),
            format!("http://a/?x=y&{fields}")
        );
        assert_eq!(
            location(ResponseMode::Fragment, "http://a/"),
            format!("http://a/#{fields}")
        );
    }
}
