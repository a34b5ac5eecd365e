//! Answers a request for the document. No plan runs: only the origins of the global `cors` policy
//! count, for who may read it from a script.

use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
    ORIGIN,
};
use http::uri::PathAndQuery;
use http::{Method, StatusCode};
use weir_policy::EvaluationError;

use crate::compiled::Gateway;
use crate::compiled::route::Route;
use crate::exchange::Answer;
use crate::exchange::arrival::{Arrival, only};
use crate::exchange::cors;
use crate::exchange::trace::Trace;
use crate::failure::{Failure, JSON};
use crate::openapi::{Document, OpenApi};
use crate::upstream::body::Payload;

/// Kept by browsers, asked for again before every use: providers and configurations change.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

impl Gateway {
    /// Answers with the document.
    pub(crate) fn describe(
        &self,
        openapi: &OpenApi,
        arrival: Arrival,
        path: &PathAndQuery,
        trace: &Trace,
    ) -> (&Route, Answer) {
        let mut answer = answer(
            &openapi.document(
                &arrival.headers,
                &arrival.scheme,
                arrival.authority.as_ref(),
            ),
            &arrival.parts.method,
            &arrival.headers,
        );
        trace.name_in(&mut answer.headers);
        let id = arrival.id;
        if let Err(error) = self.let_pages_read(&mut answer.headers, arrival, path) {
            let failure = Box::<Failure>::from(error);
            tracing::error!(activity = %id, error = %failure.detail, "a cors policy failed");
            answer.fail(&failure, id);
            trace.name_in(&mut answer.headers);
            cors::decorate(&mut answer.headers, None);
        }
        (&self.unmatched, answer)
    }

    fn let_pages_read(
        &self,
        headers: &mut HeaderMap,
        mut arrival: Arrival,
        path: &PathAndQuery,
    ) -> Result<(), EvaluationError> {
        let route = &self.unmatched;
        let Some(policy) = &route.plan.cors else {
            return Ok(());
        };
        let mut grant = None;
        if let Some(origin) = only(&arrival.headers, &ORIGIN).cloned() {
            let request = std::mem::take(&mut arrival.headers);
            let context = self.context(route, &arrival, request, Vec::new(), path);
            grant = cors::grant(policy, &origin, &context)?;
        }
        cors::decorate(headers, grant.as_ref());
        Ok(())
    }
}

fn answer(document: &Document, method: &Method, request: &HeaderMap) -> Answer {
    let mut answer = Answer::default();
    let tag = HeaderValue::from_str(&document.tag).expect("hexadecimal digits in quotes");
    answer.headers.insert(ETAG, tag);
    answer.headers.insert(CACHE_CONTROL, NO_CACHE);
    if is_known(request, &document.tag) {
        answer.status = StatusCode::NOT_MODIFIED;
        return answer;
    }
    answer.headers.insert(CONTENT_TYPE, JSON);
    let body = document.body();
    if *method == Method::HEAD {
        answer
            .headers
            .insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    } else {
        answer.payload = Payload::Full(body);
    }
    answer
}

/// Whether the client says that it has the document already (RFC 9110, section 13.1.2).
fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let lines = request
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|known| {
            let known = known.strip_prefix("W/").unwrap_or(known);
            known == "*" || known == tag
        })
}
