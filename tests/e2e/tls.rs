//! TLS to clients, by the flags of the roles.

use std::process::Command;

use reqwest::{Certificate, Identity, StatusCode, Version};
use weir_testkit::{Certificates, Signal, eventually};

use crate::support::{ConfigDir, PATIENCE, Role};

/// A client that believes the test's authority, and has no connections yet.
fn client(certificates: &Certificates) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([Certificate::from_pem(certificates.authority()).unwrap()])
}

/// The flags of a folder of certificates.
fn flags<'a>(folder: &'a std::path::Path, config: &'a ConfigDir) -> Vec<&'a str> {
    vec![
        "--config",
        config.as_str(),
        "--tls-listen=127.0.0.1:0",
        "--tls-certificate",
        folder.to_str().unwrap(),
    ]
}

async fn hello(role: &Role, client: reqwest::Client) -> reqwest::Result<reqwest::Response> {
    let url = format!("{}/hello", role.secure_url());
    client.get(url).send().await
}

#[tokio::test]
async fn a_certificate_that_is_replaced_is_taken_up_and_a_broken_one_is_not() {
    let (old, new) = (Certificates::new(), Certificates::new());
    let (dir, config) = (tempfile::tempdir().unwrap(), ConfigDir::scenario());
    old.server(&["127.0.0.1"]).write_pair(dir.path(), "server");
    let gateway = Role::start_alive("gateway", &flags(dir.path(), &config)).await;
    let kept = client(&old).build().unwrap();
    let answer = hello(&gateway, kept.clone()).await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);

    // Nobody asks for it: the change is seen.
    new.server(&["127.0.0.1"]).write_pair(dir.path(), "server");
    eventually(PATIENCE, || async {
        hello(&gateway, client(&new).build().unwrap()).await.is_ok()
    })
    .await;
    assert!(
        hello(&gateway, client(&old).build().unwrap())
            .await
            .is_err()
    );
    // What is open goes on.
    assert!(hello(&gateway, kept).await.is_ok());

    std::fs::write(dir.path().join("server.key"), "no key").unwrap();
    gateway.signal(Signal::Hup);
    eventually(PATIENCE, || async {
        gateway
            .log()
            .contains("the certificates were refused; those from before still hold")
    })
    .await;
    assert!(
        gateway.log().contains("server.key: holds no private key"),
        "{}",
        gateway.log()
    );
    assert!(hello(&gateway, client(&new).build().unwrap()).await.is_ok());
}

#[test]
fn a_broken_pair_keeps_every_role_from_starting() {
    let certificates = Certificates::new();
    let key = certificates.server(&["localhost"]).key;
    let dir = tempfile::tempdir().unwrap();
    let (other, missing) = (dir.path().join("other.key"), dir.path().join("missing.pem"));
    std::fs::write(&other, key).unwrap();
    for role in ["gateway", "limiter", "backend", "identity", "web"] {
        for (certificate, says) in [
            (
                certificates.certificate_file(),
                "other.key is not the key of",
            ),
            (missing.clone(), "missing.pem: cannot be read"),
        ] {
            let output = Command::new(env!("CARGO_BIN_EXE_weir"))
                .args([role, "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"])
                .arg("--tls-certificate")
                .arg(&certificate)
                .arg("--tls-key")
                .arg(&other)
                .output()
                .unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{role}: {error}");
            assert!(
                error.contains(says) && error.contains("Nothing was started"),
                "{role}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn every_role_serves_tls_and_asks_for_certificates() {
    let certificates = Certificates::new();
    let files = [
        "--tls-listen=127.0.0.1:0".to_owned(),
        format!(
            "--tls-certificate={}",
            certificates.certificate_file().display()
        ),
        format!("--tls-key={}", certificates.key_file().display()),
        format!("--client-ca={}", certificates.authority_file().display()),
    ];
    let flags: Vec<&str> = files.iter().map(|flag| &**flag).collect();
    let own = certificates.client("operator");
    let own = Identity::from_pem(format!("{}{}", own.certificate, own.key).as_bytes()).unwrap();
    for role in ["backend", "identity", "web"] {
        let running = Role::start_alive(role, &flags).await;
        // Whatever is answered: it was TLS, and the certificate was good.
        let with = client(&certificates).identity(own.clone()).build().unwrap();
        with.get(running.secure_url()).send().await.unwrap();
        let without = client(&certificates).build().unwrap();
        let refused = without.get(running.secure_url()).send().await;
        assert!(refused.is_err(), "{role}");
    }
    // gRPC is HTTP/2, and nothing else is offered.
    let limiter = Role::start("limiter", &flags).await;
    let with = client(&certificates).identity(own).build().unwrap();
    let answer = with.post(limiter.secure_url()).send().await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
}

#[tokio::test]
async fn browsers_are_led_to_tls() {
    let certificates = Certificates::new();
    let (dir, config) = (tempfile::tempdir().unwrap(), ConfigDir::scenario());
    certificates
        .server(&["127.0.0.1"])
        .write_pair(dir.path(), "server");
    let mut flags = flags(dir.path(), &config);
    flags.extend(["--tls-redirect=443", "--hsts=600"]);
    let gateway = Role::start_alive("gateway", &flags).await;
    let plain = client(&certificates).build().unwrap();
    let url = format!("{}/hello?a=b", gateway.url());
    let answer = plain.get(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(answer.headers()["location"], "https://127.0.0.1/hello?a=b");
    let answer = hello(&gateway, plain).await.unwrap();
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=600");
}
