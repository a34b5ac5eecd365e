//! One limiter, as a client sees it: a connection that is made when needed, and a circuit.
//!
//! A call that brought no answer makes it suspected: it is asked for a sign of life at once, and
//! left out if it gives none. So one that is dead or cut off is left out after two calls at most,
//! however few calls there are. A connection on which nothing is heard is not waited for until the
//! time is up: there is time left for another one.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tonic::transport::{Channel, Endpoint as Address, Uri};
use tonic::{Code, Response, Status};
use tracing::field::Empty;
use tracing::{Instrument, Span};
use weir_proto::limiter::v1;
use weir_proto::limiter::v1::limiter_client::LimiterClient;

use super::connection::{Connection, Connections};
use crate::circuit::{Change, Circuit, CircuitConfig};
use crate::error::{StoreError, with_causes};
use crate::layers::degraded::probe_check;
use crate::rpc::{Method, code_name};
use crate::wire::check_to_wire;

/// A connection that carries nothing is pinged, so that one to a machine that is gone does not stay
/// the connection.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Calls given up whose late answers are ignored. Answers beyond these would break the connection,
/// and when a limiter stands still for a moment all calls in flight are given up together.
const GIVEN_UP_CALLS: usize = 4_096;

/// Which limiters answer.
#[derive(Debug, Clone, Default)]
pub(super) struct EndpointMetrics {
    up: Family<[(&'static str, Arc<str>); 1], Gauge>,
}

impl EndpointMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "endpoint_up",
            "1 while the limiter at this address answers",
            self.up.clone(),
        );
    }

    /// A limiter that is gone for good.
    pub(super) fn forget(&self, address: SocketAddr) {
        self.up.remove(&label(address));
    }
}

