//! Backends in TLS: who is believed, what is shown to them, and how a connection is used.

use std::fs;
use std::time::Duration;

use http::Response;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;
use tokio::net::TcpListener;
use weir_gateway::BackendTls;
use weir_testkit::{Certificates, Forgotten, Identity, Proxy};

use crate::support::{Gateway, PATIENCE, Setup, document, inbound, send};
use crate::tls_backend::{HTTP_1, HTTP_2, TlsBackend, config};
use crate::upstream::full;

/// Says in a header why a request failed.
fn telling(steps: &str) -> String {
    let why = r#"<set-header name="x-why" exists-action="override">
                   <value>@(context.LastError.Message)</value></set-header>"#;
    document(steps, "<forward-request/>", "", why)
}

fn believing(authority: &Certificates) -> BackendTls {
    BackendTls {
        authorities: Some(authority.authority_file()),
        certificates: None,
    }
}

async fn gateway(backend: &TlsBackend, tls: BackendTls) -> Gateway {
    Setup::new(backend.address, telling(""))
        .service_url(backend.url())
        .backend_tls(tls)
        .start()
        .await
}

async fn failures(gateway: &Gateway, cause: &str) -> f64 {
    let name = format!("weir_gateway_upstream_failures_total{{cause=\"{cause}\"}}");
    gateway.metric(&name).await.unwrap()
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

/// A backend entity `f` at `backend`.
fn entity(backend: &TlsBackend, tls: &str, credentials: &str) -> String {
    format!(
        r#"{{"properties": {{"url": "{}", "protocol": "http",
             "tls": {{{tls}}}, "credentials": {{{credentials}}} }} }}"#,
        backend.url()
    )
}

const USE_ENTITY: &str = r#"<set-backend-service backend-id="f"/>"#;
const ENTITY: &str = "backends/f/backendInformation.json";

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

/// A folder with the certificate `client`, and its thumbprint.
fn folder(client: &Identity) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    client.write(folder.path(), "client");
    let certificate = CertificateDer::from_pem_slice(client.certificate.as_bytes()).unwrap();
    let sha1 = &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
    let digest = aws_lc_rs::digest::digest(sha1, &certificate);
    let thumbprint = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    (folder, thumbprint.collect::<Vec<_>>().join(":"))
}

