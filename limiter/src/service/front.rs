//! Calls of the limiter go to its service at once; only health and reflection are looked up in a router.
//!
//! A router takes a request apart and boxes what it answers: a tenth of what a check costs.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tower::Service;

/// A service in front of others.
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
        path.strip_prefix('/').and_then(|path| path.strip_prefix(S::NAME)).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl<S> Service<Request<Body>> for Front<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + NamedService,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, <Routes as Service<Request<Body>>>::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match self.service.poll_ready(cx) {
            Poll::Ready(Ok(())) => Service::<Request<Body>>::poll_ready(&mut self.others, cx),
            waiting => waiting,
        }
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if Self::is_for_service(request.uri().path()) {
            Either::Left(self.service.call(request))
        } else {
            Either::Right(self.others.call(request))
        }
    }
}
