//! Backends in TLS: who is believed, and how a connection is used.

use std::time::Duration;

use http::Response;
use tokio::net::TcpListener;
use weir_gateway::BackendTls;
use weir_testkit::{Certificates, Forgotten, Identity, Proxy};

use crate::support::{Gateway, Setup, inbound, send};
use crate::tls_backend::{
    ENTITY, HTTP_1, HTTP_2, TlsBackend, USE_ENTITY, believing, config, entity, failures, telling,
};
use crate::upstream::full;

async fn gateway(backend: &TlsBackend, tls: BackendTls) -> Gateway {
    Setup::new(backend.address, telling(""))
        .service_url(backend.url())
        .backend_tls(tls)
        .start()
        .await
}

/// A request fails with 502, and log and metric say why.
async fn fails(backend: &TlsBackend, tls: BackendTls, cause: &str, why: &str) {
    let gateway = gateway(backend, tls).await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!(answer.status, 502, "{cause}");
    assert_eq!(
        answer.json()["message"],
        "The backend could not be reached."
    );
    let told = answer.header("x-why").unwrap();
    assert!(told.contains(why), "{told}");
    assert!(told.contains("https://localhost:"), "{told}");
    assert_eq!(failures(&gateway, cause).await, 1.0, "{cause}");
    assert_eq!(backend.connections(), 0, "no handshake was finished");
}

