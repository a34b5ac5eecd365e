//! Backends that choose HTTP/2.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Response, Version};
use http_body_util::BodyExt as _;
use tokio::sync::{Barrier, Notify, watch};
use weir_gateway::BackendTls;
use weir_testkit::Certificates;

use crate::support::{Gateway, PATIENCE, Setup, document, inbound, send};
use crate::tls_backend::{HTTP_1, HTTP_2, TlsBackend, config};
use crate::upstream::full;

async fn gateway(backend: &TlsBackend, authority: &Certificates, policy: &str) -> Gateway {
    setup(backend, authority, policy).start().await
}

fn setup(backend: &TlsBackend, authority: &Certificates, policy: &str) -> Setup {
    Setup::new(backend.address, policy)
        .service_url(backend.url())
        .backend_tls(BackendTls {
            authorities: Some(authority.authority_file()),
            certificates: None,
        })
}

/// All requests must be there before the first is answered, and nobody has connected before.
#[tokio::test]
async fn requests_at_once_share_one_connection() {
    const AT_ONCE: usize = 20;
    let authority = Certificates::new();
    let barrier = Arc::new(Barrier::new(AT_ONCE));
    let server = config(&authority.server(&["localhost"]), HTTP_2, None);
    let backend = TlsBackend::start(server, move |request| {
        let barrier = Arc::clone(&barrier);
        async move {
            assert_eq!(request.version(), Version::HTTP_2);
            barrier.wait().await;
            Response::new(full(request.uri().path().to_owned()))
        }
    })
    .await;
    let gateway = gateway(&backend, &authority, &inbound("")).await;
    let ask = |n: usize| send(gateway.get(&format!("/api/items/{n}")));
    let answers = join_all((0..AT_ONCE).map(ask)).await;
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(
            (answer.status, &answer.body),
            (200, &format!("/api/items/{n}"))
        );
    }
    assert_eq!(backend.connections(), 1);
}

/// More than the backend allows on one connection (200, hyper's own default) go to another.
#[tokio::test]
async fn requests_beyond_what_a_connection_may_carry_go_to_another() {
    const AT_ONCE: usize = 450;
    let authority = Certificates::new();
    let barrier = Arc::new(Barrier::new(AT_ONCE));
    let server = config(&authority.server(&["localhost"]), HTTP_2, None);
    let backend = TlsBackend::start(server, move |_| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            Response::new(full("hello"))
        }
    })
    .await;
    let gateway = gateway(&backend, &authority, &inbound("")).await;
    let client = crate::support::client();
    let url = gateway.url("/api/hello");
    let answers = join_all((0..AT_ONCE).map(|_| send(client.get(&url)))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let connections = backend.connections();
    assert!((3..=5).contains(&connections), "{connections}");
}

