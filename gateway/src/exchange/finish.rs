//! The last touches: what every answer carries, whoever made it.

use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::{Answer, Exchange, empty_response};
use crate::exchange::cors;
use crate::upstream::body::Payload;

/// Says that the limiter did not decide alone or at all: `local`, `allow` or `deny`. Absent in the
/// usual case.
const X_WEIR_LIMITER: HeaderName = HeaderName::from_static("x-weir-limiter");

impl Exchange<'_> {
    /// Counts what waited for the answer and completes its headers. CORS comes last because it
    /// names the others.
    pub(super) async fn finish(mut self) -> Answer {
        self.charge_deferred().await;
        let response = self.context.response.take().unwrap_or_else(empty_response);
        let (status, mut headers) = (response.status, response.headers);
        self.limits.write_headers(&mut headers);
        if let Some(mode) = self.limits.degraded() {
            headers.insert(X_WEIR_LIMITER, HeaderValue::from_static(mode));
        }
        self.trace.name_in(&mut headers);
        if self.route.plan.cors.is_some() || self.grant.is_some() {
            cors::decorate(&mut headers, self.grant.as_ref());
        }
        let payload = std::mem::take(&mut self.payload);
        if matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
        ) {
            if status != StatusCode::NOT_MODIFIED {
                headers.remove(CONTENT_LENGTH);
            }
            return Answer {
                status,
                reason: response.reason,
                headers,
                payload: Payload::Empty,
            };
        }
        // The answer to HEAD tells the length of what GET would get.
        if self.context.request.method == Method::HEAD
            && let Payload::Full(body) = &payload
        {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            return Answer {
                status,
                reason: response.reason,
                headers,
                payload: Payload::Empty,
            };
        }
        Answer {
            status,
            reason: response.reason,
            headers,
            payload,
        }
    }
}
