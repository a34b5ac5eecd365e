//! Matching and what is refused at start.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use http::Response;

use super::*;
use crate::function::Level;

fn function(name: &'static str, methods: &[Method]) -> Function {
    Function::new(name, Level::Anonymous, methods, async |_| {
        Response::new(Bytes::new())
    })
}

fn get(name: &'static str) -> Function {
    function(name, &[Method::GET])
}

fn found(
    routes: &Routes,
    method: &Method,
    path: &str,
) -> Option<(&'static str, Vec<(String, String)>)> {
    routes
        .find(method, &Path::decode(path)?)
        .map(|(function, parameters)| (function.name, parameters))
}

#[test]
fn literals_match_without_regard_to_case() {
    let routes = Routes::new(&[get("hello")]).unwrap();
    for path in ["/api/hello", "/API/Hello", "/api/hello/", "/api/hell%6f"] {
        assert_eq!(
            found(&routes, &Method::GET, path).unwrap().0,
            "hello",
            "{path}"
        );
    }
    for path in [
        "/",
        "/api",
        "/hello",
        "/api/hello/x",
        "/api/hellos",
        "/api//hello",
        "//api/hello",
        "/api/hello//",
    ] {
        assert_eq!(found(&routes, &Method::GET, path), None, "{path}");
    }
}

#[test]
fn a_wrong_method_is_not_found() {
    let routes = Routes::new(&[get("hello")]).unwrap();
    for method in [
        Method::POST,
        Method::HEAD,
        Method::OPTIONS,
        Method::from_bytes(b"get").unwrap(),
    ] {
        assert_eq!(found(&routes, &method, "/api/hello"), None, "{method}");
    }
}

#[test]
fn parameters_are_decoded_and_literals_win_over_them() {
    let one = get("one").at("orders/{id}/lines/{line}");
    let all = get("all").at("orders/{id}");
    let new = get("new").at("orders/new");
    let routes = Routes::new(&[one, all, new]).unwrap();
    assert_eq!(
        found(&routes, &Method::GET, "/api/orders/NEW").unwrap().0,
        "new"
    );
    let (name, parameters) =
        found(&routes, &Method::GET, "/api/Orders/a%2Fb/lines/%C3%A4").unwrap();
    assert_eq!(name, "one");
    let expected =
        [("id", "a/b"), ("line", "ä")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(parameters, expected);
    assert_eq!(
        found(&routes, &Method::GET, "/api/orders/"),
        None,
        "an empty value is none"
    );
}

#[test]
fn methods_of_one_route_may_be_different_functions() {
    let routes = Routes::new(&[
        get("read").at("order"),
        function("write", &[Method::PUT]).at("order"),
    ])
    .unwrap();
    assert_eq!(
        found(&routes, &Method::GET, "/api/order").unwrap().0,
        "read"
    );
    assert_eq!(
        found(&routes, &Method::PUT, "/api/order").unwrap().0,
        "write"
    );
}

#[test]
fn a_route_that_cannot_be_served_is_refused() {
    for route in [
        "", "/hello", "a//b", "a/", "{id:int}", "{id?}", "{*rest}", "{}", "a{b}", "a b", "..",
        "%41",
    ] {
        let error = Routes::new(&[get("f").at(route)]).unwrap_err();
        assert!(
            matches!(error, RouteError::Segment { .. }),
            "{route}: {error}"
        );
    }
    let error = Routes::new(&[get("f").at("{a}/{a}")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "function f: the route \"{a}/{a}\" names a parameter twice"
    );
    assert!(matches!(
        Routes::new(&[function("f", &[])]),
        Err(RouteError::NoMethods { function: "f" })
    ));
    let error = Routes::new(&[get("first").at("x/{a}"), get("second").at("X/{b}")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "functions first and second both answer GET at the same route"
    );
}
