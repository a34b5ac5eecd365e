//! The site on the listener.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use weir_serve::{Peer, Service};

use crate::metrics::Metrics;
use crate::site::Site;

/// The site, and what is counted of it.
pub(crate) struct Pages {
    pub(crate) site: Site,
    pub(crate) metrics: Metrics,
}

impl Service for Pages {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>, _: &Peer) -> Response<Full<Bytes>> {
        let (method, path) = (request.method(), request.uri().path());
        let (outcome, response) = self.site.answer(method, path, request.headers());
        self.metrics.request(outcome);
        tracing::debug!(%method, path, status = response.status().as_u16());
        response
    }
}