#[tokio::test]
async fn http_version_1_keeps_http_2_from_a_backend() {
    let authority = Certificates::new();
    let server = config(&authority.server(&["localhost"]), HTTP_2, None);
    let backend = TlsBackend::start(server, |request| async move {
        Response::new(full(format!("{:?}", request.version())))
    })
    .await;
    for (version, spoken) in [("1", "HTTP/1.1"), ("2or1", "HTTP/2.0")] {
        let forward = format!(r#"<forward-request http-version="{version}"/>"#);
        let policy = document("", &forward, "", "");
        let gateway = gateway(&backend, &authority, &policy).await;
        assert_eq!(send(gateway.get("/api/hello")).await.body, spoken);
    }
}

#[tokio::test]
async fn large_bodies_go_both_ways() {
    let authority = Certificates::new();
    for protocols in [HTTP_1, HTTP_2] {
        let server = config(&authority.server(&["localhost"]), protocols, None);
        let backend = TlsBackend::start(server, |request| async move {
            let echo = request.into_body().map_err(std::io::Error::other);
            Response::new(echo.boxed_unsync())
        })
        .await;
        let gateway = gateway(&backend, &authority, &inbound("")).await;
        let body: Bytes = (0..8 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
        let send = |body: Bytes| async {
            let request = gateway.request("POST", "/api/hello").body(body);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200);
            response.bytes().await.unwrap()
        };
        let echoes = join_all((0..4).map(|_| send(body.clone()))).await;
        assert!(echoes.iter().all(|echo| *echo == body), "{protocols:?}");
    }
}

/// Every 25th request makes the backend end its connections, with others in progress on them.
#[tokio::test]
async fn a_backend_that_goes_away_under_load_costs_no_request() {
    let authority = Certificates::new();
    let (seen, drain) = (AtomicUsize::new(0), watch::Sender::new(0));
    let drained = drain.subscribe();
    let server = config(&authority.server(&["localhost"]), HTTP_2, None);
    let backend = TlsBackend::start(server, move |_| {
        let count = seen.fetch_add(1, Ordering::SeqCst);
        if count % 25 == 24 {
            drain.send_replace(count);
        }
        async { Response::new(full("hello")) }
    })
    .await;
    let gateway = gateway(&backend, &authority, &inbound("")).await;
    let client = crate::support::client();
    let worker = || async {
        for _ in 0..50 {
            assert_eq!(
                send(client.get(gateway.url("/api/hello"))).await.status,
                200
            );
        }
    };
    let draining = async {
        let mut drained = drained;
        while drained.changed().await.is_ok() {
            backend.drain();
        }
    };
    tokio::select! {
        _ = join_all((0..8).map(|_| worker())) => {}
        () = draining => {}
    }
    assert!(backend.connections() > 3, "{}", backend.connections());
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_stream_and_not_the_connection() {
    let authority = Certificates::new();
    let (arrived, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, gone) = (Arc::clone(&arrived), Arc::clone(&dropped));
    let server = config(&authority.server(&["localhost"]), HTTP_2, None);
    let backend = TlsBackend::start(server, move |request| {
        let (tell, gone) = (Arc::clone(&tell), Arc::clone(&gone));
        async move {
            if request.uri().path().ends_with("wait") {
                let _told = Told(gone);
                tell.notify_one();
                std::future::pending::<()>().await;
            }
            Response::new(full("hello"))
        }
    })
    .await;
    let gateway = gateway(&backend, &authority, &inbound("")).await;
    let waiting = tokio::spawn(gateway.get("/api/items/wait").send());
    arrived.notified().await;
    waiting.abort();
    tokio::time::timeout(PATIENCE, dropped.notified())
        .await
        .unwrap();
    assert_eq!(send(gateway.get("/api/hello")).await.status, 200);
    assert_eq!(backend.connections(), 1);
}

/// Tells when it is dropped.
struct Told(Arc<Notify>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_request_body_that_is_too_large_or_stalls_is_the_clients_fault() {
    let authority = Certificates::new();
    let server = config(&authority.server(&["localhost"]), HTTP_2, None);
    let backend = TlsBackend::start(server, |request| async move {
        let _ = request.into_body().collect().await;
        Response::new(full("hello"))
    })
    .await;
    let mut setup = setup(&backend, &authority, &inbound(""));
    setup.clients.body_bytes = 1000;
    setup.clients.connections.stall_timeout = Duration::from_millis(200);
    let gateway = setup.start().await;
    let parts = (0..4).map(|_| Ok::<_, std::io::Error>("x".repeat(400)));
    let too_large = reqwest::Body::wrap_stream(futures_util::stream::iter(parts));
    let answer = send(gateway.request("POST", "/api/hello").body(too_large)).await;
    assert_eq!(answer.status, 413);
    let stalling = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
    let stalling = reqwest::Body::wrap_stream(stalling);
    let answer = send(gateway.request("POST", "/api/hello").body(stalling)).await;
    assert_eq!(answer.status, 408);
    let causes = r#"weir_gateway_upstream_failures_total{cause="client"}"#;
    assert_eq!(gateway.metric(causes).await, Some(2.0));
    assert_eq!(send(gateway.get("/api/hello")).await.status, 200);
    assert_eq!(backend.connections(), 1, "the others on it do not notice");
}
