//! What the gateway counts.
//!
//! Every counter exists before the first request and is one atomic number: counting takes no lock
//! and looks nothing up by label. [`Metrics`] writes itself out when it is scraped.
//!
//! A new configuration gets new [`Metrics`], which share the numbers of the routes and limits that
//! stay, and all numbers that belong to no route ([`Lasting`]).

mod faults;
mod histogram;
mod totals;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use weir_limiter::Mode;
use weir_serve::OpenConnections;

use self::faults::FAULTS;
pub(crate) use self::faults::{UpstreamFault, fault_name};
use self::histogram::Histogram;
pub(crate) use self::totals::Totals;

/// Statuses 100 to 599.
const STATUSES: usize = 500;

/// Policies that refuse requests, besides the limits, which count per name.
const REFUSING: [&str; 4] = ["validate-jwt", "ip-filter", "check-header", "cors"];

const MODES: [(Mode, &str); 4] = [
    (Mode::Exact, "exact"),
    (Mode::Local, "local"),
    (Mode::Allow, "allow"),
    (Mode::Deny, "deny"),
];

/// One operation's numbers.
#[derive(Debug)]
pub(crate) struct RouteMeter {
    api: Arc<str>,
    operation: Arc<str>,
    statuses: Box<[AtomicU64]>,
    seconds: Histogram,
    upstream_seconds: Histogram,
}

impl RouteMeter {
    pub(crate) fn new(api: Arc<str>, operation: Arc<str>) -> Self {
        Self {
            api,
            operation,
            statuses: (0..STATUSES).map(|_| AtomicU64::new(0)).collect(),
            seconds: Histogram::default(),
            upstream_seconds: Histogram::default(),
        }
    }

    /// A request was answered; `took` runs from its headers to those of the answer.
    pub(crate) fn answered(&self, status: StatusCode, took: Duration) {
        if let Some(count) = self
            .statuses
            .get(usize::from(status.as_u16()).wrapping_sub(100))
        {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.seconds.observe(took);
    }

    /// A backend answered `took` after it was asked.
    pub(crate) fn upstream_answered(&self, took: Duration) {
        self.upstream_seconds.observe(took);
    }
}

/// All numbers of one gateway.
#[derive(Debug)]
pub(crate) struct Metrics {
    routes: Vec<Arc<RouteMeter>>,
    limits: HashMap<Arc<str>, Arc<AtomicU64>, RandomState>,
    lasting: Arc<Lasting>,
}

/// Numbers that belong to no route: they outlive every configuration.
#[derive(Debug, Default)]
pub(crate) struct Lasting {
    refusals: [AtomicU64; REFUSING.len()],
    modes: [AtomicU64; MODES.len()],
    last_mode: AtomicU8,
    faults: [AtomicU64; FAULTS.len()],
    in_flight: AtomicI64,
    connections: OpenConnections,
}

impl Metrics {
    /// `routes` are API and operation of every route, `limits` the names of all limits; equal names
    /// are one. What `previous` counted of the same routes and limits goes on.
    pub(crate) fn new(
        routes: impl IntoIterator<Item = (Arc<str>, Arc<str>)>,
        limits: impl IntoIterator<Item = Arc<str>>,
        previous: Option<&Self>,
    ) -> Self {
        let known = previous.iter().flat_map(|previous| &previous.routes);
        let known: HashMap<_, _> = known
            .map(|meter| ((&*meter.api, &*meter.operation), meter))
            .collect();
        let route = |(api, operation): (Arc<str>, Arc<str>)| match known.get(&(&*api, &*operation))
        {
            Some(meter) => Arc::clone(meter),
            None => Arc::new(RouteMeter::new(api, operation)),
        };
        let limit = |name: Arc<str>| {
            let count = previous
                .and_then(|previous| previous.limits.get(&name))
                .cloned();
            (name, count.unwrap_or_default())
        };
        Self {
            routes: routes.into_iter().map(route).collect(),
            limits: limits.into_iter().map(limit).collect(),
            lasting: previous
                .map(|previous| Arc::clone(&previous.lasting))
                .unwrap_or_default(),
        }
    }

    pub(crate) fn lasting(&self) -> &Arc<Lasting> {
        &self.lasting
    }

    /// The numbers of the route that was added as number `index`.
    pub(crate) fn route(&self, index: usize) -> &RouteMeter {
        &self.routes[index]
    }

