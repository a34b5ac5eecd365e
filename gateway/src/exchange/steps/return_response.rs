//! `return-response`, `set-status`, `set-body`: answers made here. And the `cors` step.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, Method, StatusCode};
use weir_policy::context::Response;
use weir_policy::plan::{Cors, ReturnResponse, SetStatus};

use super::check_header::status_of;
use super::set_header::Change;
use crate::exchange::cors;
use crate::exchange::{Exchange, Stop, empty_response};
use crate::upstream::body::Payload;

impl<'g> Exchange<'g> {
    /// Ends the request without an error. Everything is evaluated before the answer is replaced, so
    /// that expressions still see the one before.
    pub(in crate::exchange) fn return_response(
        &mut self,
        policy: &ReturnResponse,
    ) -> Result<(), Stop> {
        let context = &self.context;
        let mut response = empty_response();
        if let Some(status) = &policy.status {
            (response.status, response.reason) = evaluate_status(status, context)?;
        }
        for header in &policy.headers {
            Change::evaluate(header, context)?.apply(&mut response.headers);
        }
        let body = match &policy.body {
            Some(body) => body.get(context)?.into_owned(),
            None => None,
        };
        self.context.response = Some(response);
        self.payload = body.map_or(Payload::Empty, |text| Payload::Full(Bytes::from(text)));
        Err(Stop::Answered)
    }

    pub(in crate::exchange) fn set_status(&mut self, policy: &SetStatus) -> Result<(), Stop> {
        let (status, reason) = evaluate_status(policy, &self.context)?;
        let response = self.context.response.get_or_insert_with(empty_response);
        response.status = status;
        response.reason = reason;
        Ok(())
    }

    /// Replaces the answer's body; what described the old one goes.
    pub(in crate::exchange) fn set_body(&mut self, body: String) {
        let response = self.context.response.get_or_insert_with(empty_response);
        response.headers.remove(CONTENT_LENGTH);
        response.headers.remove(CONTENT_ENCODING);
        self.payload = Payload::Full(Bytes::from(body));
    }

    /// The `cors` step of a request that is no preflight. A page of another origin gets an empty
    /// 200 to a GET or HEAD (that is API Management's surprise, kept) if the policy says to end such
    /// requests; otherwise the request goes on and its answer cannot be read.
    pub(in crate::exchange) fn cors(&mut self, policy: &'g Arc<Cors>) -> Result<(), Stop> {
        let Some(origin) = &self.origin else {
            return Ok(());
        };
        if self.grant.is_some() {
            return Ok(());
        }
        let decided = self
            .route
            .plan
            .cors
            .as_ref()
            .is_some_and(|first| Arc::ptr_eq(first, policy));
        if !decided {
            self.grant = cors::grant(policy, origin, &self.context)?;
        }
        let reads = matches!(self.context.request.method, Method::GET | Method::HEAD);
        if self.grant.is_some() || !reads || !*policy.terminate_unmatched.get(&self.context)? {
            return Ok(());
        }
        tracing::debug!(?origin, activity = %self.context.request_id, "the origin is not allowed: empty answer");
        self.gateway.counters().refused("cors");
        self.context.response = Some(Response {
            status: StatusCode::OK,
            reason: None,
            headers: HeaderMap::new(),
        });
        self.payload = Payload::Empty;
        Err(Stop::Answered)
    }
}

fn evaluate_status(
    policy: &SetStatus,
    context: &weir_policy::Context,
) -> Result<(StatusCode, Option<Arc<str>>), Stop> {
    let status = status_of(*policy.code.get(context)?)?;
    let reason = match &policy.reason {
        Some(reason) => Some(reason.get(context)?.as_str().into()),
        None => None,
    };
    Ok((status, reason))
}
