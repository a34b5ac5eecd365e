//! The provider's pages and endpoints on the listener.

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use tower::ServiceExt;
use weir_serve::{Peer, Service};

/// Gives every request its [`Peer`] as an extension. Forwarding headers are not believed: the
/// provider stands for itself.
pub(crate) struct Pages(pub(crate) Router);

impl Service for Pages {
    type Body = Body;

    async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Response<Body> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer.clone());
        match self.0.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
