//! The operations side of a role: its metrics, whether it is ready, and what says so.

pub(crate) mod readiness;
mod routes;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use parking_lot::Mutex;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::process::Process;
use readiness::{Components, ReadinessHandle};

/// One per role: a metrics registry and named readiness checks. Cheap to clone; clones share both.
#[derive(Clone)]
pub struct Ops {
    inner: Arc<Inner>,
}

struct Inner {
    role: &'static str,
    /// Locked to register, at start, and to write the metrics out; the metrics themselves are
    /// atomics outside it.
    registry: Mutex<Registry>,
    /// The process's own figures, whose names have no prefix.
    process: Registry,
    components: Arc<Components>,
}

impl Ops {
    /// Nothing registered yet, so ready. `role` names the process in the metric `weir_build_info`.
    pub fn new(role: &'static str) -> Self {
        let mut registry = Registry::with_prefix("weir");
        let build = [("role", role), ("version", env!("CARGO_PKG_VERSION"))];
        registry.register(
            "build",
            "The role and version of this process",
            Info::new(build.to_vec()),
        );
        let components = Arc::new(Components::new(&mut registry));
        let mut process = Registry::default();
        process.register_collector(Box::new(Process));
        Self {
            inner: Arc::new(Inner {
                role,
                registry: Mutex::new(registry),
                process,
                components,
            }),
        }
    }

    /// Registers metrics. Names get the prefix `weir_`. `register` must not call this `Ops`: its
    /// registry is locked.
    pub fn registry(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.inner.registry.lock());
    }

    /// A named part that must be ready for the role to be ready. It starts as not ready; asked for
    /// twice, the same part.
    pub fn readiness(&self, component: &'static str) -> ReadinessHandle {
        Components::handle(&self.inner.components, component)
    }

    /// The metrics as OpenMetrics text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        encode_registry(&mut text, &self.inner.registry.lock())
            .and_then(|()| encode_registry(&mut text, &self.inner.process))
            .and_then(|()| encode_eof(&mut text))
            .expect("writing to a String does not fail");
        text
    }

    /// Whether every part is ready, or degraded, which is ready enough.
    pub fn is_ready(&self) -> bool {
        self.inner.components.is_ready()
    }

    /// What `/healthz`, `/readyz` and `/metrics` answer, and `extra` beside, which must not be one
    /// of the three and must have no fallback. `weir_serve::operations` serves it.
    pub fn routes(&self, extra: Router) -> Router {
        routes::routes(self.clone(), extra)
    }
}

impl fmt::Debug for Ops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ops")
            .field("role", &self.inner.role)
            .field("ready", &self.is_ready())
            .finish_non_exhaustive()
    }
}
