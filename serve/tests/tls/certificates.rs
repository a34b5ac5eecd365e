//! Which certificate is shown, and what happens when the files change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tempfile::TempDir;
use weir_serve::{Tls, TlsError};
use weir_testkit::Certificates;

use crate::support::{PATIENCE, Server, ask, client, connect, folder, pair};

/// The DER of the certificate that is shown to a client that asks for `name`.
async fn shown(server: &Server, certificates: &Certificates, name: &str) -> Vec<u8> {
    let stream = connect(server.secure, client(certificates, None), name)
        .await
        .unwrap();
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    chain[0].to_vec()
}

#[tokio::test]
async fn the_name_a_client_asks_for_chooses_the_certificate() {
    let certificates = Certificates::new();
    let dir = TempDir::new().unwrap();
    for (file, names) in [
        ("a", &["a.example", "*.b.example"][..]),
        ("c", &["exact.b.example"]),
        // Shown to everybody else, whatever its place among the names.
        (
            "default",
            &["localhost", "other.example", "deep.a.b.example"],
        ),
    ] {
        certificates.server(names).write_pair(dir.path(), file);
    }
    let server = Server::start(folder(dir.path())).await;
    let a = shown(&server, &certificates, "a.example").await;
    let c = shown(&server, &certificates, "exact.b.example").await;
    let default = shown(&server, &certificates, "localhost").await;
    assert!(a != c && c != default && a != default);
    assert_eq!(shown(&server, &certificates, "A.example").await, a);
    assert_eq!(shown(&server, &certificates, "any.b.example").await, a);
    assert_eq!(
        shown(&server, &certificates, "other.example").await,
        default
    );
    // `*` is one label.
    assert_eq!(
        shown(&server, &certificates, "deep.a.b.example").await,
        default
    );
}

#[tokio::test]
async fn a_new_certificate_is_taken_up_under_load_without_a_failed_call() {
    const REPLACED: usize = 20;
    let certificates = Certificates::new();
    let dir = TempDir::new().unwrap();
    certificates
        .server(&["localhost"])
        .write_pair(dir.path(), "server");
    let server = Server::start(folder(dir.path())).await;
    let before = shown(&server, &certificates, "localhost").await;
    let (done, calls) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let load: Vec<_> = (0..2)
        .map(|_| {
            let (config, address) = (client(&certificates, None), server.secure);
            let (done, calls) = (Arc::clone(&done), Arc::clone(&calls));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    let answer = ask(address, config.clone(), "localhost").await.unwrap();
                    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..REPLACED {
        let seen = calls.load(Ordering::Relaxed);
        certificates
            .server(&["localhost"])
            .write_pair(dir.path(), "server");
        server.tls.reload().unwrap();
        weir_testkit::eventually(PATIENCE, async || calls.load(Ordering::Relaxed) > seen + 2).await;
    }
    done.store(true, Ordering::Relaxed);
    for client in load {
        client.await.unwrap();
    }
    assert_ne!(shown(&server, &certificates, "localhost").await, before);
    assert_eq!(
        server.metric("weir_tls_reloads_total{result=\"success\"}"),
        REPLACED.to_string()
    );
}

#[tokio::test]
async fn a_broken_pair_is_refused_while_the_old_one_serves() {
    let certificates = Certificates::new();
    let dir = TempDir::new().unwrap();
    certificates
        .server(&["localhost"])
        .write_pair(dir.path(), "server");
    let server = Server::start(folder(dir.path())).await;
    let before = shown(&server, &certificates, "localhost").await;
    assert_eq!(server.metric("weir_tls_last_reload_successful"), "1");

    let stranger = certificates.server(&["localhost"]);
    std::fs::write(dir.path().join("server.key"), stranger.key).unwrap();
    let error = server.tls.reload().unwrap_err();
    assert!(matches!(error, TlsError::Mismatch { .. }), "{error}");
    assert_eq!(shown(&server, &certificates, "localhost").await, before);
    assert_eq!(server.metric("weir_tls_last_reload_successful"), "0");
    assert_eq!(
        server.metric("weir_tls_reloads_total{result=\"failure\"}"),
        "1"
    );

    certificates
        .server(&["localhost"])
        .write_pair(dir.path(), "server");
    server.tls.reload().unwrap();
    assert_ne!(shown(&server, &certificates, "localhost").await, before);
    assert_eq!(server.metric("weir_tls_last_reload_successful"), "1");
}

#[test]
fn what_cannot_be_used_is_named_with_the_fix() {
    let certificates = Certificates::new();
    let dir = TempDir::new().unwrap();
    let refused = || Tls::load(folder(dir.path())).unwrap_err().to_string();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let good = certificates.server(&["localhost"]);

    let none = refused();
    assert!(none.contains("NAME.key and NAME.crt"), "{none}");
    write("server.key", &good.key);
    let alone = refused();
    assert!(
        alone.contains("server.crt or") && alone.contains("server.pem"),
        "{alone}"
    );
    write("server.pem", "nothing");
    let empty = refused();
    assert!(empty.contains("BEGIN CERTIFICATE"), "{empty}");
    write("server.pem", &good.certificate);
    write("server.key", "nothing");
    let keyless = refused();
    assert!(
        keyless.contains("server.key") && keyless.contains("openssl pkey"),
        "{keyless}"
    );
    write("server.key", &certificates.server(&["localhost"]).key);
    let mismatch = refused();
    assert!(mismatch.contains("is not the key of"), "{mismatch}");

    let mut missing = pair(&certificates);
    missing.certificates = weir_serve::Certificates::Pair {
        certificate: dir.path().join("missing.pem"),
        key: dir.path().join("missing.key"),
    };
    let missing = Tls::load(missing).unwrap_err().to_string();
    assert!(missing.contains("missing.pem: cannot be read"), "{missing}");
}

#[tokio::test]
async fn every_certificate_says_when_it_expires_and_a_change_is_seen() {
    let certificates = Certificates::new();
    let dir = TempDir::new().unwrap();
    for name in ["one", "two"] {
        certificates.server(&[name]).write_pair(dir.path(), name);
    }
    let config = folder(dir.path());
    let before = config.fingerprint();
    let server = Server::start(config.clone()).await;
    for name in ["one", "two"] {
        let label = format!("{{certificate=\"{name}.pem\"}}");
        let expiry = server.metric(&format!(
            "weir_tls_certificate_expiry_timestamp_seconds{label}"
        ));
        // The testkit's last until 4096.
        assert_eq!(expiry.parse::<f64>().unwrap(), 67_090_118_400.0);
    }
    assert_eq!(config.fingerprint(), before);
    certificates.server(&["one"]).write_pair(dir.path(), "one");
    assert_ne!(config.fingerprint(), before);
    std::fs::remove_file(dir.path().join("two.key")).unwrap();
    server.tls.reload().unwrap();
    assert!(!server.ops.render().contains("two.pem"));
}