fn label(address: SocketAddr) -> [(&'static str, Arc<str>); 1] {
    [("endpoint", format!("http://{address}").into())]
}

/// A call that brought no answer.
#[derive(Debug)]
pub(super) struct CallError {
    pub(super) error: StoreError,
    /// Whether another limiter may be asked, or the same one on a fresh connection. Not when the
    /// time is up.
    pub(super) try_another: bool,
}

impl CallError {
    /// There is no limiter to ask.
    pub(super) fn nobody() -> Self {
        Self {
            error: StoreError::Unavailable("no limiter answers".into()),
            try_another: false,
        }
    }
}

pub(super) struct Endpoint {
    address: SocketAddr,
    connections: Arc<Connections>,
    circuit: Arc<Circuit>,
    in_flight: AtomicUsize,
    timeout: Duration,
    /// It brought no answer, and is being asked for a sign of life.
    suspected: Arc<AtomicBool>,
    /// Told of every call that brought no answer.
    failed: Arc<Notify>,
}

impl Endpoint {
    /// The limiter at `address`, which is one of those that `origin` names.
    pub(super) fn new(
        address: SocketAddr,
        origin: &Uri,
        timeout: Duration,
        failed: Arc<Notify>,
        metrics: &EndpointMetrics,
    ) -> Self {
        let uri: Uri = format!("http://{address}")
            .parse()
            .expect("an address is an authority");
        let address_of = Address::from(uri)
            .origin(origin.clone())
            // Half the time: the other half is for another limiter.
            .connect_timeout(timeout / 2)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true)
            .http2_max_concurrent_reset_streams(GIVEN_UP_CALLS);
        let connections = Arc::new(Connections::new(address_of));
        let probed = Arc::clone(&connections);
        let probe = move || {
            let connections = Arc::clone(&probed);
            Box::pin(async move { probe(&connections, timeout).await }) as BoxFuture<'static, bool>
        };
        let up = metrics.up.get_or_create_owned(&label(address));
        up.set(1);
        let tell = move |change: Change<'_>| {
            up.set(matches!(change, Change::Closed).into());
            match change {
                Change::Opened(why) => {
                    tracing::warn!(endpoint = %address, why, "a limiter does not answer");
                }
                Change::Closed => tracing::info!(endpoint = %address, "a limiter answers again"),
            }
        };
        Self {
            address,
            connections,
            circuit: Arc::new(Circuit::new(CircuitConfig::default(), probe, tell)),
            in_flight: AtomicUsize::new(0),
            timeout,
            suspected: Arc::default(),
            failed,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn is_up(&self) -> bool {
        !self.circuit.is_open()
    }

    pub(super) fn is_suspected(&self) -> bool {
        self.suspected.load(Ordering::Relaxed)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Whether anything was heard on its present connection since `moment`.
    pub(super) fn heard_since(&self, moment: Instant) -> bool {
        self.connections.current().heard_since(moment)
    }

    /// Counts a call that brought no answer, and asks for a sign of life unless that is under way.
    pub(super) fn suspect(&self, why: String) {
        self.circuit.failure(&why);
        self.failed.notify_one();
        if self.circuit.is_open() || self.suspected.swap(true, Ordering::Relaxed) {
            return;
        }
        let (connections, timeout) = (Arc::clone(&self.connections), self.timeout);
        let (circuit, suspected) = (Arc::clone(&self.circuit), Arc::clone(&self.suspected));
        tokio::spawn(async move {
            if !probe(&connections, timeout).await {
                circuit.open(&why);
            }
            suspected.store(false, Ordering::Relaxed);
        });
    }

    /// Makes one call until `deadline`, as one span.
    pub(super) async fn call<T, F>(
        &self,
        method: Method,
        deadline: Instant,
        make: impl FnOnce(LimiterClient<Channel>) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let connection = self.connections.current();
        self.call_on(&connection, method, deadline, make).await
    }

    /// Makes one call on a fresh connection, which takes the place of the present one if there is
    /// an answer on it.
    pub(super) async fn call_afresh<T, F>(
        &self,
        method: Method,
        deadline: Instant,
        make: impl FnOnce(LimiterClient<Channel>) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let (present, fresh) = (self.connections.current(), self.connections.fresh());
        let answer = self.call_on(&fresh, method, deadline, make).await;
        if answer.is_ok() {
            self.connections.replace(&present, fresh);
        }
        answer
    }

    async fn call_on<T, F>(
        &self,
        connection: &Arc<Connection>,
        method: Method,
        deadline: Instant,
        make: impl FnOnce(LimiterClient<Channel>) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let _counted = InFlight::new(&self.in_flight);
        let started = Instant::now();
        let span = self.span(method);
        let call = make(connection.client()).instrument(span.clone());
        match timeout_at(deadline, call).await {
            Ok(Ok(response)) => {
                connection.hear();
                self.circuit.success();
                span.record("rpc.response.status_code", code_name(Code::Ok));
                Ok(response.into_inner())
            }
            Ok(Err(status)) => {
                record_failure(&span, status.code());
                Err(self.refused(status))
            }
            Err(_) => {
                record_failure(&span, Code::DeadlineExceeded);
                let error = StoreError::Timeout(started.elapsed());
                tracing::debug!(after = ?started.elapsed(), "a limiter was too slow");
                if !connection.heard_since(started) {
                    // Slow, or cut off without notice? A fresh connection finds out.
                    self.connections
                        .replace(connection, self.connections.fresh());
                }
                self.suspect(error.to_string());
                Err(CallError {
                    error,
                    try_another: false,
                })
            }
        }
    }

    /// Without an exporter there is none, and this costs nothing.
    fn span(&self, method: Method) -> Span {
        tracing::info_span!(
            "rpc",
            otel.name = method.full_name,
            otel.kind = "client",
            otel.status_code = Empty,
            rpc.system.name = "grpc",
            rpc.method = method.full_name,
            rpc.response.status_code = Empty,
            server.address = %self.address.ip(),
            server.port = self.address.port(),
            error.type = Empty,
        )
    }

    fn refused(&self, status: Status) -> CallError {
        tracing::debug!(
            code = ?status.code(),
            cause = with_causes(&status),
            "a limiter gave no answer"
        );
        if is_about_the_request(status.code()) {
            self.circuit.success();
            let error = StoreError::Protocol(format!("{:?}: {}", status.code(), status.message()));
            return CallError {
                error,
                try_another: false,
            };
        }
        // Whether a status came from the limiter or stands for a connection that broke cannot be
        // told apart, and need not be. The call may have been charged: asking again can then charge
        // it twice, which refuses a little early. Not asking would leave it to the degraded mode,
        // which can admit too many.
        self.suspect(with_causes(&status));
        CallError {
            error: StoreError::Unavailable(Box::new(status)),
            try_another: true,
        }
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("address", &self.address)
            .field("up", &self.is_up())
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

fn record_failure(span: &Span, code: Code) {
    let name = code_name(code);
    span.record("rpc.response.status_code", name)
        .record("error.type", name)
        .record("otel.status_code", "ERROR");
}

/// What only a limiter that has read the request says. Everything else can come from a broken
/// connection, or from something in between that is no limiter: a proxy's 403 or 404 reads as a
/// status, too.
fn is_about_the_request(code: Code) -> bool {
    matches!(code, Code::InvalidArgument | Code::OutOfRange)
}

/// Asks for a sign of life; after half of the time, or when the present connection brings none, on
/// a fresh connection, which stays if it brings one.
async fn probe(connections: &Connections, timeout: Duration) -> bool {
    let deadline = Instant::now() + timeout;
    let (present, fresh) = (connections.current(), connections.fresh());
    let mut sign = pin!(gives_sign(&present));
    let afresh = async {
        let answered = gives_sign(&fresh).await;
        if answered {
            connections.replace(&present, Arc::clone(&fresh));
        }
        answered
    };
    let answered = match timeout_at(Instant::now() + timeout / 2, &mut sign).await {
        Ok(true) => return true,
        Ok(false) => timeout_at(deadline, afresh).await,
        Err(_) => {
            let either = async {
                tokio::select! {
                    biased;
                    true = sign => true,
                    true = afresh => true,
                    else => false,
                }
            };
            timeout_at(deadline, either).await
        }
    };
    answered.unwrap_or(false)
}

async fn gives_sign(connection: &Connection) -> bool {
    let request = v1::CheckRequest {
        checks: vec![check_to_wire(&probe_check())],
    };
    let answered = connection.client().check(request).await.is_ok();
    if answered {
        connection.hear();
    }
    answered
}

/// Counts a call until it ends, however it ends.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
