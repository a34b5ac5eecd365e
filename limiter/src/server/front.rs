//! The services of a port: who asks one of the first goes to it at once, whoever is left is looked
//! up in a router.
//!
//! A router takes a request apart and boxes what it answers: a tenth of what a check costs. So the
//! services that decide stand before it, one around the other: each compares a path's beginning.

use std::convert::Infallible;

use futures_util::future::Either;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;

/// The services of a port. All of them are always ready, as tonic's are.
#[derive(Clone)]
pub(crate) struct Front<S>(S);

/// Services that are looked up.
#[derive(Clone)]
pub(crate) struct LookedUp(Routes);

/// A service, and those that are asked what is not for it.
#[derive(Clone)]
pub(crate) struct Before<S, Others> {
    service: S,
    others: Others,
}

impl Front<LookedUp> {
    /// Services that are seldom asked: health and reflection.
    pub(crate) fn new(routes: Routes) -> Self {
        Self(LookedUp(routes))
    }
}

impl<Others> Front<Others> {
    /// Puts a service before those there are.
    pub(crate) fn with<S: NamedService>(self, service: S) -> Front<Before<S, Others>> {
        Front(Before {
            service,
            others: self.0,
        })
    }
}

impl<S> Service<Request<Incoming>> for Front<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = S::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.0.call(request.map(Body::new))
    }
}

impl<S, Others> Service<Request<Body>> for Before<S, Others>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + NamedService
        + Clone,
    Others: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Others::Future>;

    fn call(&self, request: Request<Body>) -> Self::Future {
        if is_for(S::NAME, request.uri().path()) {
            Either::Left(self.service.clone().call(request))
        } else {
            Either::Right(self.others.call(request))
        }
    }
}

impl Service<Request<Body>> for LookedUp {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = <Routes as tower::Service<Request<Body>>>::Future;

    fn call(&self, request: Request<Body>) -> Self::Future {
        tower::Service::call(&mut self.0.clone(), request)
    }
}

fn is_for(service: &str, path: &str) -> bool {
    path.strip_prefix('/')
        .and_then(|path| path.strip_prefix(service))
        .is_some_and(|rest| rest.starts_with('/'))
}