#[tokio::test]
async fn a_backend_with_a_certificate_of_a_named_authority_is_called() {
    let authority = Certificates::new();
    for protocols in [HTTP_1, HTTP_2, &[]] {
        let server = authority.server(&["localhost"]);
        let backend = TlsBackend::start(config(&server, protocols, None), |request| async move {
            let host = request.headers().get("host").cloned();
            let host = host.map(|host| host.to_str().unwrap().to_owned());
            let authority = request.uri().authority().map(ToString::to_string);
            let path = request.uri().path().to_owned();
            Response::new(full(format!("{} {path}", host.or(authority).unwrap())))
        })
        .await;
        let gateway = gateway(&backend, believing(&authority)).await;
        for _ in 0..3 {
            let answer = send(gateway.get("/api/hello")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let expected = format!("localhost:{} /api/hello", backend.address.port());
            assert_eq!(answer.body, expected, "{protocols:?}");
        }
        assert_eq!(backend.connections(), 1, "{protocols:?}");
        assert_eq!(backend.named(), 1, "{protocols:?}: SNI names the host");
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_a_502_that_says_so() {
    let backend = TlsBackend::hello(config(
        &Certificates::new().server(&["localhost"]),
        HTTP_1,
        None,
    ))
    .await;
    let other = Certificates::new();
    fails(
        &backend,
        believing(&other),
        "certificate_unknown_authority",
        "--backend-ca",
    )
    .await;
}

#[tokio::test]
async fn a_self_signed_certificate_is_a_502_that_says_so() {
    let backend = TlsBackend::hello(config(&Identity::self_signed(), HTTP_2, None)).await;
    let tls = BackendTls::default();
    fails(&backend, tls, "certificate_self_signed", "is self-signed").await;
}

#[tokio::test]
async fn an_expired_certificate_is_a_502_that_says_so() {
    let authority = Certificates::new();
    let backend = TlsBackend::hello(config(&authority.expired(), HTTP_1, None)).await;
    fails(
        &backend,
        believing(&authority),
        "certificate_expired",
        "has expired",
    )
    .await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_a_502_that_says_so() {
    let authority = Certificates::new();
    let server = authority.server(&["other.example"]);
    let backend = TlsBackend::hello(config(&server, HTTP_1, None)).await;
    fails(
        &backend,
        believing(&authority),
        "certificate_wrong_name",
        "other.example",
    )
    .await;
}

#[tokio::test]
async fn a_certificate_is_for_the_urls_host_whatever_host_a_policy_sends() {
    let authority = Certificates::new();
    for protocols in [HTTP_1, HTTP_2] {
        let server = authority.server(&["localhost"]);
        let backend = TlsBackend::start(config(&server, protocols, None), |request| async move {
            let host = request.headers().get("host").cloned();
            let host = host.map(|host| host.to_str().unwrap().to_owned());
            let authority = request.uri().authority().map(ToString::to_string);
            Response::new(full(host.or(authority).unwrap()))
        })
        .await;
        let policy = inbound(
            r#"<set-header name="Host" exists-action="override"><value>shop.example</value></set-header>"#,
        );
        let gateway = Setup::new(backend.address, policy)
            .service_url(backend.url())
            .backend_tls(believing(&authority))
            .start()
            .await;
        let answer = send(gateway.get("/api/hello")).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (200, "shop.example"),
            "{protocols:?}"
        );
        assert_eq!(backend.named(), 1);
    }
}

#[tokio::test]
async fn each_check_can_be_switched_off_for_a_backend() {
    let authority = Certificates::new();
    let other = || authority.server(&["other.example"]);
    let chain = r#""validateCertificateChain": false"#;
    let name = r#""validateCertificateName": false"#;
    let both = r#""validateCertificateChain": false, "validateCertificateName": false"#;
    for (server, tls, status) in [
        (Identity::self_signed(), chain, 200),
        (Identity::self_signed(), name, 502),
        (other(), name, 200),
        (other(), chain, 502),
        (authority.expired(), chain, 200),
        (authority.expired(), name, 502),
        (other(), both, 200),
    ] {
        let backend = TlsBackend::hello(config(&server, HTTP_1, None)).await;
        let gateway = Setup::new(backend.address, inbound(USE_ENTITY))
            .file(ENTITY, entity(&backend, tls, ""))
            .backend_tls(believing(&authority))
            .start()
            .await;
        assert_eq!(
            send(gateway.get("/api/hello")).await.status,
            status,
            "{tls}"
        );
    }
}

#[tokio::test]
async fn a_base_url_may_be_https_literally_and_by_an_expression() {
    let authority = Certificates::new();
    let backend = TlsBackend::hello(config(&authority.server(&["localhost"]), HTTP_2, None)).await;
    let (port, url) = (backend.address.port(), backend.url());
    for base in [
        url,
        format!("@(&quot;https://localhost:&quot; + &quot;{port}&quot;)"),
    ] {
        let policy = inbound(&format!(r#"<set-backend-service base-url="{base}"/>"#));
        let gateway = Setup::new(backend.address, policy)
            .service_url("http://127.0.0.1:1".to_owned())
            .backend_tls(believing(&authority))
            .start()
            .await;
        let before = backend.connections();
        for _ in 0..3 {
            assert_eq!(send(gateway.get("/api/hello")).await.status, 200, "{base}");
        }
        assert_eq!(
            backend.connections(),
            before + 1,
            "{base}: connections are kept"
        );
    }
}

#[tokio::test]
async fn a_backend_that_says_nothing_costs_no_more_than_the_connect_timeout() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = silent.local_addr().unwrap();
    let mut setup = Setup::new(address, telling("")).service_url(format!("https://{address}"));
    setup.upstream.connect_timeout = Duration::from_millis(100);
    let gateway = setup.start().await;
    let answer = send(gateway.get("/api/hello")).await;
    assert_eq!(answer.status, 504);
    let told = answer.header("x-why").unwrap();
    assert_eq!(told, "no connection within 100ms");
    assert_eq!(failures(&gateway, "timeout").await, 1.0);
}

#[tokio::test]
async fn sessions_are_resumed() {
    let authority = Certificates::new();
    let server = config(&authority.server(&["localhost"]), HTTP_1, None);
    let backend = TlsBackend::start(server, |_| async {
        let mut response = Response::new(full("hello"));
        let close = http::HeaderValue::from_static("close");
        response.headers_mut().insert("connection", close);
        response
    })
    .await;
    let gateway = gateway(&backend, believing(&authority)).await;
    for _ in 0..4 {
        assert_eq!(send(gateway.get("/api/hello")).await.status, 200);
    }
    assert_eq!((backend.full(), backend.resumed()), (1, 3));
}

#[tokio::test]
async fn a_kept_connection_in_tls_that_ends_costs_no_request_that_may_be_repeated() {
    let authority = Certificates::new();
    for protocols in [HTTP_1, HTTP_2] {
        let server = config(&authority.server(&["localhost"]), protocols, None);
        let backend = TlsBackend::hello(server).await;
        let proxy = Proxy::start(backend.address).await;
        let gateway = Setup::new(proxy.address(), inbound(""))
            .service_url(format!("https://localhost:{}", proxy.address().port()))
            .backend_tls(believing(&authority))
            .start()
            .await;
        for method in ["GET", "HEAD", "DELETE", "GET"] {
            let ask = || gateway.request(method, "/api/hello");
            assert_eq!(send(ask()).await.status, 200, "{method}");
            proxy.forget_connections(Forgotten::Resets);
            let connections = proxy.accepted();
            assert_eq!(
                send(ask()).await.status,
                200,
                "{method} again, {protocols:?}"
            );
            assert_eq!(proxy.accepted(), connections + 1, "on a fresh connection");
        }
    }
}

#[tokio::test]
async fn a_new_configuration_goes_on_with_the_connections_of_the_old_one() {
    let authority = Certificates::new();
    for protocols in [HTTP_1, HTTP_2] {
        let server = config(&authority.server(&["localhost"]), protocols, None);
        let backend = TlsBackend::hello(server).await;
        let gateway = Setup::new(backend.address, inbound(""))
            .service_url(backend.url())
            .backend_tls(believing(&authority))
            .reloadable()
            .start()
            .await;
        assert_eq!(send(gateway.get("/api/hello")).await.status, 200);
        gateway.reload("success").await;
        assert_eq!(send(gateway.get("/api/hello")).await.status, 200);
        assert_eq!(backend.connections(), 1, "{protocols:?}");
    }
}
