//! The life of one request, from its headers to those of the answer. `docs/gateway.md` has the
//! picture.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use tracing::Instrument as _;
use uuid::Uuid;
use weir_policy::Context;
use weir_policy::context::{Certificate, Request as RequestView, Variables};
use weir_policy::plan::Action;
use weir_serve::{ClientCertificate, Peer, forwarded_scheme};
use weir_telemetry::{propagation, semconv};

use crate::compiled::Gateway;
use crate::compiled::route::Route;
use crate::compiled::router::Match;
use crate::exchange::cors::{self, Preflight};
use crate::exchange::trace::Trace;
use crate::exchange::{Answer, Exchange};
use crate::failure::Failure;
use crate::metrics::InFlight;
use crate::path;
use crate::upstream::body::{Payload, ResponseBody};
use crate::upstream::target::{Relative, Target};

/// The access log: one line at level debug for every answer of 400 and more. Has a target of its
/// own, so that `WEIR_LOG=info,weir_gateway::access=debug` shows nothing else.
const ACCESS: &str = "weir_gateway::access";

/// What was received, before anything was done with it.
pub(crate) struct Arrival {
    pub(crate) parts: Parts,
    pub(crate) headers: HeaderMap,
    /// The host that was asked for: that of an absolute URL (or HTTP/2's), else the `Host`
    /// header's.
    pub(crate) authority: Option<Authority>,
    pub(crate) peer: IpAddr,
    pub(crate) ip: IpAddr,
    /// What the client used: that of the connection, or what a trusted proxy says.
    pub(crate) scheme: Scheme,
    /// What the client has shown.
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
    pub(crate) id: Uuid,
    pub(crate) at: SystemTime,
}

