//! What is agreed upon, and what is not.

use std::sync::Arc;

use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use weir_testkit::Certificates;

use crate::support::{LIMITS, PATIENCE, Server, ask, client, connect, pair, roots};

/// A ClientHello of a version that offers these suites, as bytes (RFC 5246, section 7.4.1.2).
pub(crate) fn hello(version: [u8; 2], suites: &[u16]) -> Vec<u8> {
    let suites: Vec<u8> = suites
        .iter()
        .flat_map(|suite| suite.to_be_bytes())
        .collect();
    let extensions = [
        // supported_groups: x25519, secp256r1
        &[0x00, 0x0a, 0x00, 0x06, 0x00, 0x04, 0x00, 0x1d, 0x00, 0x17][..],
        // ec_point_formats: uncompressed
        &[0x00, 0x0b, 0x00, 0x02, 0x01, 0x00],
        // signature_algorithms: ecdsa_secp256r1_sha256, rsa_pkcs1_sha256
        &[0x00, 0x0d, 0x00, 0x06, 0x00, 0x04, 0x04, 0x03, 0x04, 0x01],
    ]
    .concat();
    let mut body = version.to_vec();
    body.extend([7; 32]);
    body.push(0);
    body.extend(length(suites.len()));
    body.extend(suites);
    body.extend([1, 0]);
    body.extend(length(extensions.len()));
    body.extend(extensions);
    let mut message = vec![0x01, 0x00];
    message.extend(length(body.len()));
    message.extend(body);
    let mut record = vec![0x16, 0x03, 0x01];
    record.extend(length(message.len()));
    record.extend(message);
    record
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap().to_be_bytes()
}

const PROTOCOL_VERSION: u8 = 70;
const HANDSHAKE_FAILURE: u8 = 40;
const HANDSHAKE: u8 = 0x16;
pub(crate) const ALERT: u8 = 0x15;

/// The type of the record that is answered, and the alert's number if it is one.
async fn answer(server: &Server, bytes: &[u8]) -> (u8, u8) {
    let mut stream = TcpStream::connect(server.secure).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut record = [0; 7];
    stream.read_exact(&mut record).await.unwrap();
    (record[0], record[6])
}

#[tokio::test]
async fn old_versions_and_weak_suites_are_refused() {
    const ECDHE_ECDSA_AES128_GCM: u16 = 0xc02b;
    let server = Server::start(pair(&Certificates::new())).await;
    // The bytes are right: 1.2 with a good suite is answered by a handshake.
    let good = hello([3, 3], &[ECDHE_ECDSA_AES128_GCM]);
    assert_eq!(answer(&server, &good).await.0, HANDSHAKE);

    // SSL 3, TLS 1.0 and 1.1.
    for minor in 0..3 {
        let old = hello([3, minor], &[ECDHE_ECDSA_AES128_GCM, 0xc009]);
        assert_eq!(
            answer(&server, &old).await,
            (ALERT, PROTOCOL_VERSION),
            "3.{minor}"
        );
    }
    for (suite, name) in [
        (0x0000, "NULL"),
        (0x0005, "RSA with RC4"),
        (0x000a, "RSA with 3DES"),
        (0x002f, "RSA with AES in CBC"),
        (0x009c, "RSA with AES in GCM: no forward secrecy"),
        (0x0033, "DHE with AES in CBC"),
        (0x009e, "DHE with AES in GCM"),
        (0x00a6, "anonymous DH"),
        (0xc007, "ECDHE with RC4"),
        (0xc008, "ECDHE with 3DES"),
        (0xc009, "ECDHE with AES in CBC and SHA-1"),
        (0xc023, "ECDHE with AES in CBC"),
        (0x0003, "export"),
    ] {
        let weak = answer(&server, &hello([3, 3], &[suite])).await;
        assert_eq!(weak, (ALERT, HANDSHAKE_FAILURE), "{name}");
    }
}

#[tokio::test]
async fn the_protocol_is_agreed_upon() {
    let certificates = Certificates::new();
    let server = Server::start(pair(&certificates)).await;
    for (offered, chosen) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1", "h2"], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&["spdy/3", "http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let mut config = client(&certificates, None);
        config.alpn_protocols = offered
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let stream = connect(server.secure, config, "localhost").await.unwrap();
        let agreed = stream.get_ref().1.alpn_protocol();
        assert_eq!(agreed, chosen.map(str::as_bytes), "{offered:?}");
    }
    let mut config = client(&certificates, None);
    config.alpn_protocols = vec![b"smtp".to_vec()];
    assert!(connect(server.secure, config, "localhost").await.is_err());
}

#[tokio::test]
async fn both_versions_are_spoken_and_resumed() {
    let certificates = Certificates::new();
    let server = Server::start(pair(&certificates)).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots(&certificates))
            .with_no_client_auth();
        // Tickets come with the first answer.
        ask(server.secure, config.clone(), "localhost")
            .await
            .unwrap();
        let stream = connect(server.secure, config, "localhost").await.unwrap();
        let connection = stream.get_ref().1;
        assert_eq!(connection.protocol_version(), Some(version.version));
        assert_eq!(connection.handshake_kind(), Some(HandshakeKind::Resumed));
    }
}

#[tokio::test]
async fn handshakes_that_do_not_move_hold_nobody_up_and_are_ended() {
    let certificates = Certificates::new();
    let server = Server::start(pair(&certificates)).await;
    let config = client(&certificates, None);
    let mut silent = Vec::new();
    let most = LIMITS.connections / 2;
    for _ in 0..most - 1 {
        silent.push(TcpStream::connect(server.secure).await.unwrap());
    }
    let begun = std::time::Instant::now();
    ask(server.secure, config.clone(), "localhost")
        .await
        .unwrap();
    assert!(
        begun.elapsed() < LIMITS.header_timeout,
        "it did not wait for them"
    );

    // One more, and there is no room for handshakes; connections without TLS have theirs.
    silent.push(TcpStream::connect(server.secure).await.unwrap());
    weir_testkit::eventually(PATIENCE, async || {
        ask(server.secure, config.clone(), "localhost")
            .await
            .is_err()
    })
    .await;
    let mut plain = TcpStream::connect(server.plain).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    plain.write_all(request).await.unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("http nobody"), "{answer}");

    for mut connection in silent {
        let ended = tokio::time::timeout(PATIENCE, connection.read_u8()).await;
        assert!(ended.unwrap().is_err(), "closed");
    }
    ask(server.secure, config, "localhost").await.unwrap();
    let timeouts = server.metric("weir_tls_handshakes_total{result=\"timeout\"}");
    assert_eq!(timeouts, most.to_string());
}

#[tokio::test]
async fn what_is_no_tls_is_a_failed_handshake() {
    let server = Server::start(pair(&Certificates::new())).await;
    let mut stream = TcpStream::connect(server.secure).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let _ = stream.read_to_end(&mut Vec::new()).await;
    weir_testkit::eventually(PATIENCE, async || {
        server.metric("weir_tls_handshakes_total{result=\"failure\"}") == "1"
    })
    .await;
}
