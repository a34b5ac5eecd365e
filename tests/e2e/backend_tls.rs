//! The flags about TLS to backends, and what the gateway says when it fails.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use weir_testkit::{Certificates, Identity, eventually};

use crate::support::{PATIENCE, Role, client};

/// A function app in TLS, which wants a certificate of `asks` from callers; its URL.
async fn function_app(identity: &Identity, asks: Option<&Certificates>) -> String {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match asks {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = rustls::RootCertStore::empty();
            let authority = CertificateDer::from_pem_slice(authority.authority()).unwrap();
            roots.add(authority).unwrap();
            let roots = Arc::new(roots);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let config = builder.with_single_cert(vec![chain], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n")
                && stream.read_buf(&mut request).await.unwrap() > 0
            {}
            let line = String::from_utf8_lossy(&request);
            let line = line.lines().next().unwrap_or_default();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{line}",
                line.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    format!("https://localhost:{port}/api")
}

/// A configuration of one API at `service_url`, with these steps.
fn configuration(service_url: &str, inbound: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "apis/app/apiInformation.json",
        &format!(
            r#"{{"properties": {{"displayName": "App", "path": "", "serviceUrl": "{service_url}",
                 "subscriptionRequired": false}}}}"#
        ),
    );
    write(
        folder.path(),
        "apis/app/specification.yaml",
        "openapi: 3.0.3\ninfo: { title: App, version: '1' }\npaths:\n  /hello:\n    get: { responses: { '200': { description: ok } } }\n",
    );
    write(
        folder.path(),
        "policy.xml",
        &format!(
            "<policies><inbound>{inbound}</inbound><backend><forward-request/></backend><outbound/><on-error/></policies>"
        ),
    );
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

async fn gateway(configuration: &Path, arguments: &[&str]) -> Role {
    let mut all = vec!["--limiter=http://127.0.0.1:1", "--config"];
    all.push(configuration.to_str().unwrap());
    all.extend(arguments);
    Role::start_alive("gateway", &all).await
}

async fn hello(gateway: &Role) -> (u16, String) {
    let url = format!("{}/hello", gateway.url());
    let answer = client().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn check(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weir"))
        .arg("check")
        .args(arguments)
        .output()
        .unwrap()
}

#[tokio::test]
async fn a_function_app_in_tls_is_called_with_the_certificate_it_asks_for() {
    let authority = Certificates::new();
    let app = function_app(&authority.server(&["localhost"]), Some(&authority)).await;
    let show = r#"<authentication-certificate certificate-id="gateway"/>"#;
    let folder = configuration(&app, show);
    let certificates = tempfile::tempdir().unwrap();
    authority
        .client("gateway")
        .write(certificates.path(), "gateway");
    let (ca, shown) = (authority.authority_file(), certificates.path());
    let flags = [
        "--backend-ca",
        ca.to_str().unwrap(),
        "--backend-certificates",
        shown.to_str().unwrap(),
    ];
    let gateway = gateway(folder.path(), &flags).await;
    let expected = (200, "GET /api/hello HTTP/1.1".to_owned());
    assert_eq!(hello(&gateway).await, expected, "{}", gateway.log());

    let directory = folder.path().to_str().unwrap();
    let mut with_flags = vec![directory];
    with_flags.extend(flags);
    assert!(check(&with_flags).status.success());
    let output = check(&[directory]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(told.contains("there is no certificate `gateway`"), "{told}");
}

#[tokio::test]
async fn a_self_signed_backend_is_a_502_and_a_line_that_says_so() {
    let app = function_app(&Identity::self_signed(), None).await;
    let folder = configuration(&app, "");
    let gateway = gateway(folder.path(), &[]).await;
    assert_eq!(hello(&gateway).await.0, 502);
    eventually(PATIENCE, || async {
        gateway.log().contains("is self-signed")
    })
    .await;
}

#[tokio::test]
async fn a_check_that_is_switched_off_is_a_loud_warning() {
    let app = function_app(&Identity::self_signed(), None).await;
    let folder = configuration(&app, r#"<set-backend-service backend-id="app"/>"#);
    write(
        folder.path(),
        "backends/app/backendInformation.json",
        &format!(
            r#"{{"properties": {{"url": "{app}", "tls": {{"validateCertificateChain": false}}}}}}"#
        ),
    );
    let gateway = gateway(folder.path(), &[]).await;
    assert_eq!(hello(&gateway).await.0, 200);
    let warning = "`validateCertificateChain: false`: this backend's certificate is not checked";
    assert!(gateway.log().contains(warning), "{}", gateway.log());
    let output = check(&[folder.path().to_str().unwrap()]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("anybody on the way can be it"), "{told}");
}