impl Gateway {
    /// Answers one request. Never fails: whatever goes wrong is an answer.
    pub(crate) async fn handle(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> Response<ResponseBody> {
        let started = Instant::now();
        let in_flight = InFlight::new(self.counters().lasting());
        let certificate = peer.certificate.clone();
        let (peer, scheme) = (peer.ip(), peer.scheme.clone());
        let (mut parts, body) = request.into_parts();
        let mut headers = std::mem::take(&mut parts.headers);
        crate::exchange::forwarding::clean_request(&mut headers, self.trusted.contains(peer));
        let id = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
        let method = semconv::http_span_name(&parts.method);
        // Of a peer that is not trusted, no such header is left.
        let scheme = forwarded_scheme(&headers).unwrap_or(scheme);
        let trace = Trace::begin(&parts, &scheme, &mut headers, id);
        let ip = self.trusted.client(peer, &headers);
        let span = trace.span.clone();
        if !span.is_disabled() {
            span.record("client.address", tracing::field::display(ip));
            span.record("weir.request_id", tracing::field::display(id));
        }
        // Only if somebody reads it: then method and path are kept for the access log.
        let asked = tracing::enabled!(target: ACCESS, tracing::Level::DEBUG)
            .then(|| (parts.method.clone(), parts.uri.path().to_owned()));
        let authority = authority(&parts, &headers);
        let arrival = Arrival {
            parts,
            headers,
            authority,
            peer,
            ip,
            scheme,
            certificate,
            id,
            at: SystemTime::now(),
        };
        let (route, answer) = self
            .answer(arrival, body, trace)
            .instrument(span.clone())
            .await;
        let Answer {
            status,
            reason,
            headers,
            payload,
        } = answer;
        self.counters()
            .route(route.meter)
            .answered(status, started.elapsed());
        if !span.is_disabled() {
            record(&span, method, route, status);
        }
        if let Some((method, path)) =
            asked.filter(|_| status.is_client_error() || status.is_server_error())
        {
            let (api, operation, took) = (&route.api.id, &route.operation.id, started.elapsed());
            span.in_scope(|| {
                tracing::debug!(target: ACCESS, %method, path, status = status.as_u16(), ?took, %ip, %api, %operation, activity = %id, "refused or failed");
            });
        }
        let mut response = Response::new(ResponseBody::new(
            payload,
            self.upstream.body_idle_timeout,
            in_flight,
        ));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        if let Some(reason) =
            reason.and_then(|reason| ReasonPhrase::try_from(reason.as_bytes()).ok())
        {
            response.extensions_mut().insert(reason);
        }
        response
    }

    /// Finds what the request is for and runs it.
    async fn answer(&self, arrival: Arrival, body: Incoming, trace: Trace) -> (&Route, Answer) {
        let path = match well_formed(&arrival) {
            Ok(path) => path,
            Err(failure) => return self.without_route(arrival, trace, failure).await,
        };
        let method = &arrival.parts.method;
        let found = self.router.find(method, path.path());
        if found.is_none()
            && let Some(preflight) = Preflight::read(method, &arrival.headers)
        {
            return self.preflight(&arrival, &preflight, &path, &trace);
        }
        let Some(Match {
            operation,
            parameters,
            prefix,
        }) = found
        else {
            if let Some(openapi) = self
                .openapi
                .as_ref()
                .filter(|openapi| openapi.is_asked_for(method, path.path()))
            {
                return self.describe(openapi, arrival, &path, &trace);
            }
            return self
                .without_route(arrival, trace, Failure::not_found())
                .await;
        };
        let route = &self.routes[operation];
        let target = Target {
            base: route.base.clone(),
            relative: Relative::new(path, prefix),
            chosen_by_id: None,
        };
        let exchange = Exchange::new(self, route, arrival, target, parameters, Some(body), trace);
        (route, exchange.run().await)
    }

    /// An answer for a request without an operation: the global `cors` and `on-error` apply.
    async fn without_route(
        &self,
        arrival: Arrival,
        trace: Trace,
        failure: Box<Failure>,
    ) -> (&Route, Answer) {
        let route = &self.unmatched;
        let target = Target {
            base: None,
            relative: Relative::new(PathAndQuery::from_static("/"), 0),
            chosen_by_id: None,
        };
        let exchange = Exchange::new(self, route, arrival, target, Vec::new(), None, trace);
        (route, exchange.run_failed(failure).await)
    }

    /// Answers a preflight: only the `cors` policies of the operation it asks for are looked at, in
    /// their order. For an operation that does not exist it is the global ones, so that a script
    /// can read the 404 that follows.
    fn preflight(
        &self,
        arrival: &Arrival,
        preflight: &Preflight<'_>,
        path: &PathAndQuery,
        trace: &Trace,
    ) -> (&Route, Answer) {
        let found = self.router.find(&preflight.method, path.path());
        let route = found
            .as_ref()
            .map_or(&self.unmatched, |found| &self.routes[found.operation]);
        let parameters = found.map(|found| found.parameters).unwrap_or_default();
        let mut policies = route.plan.inbound.iter().filter_map(|step| {
            let Action::Cors(cors) = &step.action else {
                return None;
            };
            Some((&step.origin, &**cors))
        });
        let Some((origin, first)) = policies.next() else {
            let mut answer = Answer::default();
            answer.fail(&Failure::not_found(), arrival.id);
            trace.name_in(&mut answer.headers);
            return (route, answer);
        };
        let context = self.context(route, arrival, HeaderMap::new(), parameters, path);
        let mut answer = Answer::default();
        let span = trace.policy_span(origin);
        match preflight.answer(
            [first].into_iter().chain(policies.map(|(_, cors)| cors)),
            &context,
        ) {
            Ok(headers) => {
                span.record("weir.policy.result", "answered");
                answer.headers = headers;
            }
            Err(error) => {
                let failure = Box::<Failure>::from(error);
                tracing::error!(activity = %arrival.id, error = %failure.detail, "a cors policy failed");
                answer.fail(&failure, arrival.id);
                cors::decorate(&mut answer.headers, None);
            }
        }
        trace.name_in(&mut answer.headers);
        (route, answer)
    }

    /// What expressions can see of a request.
    pub(crate) fn context(
        &self,
        route: &Route,
        arrival: &Arrival,
        headers: HeaderMap,
        parameters: Vec<(Arc<str>, String)>,
        path: &PathAndQuery,
    ) -> Context {
        let original_url = original_url(
            arrival.scheme.clone(),
            arrival.authority.clone(),
            path.clone(),
        );
        Context {
            request: RequestView {
                method: arrival.parts.method.clone(),
                ip: arrival.ip,
                headers,
                url: original_url.clone(),
                original_url,
                matched_parameters: parameters,
                certificate: arrival.certificate.as_deref().map(shown),
            },
            response: None,
            variables: Variables::default(),
            last_error: None,
            api: Arc::clone(&route.api),
            operation: Arc::clone(&route.operation),
            deployment: Arc::clone(&self.deployment),
            request_id: arrival.id,
            timestamp: arrival.at,
            verified_token: None,
        }
    }
}

/// Checks what a route cannot be looked for without; gives the path in its one spelling, with the
/// query.
fn well_formed(arrival: &Arrival) -> Result<PathAndQuery, Box<Failure>> {
    let hosts = arrival.headers.get_all(HOST).iter().count();
    // RFC 9112, section 3.2: one Host, also with an absolute URL. Two hosts are two opinions about
    // the same request.
    if hosts > 1 || (hosts == 0 && arrival.parts.version == Version::HTTP_11) {
        return Err(Failure::bad_request(
            "The request needs exactly one Host header.",
        ));
    }
    if hosts == 1 && arrival.authority.is_none() {
        return Err(Failure::bad_request("The Host header is not a host."));
    }
    let Some(received) = arrival.parts.uri.path_and_query() else {
        return Err(Failure::bad_request("The request has no path."));
    };
    match path::normalise(received.path()).map_err(|bad| Failure::bad_request(bad.to_string()))? {
        Cow::Borrowed(_) => Ok(received.clone()),
        Cow::Owned(path) => {
            let text = received
                .query()
                .map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
            PathAndQuery::from_maybe_shared(Bytes::from(text))
                .map_err(|_| Failure::bad_request("The request path is not valid."))
        }
    }
}

fn authority(parts: &Parts, headers: &HeaderMap) -> Option<Authority> {
    let of_header =
        || Authority::from_maybe_shared(Bytes::copy_from_slice(headers.get(HOST)?.as_bytes())).ok();
    parts.uri.authority().cloned().or_else(of_header)
}

/// `Certificate`, as expressions see it.
fn shown(certificate: &ClientCertificate) -> Arc<Certificate> {
    Arc::new(Certificate {
        subject: Arc::clone(&certificate.subject),
        issuer: Arc::clone(&certificate.issuer),
        serial_number: Arc::clone(&certificate.serial_number),
        thumbprint: Arc::clone(&certificate.thumbprint),
        not_before: certificate.not_before,
        not_after: certificate.not_after,
    })
}

/// `OriginalUrl`: absolute, with the host that was asked for. HTTP/1.0 may name none.
fn original_url(scheme: Scheme, authority: Option<Authority>, path: PathAndQuery) -> Uri {
    let mut whole = http::uri::Parts::default();
    whole.scheme = Some(scheme);
    whole.authority = Some(authority.unwrap_or_else(|| Authority::from_static("localhost")));
    whole.path_and_query = Some(path);
    Uri::from_parts(whole).unwrap_or_default()
}

fn record(span: &tracing::Span, method: &str, route: &Route, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if !route.operation.url_template.is_empty() {
        let (path, template) = (&route.api.path, &route.operation.url_template);
        let slash = if path.is_empty() { "" } else { "/" };
        span.record(
            "http.route",
            tracing::field::display(format_args!("{slash}{path}{template}")),
        );
        propagation::rename(span, format!("{method} {slash}{path}{template}"));
    }
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR")
            .record("error.type", status.as_str());
    }
}

/// The value of a header that a client sent exactly once.
pub(crate) fn only<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

impl Answer {
    /// Turns the answer into that of a failure.
    pub(crate) fn fail(&mut self, failure: &Failure, activity: Uuid) {
        self.status = failure.status;
        self.payload = Payload::Full(failure.render(activity, &mut self.headers));
    }
}
