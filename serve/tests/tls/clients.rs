//! Certificates of clients.

use weir_testkit::Certificates;

use crate::support::{Server, ask, client, mutual};

#[tokio::test]
async fn who_has_to_show_a_certificate_is_served_with_a_good_one_only() {
    let (certificates, other) = (Certificates::new(), Certificates::new());
    let server = Server::start(mutual(&certificates, &certificates, true)).await;
    let good = certificates.client("gateway-1");
    let answer = ask(
        server.secure,
        client(&certificates, Some(&good)),
        "localhost",
    )
    .await
    .unwrap();
    assert!(answer.ends_with("https CN=gateway-1"), "{answer}");
    let refused = [
        None,
        Some(other.client("gateway-1")),
        Some(certificates.expired_client("gateway-1")),
        // Made out for servers, not for clients.
        Some(certificates.server_only("gateway-1")),
    ];
    for own in refused {
        let config = client(&certificates, own.as_ref());
        let answer = ask(server.secure, config, "localhost").await;
        assert!(answer.is_err(), "{own:?}: {answer:?}");
    }
    assert_eq!(
        server.metric("weir_tls_handshakes_total{result=\"success\"}"),
        "1"
    );
    weir_testkit::eventually(crate::support::PATIENCE, async || {
        server.metric("weir_tls_handshakes_total{result=\"failure\"}") == "4"
    })
    .await;
}

#[tokio::test]
async fn who_is_only_asked_may_have_none_but_not_a_bad_one() {
    let (certificates, other) = (Certificates::new(), Certificates::new());
    let server = Server::start(mutual(&certificates, &certificates, false)).await;
    let none = ask(server.secure, client(&certificates, None), "localhost").await;
    assert!(none.unwrap().ends_with("https nobody"));
    let good = certificates.client("alice");
    let good = ask(
        server.secure,
        client(&certificates, Some(&good)),
        "localhost",
    )
    .await;
    assert!(good.unwrap().ends_with("https CN=alice"));
    let bad = other.client("alice");
    let bad = ask(
        server.secure,
        client(&certificates, Some(&bad)),
        "localhost",
    )
    .await;
    assert!(bad.is_err(), "{bad:?}");
}

/// A resumed session would show the certificate of its first handshake, however long ago.
#[tokio::test]
async fn a_certificate_is_shown_each_time() {
    let certificates = Certificates::new();
    let server = Server::start(mutual(&certificates, &certificates, true)).await;
    let good = certificates.client("gateway-1");
    let config = client(&certificates, Some(&good));
    for _ in 0..3 {
        ask(server.secure, config.clone(), "localhost")
            .await
            .unwrap();
        let stream = crate::support::connect(server.secure, config.clone(), "localhost").await;
        let kind = stream.unwrap().get_ref().1.handshake_kind();
        assert_eq!(kind, Some(rustls::HandshakeKind::Full));
    }
}
