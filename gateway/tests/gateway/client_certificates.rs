//! What backends in TLS are shown, and the files it comes from.

use std::fs;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;
use weir_gateway::BackendTls;
use weir_testkit::{Certificates, Identity};

use crate::support::{PATIENCE, Setup, inbound, send};
use crate::tls_backend::{
    ENTITY, HTTP_2, TlsBackend, USE_ENTITY, believing, config, entity, failures, telling,
};

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
async fn a_certificate_that_was_replaced_is_shown_after_a_reload() {
    let authority = Certificates::new();
    let (folder, _) = folder(&Certificates::new().client("gateway"));
    let server = authority.server(&["localhost"]);
    let asks = config(&server, HTTP_2, Some(authority.authority()));
    let backend = TlsBackend::hello(asks).await;
    let policy = inbound(r#"<authentication-certificate certificate-id="client"/>"#);
    let gateway = Setup::new(backend.address, policy)
        .service_url(backend.url())
        .backend_tls(BackendTls {
            certificates: Some(folder.path().to_owned()),
            ..believing(&authority)
        })
        .reloadable()
        .start()
        .await;
    assert_eq!(send(gateway.get("/api/hello")).await.status, 502);
    authority.client("gateway").write(folder.path(), "client");
    gateway.reload("success").await;
    assert_eq!(send(gateway.get("/api/hello")).await.status, 200);
    fs::write(folder.path().join("client.pem"), "").unwrap();
    gateway.reload("failure").await;
    assert_eq!(
        send(gateway.get("/api/hello")).await.status,
        200,
        "the old one holds"
    );
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
