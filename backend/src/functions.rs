//! The functions this host serves: the one place to add another.
//!
//! A function is a module beside `hello` with an `async fn(Invocation) -> Response<Bytes>`, and a
//! line in [`all`].

mod hello;

use http::Method;

use crate::function::{Function, Level};

/// Every function.
pub fn all() -> Vec<Function> {
    vec![
        // Name, who may call it, methods, code. `.at("orders/{id}")` gives it a route other than
        // its name.
        Function::new("hello", Level::Function, [Method::GET], hello::run),
    ]
}
