//! Connections to backends that are kept, and end just when they are used again.

use http::StatusCode;
use weir_testkit::{Forgotten, Proxy};

use crate::support::{Setup, inbound, send};
use crate::upstream::Upstream;

/// What a backend behind a network that resets what it has forgotten is asked: the kept connection
/// looks well, and ends when it is used.
#[tokio::test]
async fn a_kept_connection_that_ends_costs_no_request_that_may_be_repeated() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(upstream.address).await;
    let gateway = Setup::new(proxy.address(), inbound("")).start().await;
    for method in ["GET", "HEAD", "DELETE", "GET"] {
        assert_eq!(
            send(gateway.request(method, "/api/hello")).await.status,
            200,
            "{method}"
        );
        proxy.forget_connections(Forgotten::Resets);
        let connections = proxy.accepted();
        assert_eq!(
            send(gateway.request(method, "/api/hello")).await.status,
            200,
            "{method} again"
        );
        assert_eq!(proxy.accepted(), connections + 1, "on a fresh connection");
    }
    assert_eq!(upstream.seen().len(), 8, "each was seen once");
}

#[tokio::test]
async fn what_may_not_be_repeated_is_a_502_and_sent_once() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(upstream.address).await;
    let gateway = Setup::new(proxy.address(), inbound("")).start().await;
    for body in ["", "content"] {
        assert_eq!(send(gateway.get("/api/hello")).await.status, 200);
        proxy.forget_connections(Forgotten::Resets);
        let asked = upstream.seen().len();
        let connections = proxy.accepted();
        let answer = send(gateway.request("POST", "/api/hello").body(body)).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{body:?}");
        assert_eq!(
            (upstream.seen().len(), proxy.accepted()),
            (asked, connections),
            "{body:?}"
        );
    }
}
