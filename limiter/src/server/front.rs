//! Calls of the limiter go to its service at once; only health and reflection are looked up in a
//! router.
//!
//! A router takes a request apart and boxes what it answers: a tenth of what a check costs.

use std::convert::Infallible;

use futures_util::future::Either;
use http::{Request, Response};
use hyper::body::Incoming;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tower::Service;

/// A service in front of others. All of them are always ready, as tonic's are.
#[derive(Clone)]
pub(crate) struct Front<S> {
    service: S,
    others: Routes,
}

impl<S: NamedService> Front<S> {
    pub(crate) fn new(service: S, others: Routes) -> Self {
        Self { service, others }
    }

    fn is_for_service(path: &str) -> bool {
        path.strip_prefix('/')
            .and_then(|path| path.strip_prefix(S::NAME))
            .is_some_and(|rest| rest.starts_with('/'))
    }
}

impl<S> hyper::service::Service<Request<Incoming>> for Front<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + NamedService + Clone,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, <Routes as Service<Request<Body>>>::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let request = request.map(Body::new);
        if Self::is_for_service(request.uri().path()) {
            Either::Left(self.service.clone().call(request))
        } else {
            Either::Right(self.others.clone().call(request))
        }
    }
}