    /// A limit refused a request.
    pub(crate) fn limited(&self, name: &str) {
        if let Some(count) = self.limits.get(name) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Another policy refused a request.
    pub(crate) fn refused(&self, policy: &str) {
        if let Some(index) = REFUSING.iter().position(|p| *p == policy) {
            self.lasting.refusals[index].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The limiter answered. Says whether the mode differs from the last answer's.
    pub(crate) fn limiter_answered(&self, mode: Mode) -> bool {
        let Some(index) = MODES.iter().position(|(m, _)| *m == mode) else {
            return false;
        };
        self.lasting.modes[index].fetch_add(1, Ordering::Relaxed);
        let index = u8::try_from(index).unwrap_or(u8::MAX);
        // Read first: in the usual case nothing changes, and a shared cache line that nobody writes
        // costs nothing.
        let last = &self.lasting.last_mode;
        last.load(Ordering::Relaxed) != index && last.swap(index, Ordering::Relaxed) != index
    }

    /// A call of a backend brought no response.
    pub(crate) fn upstream_failed(&self, fault: UpstreamFault) {
        if let Some(index) = FAULTS.iter().position(|(f, _)| *f == fault) {
            self.lasting.faults[index].fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Lasting {
    /// Counts the connections of clients that are open.
    pub(crate) fn connections(&self) -> &OpenConnections {
        &self.connections
    }
}

/// The name of a mode, in metrics, logs and the answer.
pub(crate) fn mode_name(mode: Mode) -> &'static str {
    MODES
        .iter()
        .find(|(m, _)| *m == mode)
        .map_or("unknown", |(_, name)| name)
}

/// Counts a request as in progress until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Lasting>);

impl InFlight {
    pub(crate) fn new(lasting: &Arc<Lasting>) -> Self {
        lasting.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(lasting))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A collector for the registry: of the configuration that holds when it is scraped.
pub(crate) struct Exposition<F>(pub(crate) F);

impl<F> std::fmt::Debug for Exposition<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exposition").finish_non_exhaustive()
    }
}

impl<F: Fn() -> Arc<Metrics> + Send + Sync + 'static> Collector for Exposition<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let metrics = (self.0)();
        let lasting = &metrics.lasting;
        metrics.encode_requests(&mut encoder)?;
        metrics.encode_latencies(&mut encoder)?;
        metrics.encode_refusals(&mut encoder)?;
        let modes = MODES
            .iter()
            .zip(&lasting.modes)
            .map(|((_, name), count)| (*name, count));
        counters(
            &mut encoder,
            "gateway_limiter_answers",
            "Answers to rate limit checks, by who decided",
            "mode",
            modes,
        )?;
        let faults = FAULTS
            .iter()
            .zip(&lasting.faults)
            .map(|((_, name), count)| (*name, count));
        counters(
            &mut encoder,
            "gateway_upstream_failures",
            "Backend calls without a response",
            "cause",
            faults,
        )?;
        gauge(
            &mut encoder,
            "gateway_requests_in_progress",
            "Requests in progress",
            lasting.in_flight.load(Ordering::Relaxed),
        )?;
        gauge(
            &mut encoder,
            "gateway_connections",
            "Open client connections",
            lasting.connections.count(),
        )
    }
}

impl Metrics {
    fn encode_requests(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let help = "Requests answered";
        let mut family =
            encoder.encode_descriptor("gateway_requests", help, None, MetricType::Counter)?;
        for route in &self.routes {
            let counts = route
                .statuses
                .iter()
                .map(|count| count.load(Ordering::Relaxed))
                .enumerate();
            for (index, count) in counts.filter(|(_, count)| *count > 0) {
                let status = (index + 100).to_string();
                let labels = [
                    ("api", &*route.api),
                    ("operation", &*route.operation),
                    ("status", &*status),
                ];
                family
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
            }
        }
        Ok(())
    }

    fn encode_latencies(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let own = self.routes.iter().map(|route| (&**route, &route.seconds));
        histograms(
            encoder,
            "gateway_request_seconds",
            "From a request's headers to the answer's",
            own,
        )?;
        let upstream = self
            .routes
            .iter()
            .map(|route| (&**route, &route.upstream_seconds));
        histograms(
            encoder,
            "gateway_upstream_seconds",
            "From a call of a backend to its response headers",
            upstream,
        )
    }

    fn encode_refusals(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let help = "Requests refused by a policy";
        let mut family =
            encoder.encode_descriptor("gateway_refusals", help, None, MetricType::Counter)?;
        let limits = self
            .limits
            .iter()
            .map(|(name, count)| ("rate-limit-by-key", &**name, &**count));
        let others = REFUSING
            .iter()
            .zip(&self.lasting.refusals)
            .map(|(policy, count)| (*policy, "", count));
        for (policy, limit, count) in limits.chain(others) {
            let count = count.load(Ordering::Relaxed);
            let labels = [("policy", policy), ("limit", limit)];
            family
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
        }
        Ok(())
    }
}

fn histograms<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    histograms: impl Iterator<Item = (&'a RouteMeter, &'a Histogram)>,
) -> std::fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    for (route, histogram) in histograms {
        let labels = [("api", &*route.api), ("operation", &*route.operation)];
        histogram.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn counters<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    counts: impl Iterator<Item = (&'static str, &'a AtomicU64)>,
) -> std::fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (value, count) in counts {
        let count = count.load(Ordering::Relaxed);
        family
            .encode_family(&[(label, value)])?
            .encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
    }
    Ok(())
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: i64,
) -> std::fmt::Result {
    encoder
        .encode_descriptor(name, help, None, MetricType::Gauge)?
        .encode_gauge(&value)
}
