//! What goes wrong with a request, and the one place that turns it into an answer.
//!
//! A [`Failure`] knows its status, APIM's reason code for `context.LastError`, the text for
//! operators and the text for the client (they differ: a client must not learn which expression
//! threw). [`body`] writes every error body.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use uuid::Uuid;
use weir_policy::EvaluationError;

/// The `Content-Type` of error bodies.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What the client reads when the fault is ours.
const INTERNAL: &str = "Internal server error";

/// Why a request ends in an error. Boxed where it is returned: errors must not make every step's
/// result large.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The answer's status.
    pub(crate) status: StatusCode,
    /// `context.LastError.Reason`.
    pub(crate) reason: Cow<'static, str>,
    /// `context.LastError.Message`: for operators and policies.
    pub(crate) detail: Cow<'static, str>,
    /// The `message` of the body; `None`: the same as `detail`.
    pub(crate) public: Option<Cow<'static, str>>,
    /// Whether the body carries the activity id, so that the client's report finds our log line.
    pub(crate) with_activity: bool,
    /// The answer at hand (a backend's) stays; only `on-error` may change it.
    pub(crate) keeps_response: bool,
    /// Headers of the answer.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The name of the limit that refused, if one did.
    pub(crate) limit: Option<Arc<str>>,
}

impl Failure {
    /// A failure whose text is for everybody.
    pub(crate) fn new(
        status: StatusCode,
        reason: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Box<Self> {
        Box::new(Self {
            status,
            reason: reason.into(),
            detail: detail.into(),
            public: None,
            with_activity: false,
            keeps_response: false,
            headers: Vec::new(),
            limit: None,
        })
    }

    /// A failure whose text is for operators: the client reads that the server failed, and the
    /// activity id.
    pub(crate) fn internal(
        reason: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Box<Self> {
        let mut failure = Self::new(StatusCode::INTERNAL_SERVER_ERROR, reason, detail);
        failure.public = Some(Cow::Borrowed(INTERNAL));
        failure.with_activity = true;
        failure
    }

    /// The client reads `message` instead of the detail.
    pub(crate) fn telling(mut self: Box<Self>, message: impl Into<Cow<'static, str>>) -> Box<Self> {
        self.public = Some(message.into());
        self
    }

    /// The answer carries one more header.
    pub(crate) fn with_header(
        mut self: Box<Self>,
        name: HeaderName,
        value: HeaderValue,
    ) -> Box<Self> {
        self.headers.push((name, value));
        self
    }

    /// No operation matches.
    pub(crate) fn not_found() -> Box<Self> {
        let detail = "Unable to match incoming request to an operation.";
        Self::new(StatusCode::NOT_FOUND, "OperationNotFound", detail).telling("Resource not found")
    }

    /// The request is not one that can be routed.
    pub(crate) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Box<Self> {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", detail)
    }

    /// The request body is over the limit.
    pub(crate) fn body_too_large() -> Box<Self> {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestBodyTooLarge",
            "The request body is too large.",
        )
    }

    /// The limit `name` is exceeded; `seconds` are whole ones, at least 1. `header` is the
    /// configured name of `Retry-After`.
    pub(crate) fn rate_limited(name: &Arc<str>, seconds: u64, header: &HeaderName) -> Box<Self> {
        let mut failure = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "RateLimitExceeded",
            "Rate limit is exceeded",
        )
        .telling(format!(
            "Rate limit is exceeded. Try again in {seconds} seconds."
        ))
        .with_header(header.clone(), HeaderValue::from(seconds));
        failure.limit = Some(Arc::clone(name));
        failure
    }

    /// A 401 says how to authenticate, and whether the credentials that came were the trouble (RFC
    /// 6750, section 3).
    pub(crate) fn challenging(self: Box<Self>, had_token: bool) -> Box<Self> {
        if self.status != StatusCode::UNAUTHORIZED {
            return self;
        }
        let challenge = if had_token {
            "Bearer error=\"invalid_token\""
        } else {
            "Bearer"
        };
        self.with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// The keys to check a token with are not there: our side's fault, so no 401 that would send
    /// people to sign in.
    pub(crate) fn keys_unavailable(detail: String) -> Box<Self> {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "SigningKeysUnavailable",
            detail,
        )
        .telling("The access token cannot be validated at the moment. Try again later.")
        .with_header(RETRY_AFTER, HeaderValue::from_static("5"))
    }

    /// The answer: headers and body. `headers` are replaced.
    pub(crate) fn render(&self, activity: Uuid, headers: &mut HeaderMap) -> Bytes {
        headers.clear();
        headers.insert(http::header::CONTENT_TYPE, JSON);
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        let message = self.public.as_ref().unwrap_or(&self.detail);
        body(self.status, message, self.with_activity.then_some(activity))
    }
}

impl From<EvaluationError> for Box<Failure> {
    fn from(error: EvaluationError) -> Self {
        Failure::internal("ExpressionValueEvaluationFailure", error.to_string())
    }
}

/// An error body with the exact spacing of API Management: clients compare it as text.
pub(crate) fn body(status: StatusCode, message: &str, activity: Option<Uuid>) -> Bytes {
    let mut text = String::with_capacity(message.len() + 96);
    text.push_str("{ \"statusCode\": ");
    text.push_str(status.as_str());
    text.push_str(", \"message\": ");
    push_json_string(&mut text, message);
    if let Some(id) = activity {
        // Writing to a `String` cannot fail.
        let _ = write!(text, ", \"activityId\": \"{id}\"");
    }
    text.push_str(" }");
    Bytes::from(text)
}

fn push_json_string(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bodies_have_the_spacing_of_the_reference() {
        assert_eq!(
            body(
                StatusCode::TOO_MANY_REQUESTS,
                "Rate limit is exceeded. Try again in 23 seconds.",
                None
            ),
            r#"{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 23 seconds." }"#
        );
        assert_eq!(
            body(
                StatusCode::INTERNAL_SERVER_ERROR,
                INTERNAL,
                Some(Uuid::nil())
            ),
            r#"{ "statusCode": 500, "message": "Internal server error", "activityId": "00000000-0000-0000-0000-000000000000" }"#
        );
    }

    #[test]
    fn messages_are_escaped() {
        let message = "a \"b\" \\ \n \u{7f} é";
        let text = body(StatusCode::BAD_REQUEST, message, None);
        let parsed: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(parsed["message"], message);
    }

    #[test]
    fn only_a_401_is_a_challenge() {
        let unauthorized = Failure::new(
            StatusCode::UNAUTHORIZED,
            "TokenNotPresent",
            "JWT not present.",
        );
        assert_eq!(unauthorized.challenging(false).headers[0].1, "Bearer");
        let forbidden = Failure::new(StatusCode::FORBIDDEN, "TokenNotPresent", "JWT not present.");
        assert!(forbidden.challenging(true).headers.is_empty());
    }
}
