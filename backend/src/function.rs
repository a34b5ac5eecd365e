//! What a function is: a name, how it is called, and its code.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, Uri};

use crate::easy_auth::Principal;

/// Who may call a function, as far as keys go. Tokens and addresses are checked before, for every
/// function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// No key is needed.
    Anonymous,
    /// A function key or the master key.
    Function,
    /// The master key.
    Admin,
}

/// One call of a function. All checks are behind it.
#[derive(Debug)]
pub struct Invocation {
    /// The method, one of the function's.
    pub method: Method,
    /// The target as it was sent, query included. The query may hold a function key: do not log it.
    pub uri: Uri,
    /// The headers, with those that tell who the user is set by the host and by nobody else.
    pub headers: HeaderMap,
    /// The parts of the path that the route names, decoded, in the route's order.
    pub parameters: Vec<(String, String)>,
    /// Who calls; `None` only on a path that needs no token.
    pub principal: Option<Arc<Principal>>,
    /// The whole body.
    pub body: Bytes,
}

type Answer = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;
type Handler = Arc<dyn Fn(Invocation) -> Answer + Send + Sync>;

/// A function triggered over HTTP.
#[derive(Clone)]
pub struct Function {
    pub(crate) name: &'static str,
    pub(crate) route: &'static str,
    pub(crate) methods: Vec<Method>,
    pub(crate) level: Level,
    handler: Handler,
}

impl Function {
    /// A function at `/api/{name}`.
    pub fn new<H, F>(
        name: &'static str,
        level: Level,
        methods: impl Into<Vec<Method>>,
        handler: H,
    ) -> Self
    where
        H: Fn(Invocation) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Bytes>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |invocation| Box::pin(handler(invocation)));
        Self {
            name,
            route: name,
            methods: methods.into(),
            level,
            handler,
        }
    }

    /// At `/api/{route}` instead. Segments in braces are parameters: `orders/{id}`.
    #[must_use]
    pub fn at(self, route: &'static str) -> Self {
        Self { route, ..self }
    }

    pub(crate) fn call(&self, invocation: Invocation) -> Answer {
        (self.handler)(invocation)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("name", &self.name)
            .field("route", &self.route)
            .field("methods", &self.methods)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}