#[tokio::test]
async fn a_backend_that_asks_is_shown_the_certificate_that_is_named() {
    let authority = Certificates::new();
    let (right, right_thumbprint) = folder(&authority.client("gateway"));
    let (wrong, wrong_thumbprint) = folder(&Certificates::new().client("gateway"));
    let by_thumbprint = |text: &str| {
        (
            USE_ENTITY.to_owned(),
            format!(r#""certificate": ["{text}"]"#),
        )
    };
    let by_id = |id: &str| {
        (
            USE_ENTITY.to_owned(),
            format!(r#""certificateIds": ["{id}"]"#),
        )
    };
    let by_policy = |attribute: &str| {
        let steps = format!("{USE_ENTITY}<authentication-certificate {attribute}/>");
        (steps, String::new())
    };
    let resource = "/subscriptions/s/resourceGroups/r/providers/Microsoft.ApiManagement/service/a/certificates/client";
    for (folder, (steps, credentials), status) in [
        (&right, by_thumbprint(&right_thumbprint), 200),
        (
            &right,
            by_thumbprint(&right_thumbprint.replace(':', "").to_uppercase()),
            200,
        ),
        (&right, by_id("client"), 200),
        (&right, by_id(resource), 200),
        (
            &right,
            by_policy(&format!(r#"thumbprint="{right_thumbprint}""#)),
            200,
        ),
        (&right, by_policy(r#"certificate-id="client""#), 200),
        (
            &right,
            by_policy(r#"certificate-id="@(&quot;cli&quot; + &quot;ent&quot;)""#),
            200,
        ),
        (
            &right,
            by_policy(r#"certificate-id="@(&quot;nobody&quot;)""#),
            500,
        ),
        (&wrong, by_thumbprint(&wrong_thumbprint), 502),
        (&right, (USE_ENTITY.to_owned(), String::new()), 502),
    ] {
        let server = authority.server(&["localhost"]);
        let asks = config(&server, HTTP_2, Some(authority.authority()));
        let backend = TlsBackend::hello(asks).await;
        let gateway = Setup::new(backend.address, telling(&steps))
            .file(ENTITY, entity(&backend, "", &credentials))
            .backend_tls(BackendTls {
                certificates: Some(folder.path().to_owned()),
                ..believing(&authority)
            })
            .start()
            .await;
        let answer = send(gateway.get("/api/hello")).await;
        assert_eq!(answer.status, status, "{steps} {credentials} {answer:?}");
        if status == 502 {
            weir_testkit::eventually(PATIENCE, || async { backend.refused() == 1 }).await;
            assert_eq!(failures(&gateway, "tls").await, 1.0, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_connection_with_a_certificate_is_not_used_for_requests_without() {
    let authority = Certificates::new();
    let (folder, _) = folder(&authority.client("gateway"));
    let backend = TlsBackend::hello(config(&authority.server(&["localhost"]), HTTP_2, None)).await;
    let policy = inbound(
        r#"<choose><when condition="@(context.Request.Headers.ContainsKey(&quot;x-show&quot;))">
             <authentication-certificate certificate-id="client"/></when></choose>"#,
    );
    let gateway = Setup::new(backend.address, policy)
        .service_url(backend.url())
        .backend_tls(BackendTls {
            certificates: Some(folder.path().to_owned()),
            ..believing(&authority)
        })
        .start()
        .await;
    for _ in 0..2 {
        assert_eq!(send(gateway.get("/api/hello")).await.status, 200);
        let shown = gateway.get("/api/hello").header("x-show", "1");
        assert_eq!(send(shown).await.status, 200);
    }
    assert_eq!(backend.connections(), 2);
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

#[tokio::test]
async fn files_that_cannot_be_used_are_errors_that_name_them() {
    let folder = TempDir::new().unwrap();
    let (one, other) = (Identity::self_signed(), Identity::self_signed());
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("empty.pem", "");
    write("keyless.pem", &one.certificate);
    write("mixed.pem", &format!("{}{}", one.certificate, other.key));
    write("lonely.crt", &one.certificate);
    write("good.crt", &one.certificate);
    write("good.key", &one.key);
    write("notes.txt", "no certificate");
    let tls = BackendTls {
        authorities: Some(folder.path().join("notes.txt")),
        certificates: Some(folder.path().to_owned()),
    };
    let config = TempDir::new().unwrap();
    let problems = weir_gateway::load_with(config.path(), &Default::default(), &tls).unwrap_err();
    let text = problems.to_string();
    for expected in [
        "notes.txt: holds no certificate",
        "empty.pem: holds no certificate",
        "keyless.pem: holds no private key",
        "mixed.pem: cannot be used with its key",
        "lonely.crt: its key",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert_eq!(problems.0.len(), 5, "{text}");
}

#[tokio::test]
async fn certificates_that_are_not_there_are_errors_with_their_place() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "policy.xml",
        &inbound(r#"<authentication-certificate certificate-id="nobody"/>"#),
    );
    let thumbprint = "0".repeat(40);
    let backend = format!(
        r#"{{"properties": {{"url": "https://b.example", "credentials": {{"certificate": ["{thumbprint}"]}}}}}}"#
    );
    write(ENTITY, &backend);
    let problems = weir_gateway::load(folder.path(), &Default::default()).unwrap_err();
    let text = problems.to_string();
    assert!(
        text.contains("policy.xml:1:20: there is no certificate `nobody`"),
        "{text}"
    );
    let place =
        format!("{ENTITY}:1:77: there is no certificate with the thumbprint `{thumbprint}`");
    assert!(text.contains(&place), "{text}");
    assert!(text.contains("--backend-certificates"), "{text}");
}
