//! The PROXY protocol over real sockets: who may announce a client, and what becomes of the rest.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Gateway, PATIENCE, Setup, inbound};
use crate::upstream::Upstream;

/// The load balancer of these tests, and somebody else on the same machine.
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

const TELL: &str =
    r#"<set-header name="x-client"><value>@(context.Request.IpAddress)</value></set-header>"#;
const REQUEST: &[u8] = b"GET /api/hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

async fn start(setup: impl FnOnce(Setup) -> Setup) -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let mut plain = Setup::new(upstream.address, inbound(TELL))
        .trusted("127.0.0.1/32")
        .trusted("10.0.0.0/8");
    plain.configure = |config| config.proxy_protocol = true;
    (upstream, setup(plain).start().await)
}

async fn connect(gateway: &Gateway, from: IpAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    socket.connect(gateway.address).await.unwrap()
}

/// What comes until the gateway closes the connection; a reset is an end, too.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the gateway closes");
    String::from_utf8(answer).unwrap()
}

/// Sends these pieces one after the other, as far as the gateway takes them, and returns the
/// answer.
async fn exchange(gateway: &Gateway, from: IpAddr, pieces: &[&[u8]]) -> String {
    let mut stream = connect(gateway, from).await;
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        // It may have hung up already, which shows in what is read.
        let _ = stream.write_all(piece).await;
        tokio::task::yield_now().await;
    }
    rest(stream).await
}

fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [
        b"\r\n\r\n\0\r\nQUIT\n",
        &[command, family][..],
        &length,
        rest,
    ]
    .concat()
}

fn tcp4(client: [u8; 4]) -> Vec<u8> {
    // A type, a length and a value nobody knows stand behind the addresses.
    version_2(
        0x21,
        0x11,
        &[
            &client[..],
            &[127, 0, 0, 1, 0x12, 0x34, 0, 80],
            &[0xE0, 0, 2, 1, 2],
        ]
        .concat(),
    )
}

#[tokio::test]
async fn a_trusted_proxy_announces_the_client_in_both_versions() {
    let (upstream, gateway) = start(|setup| setup).await;
    for (header, client) in [
        (
            b"PROXY TCP4 198.51.100.7 127.0.0.1 4711 80\r\n".to_vec(),
            "198.51.100.7",
        ),
        (
            b"PROXY TCP6 2001:db8::7 ::1 4711 80\r\n".to_vec(),
            "2001:db8::7",
        ),
        (
            b"PROXY TCP6 ::ffff:198.51.100.8 ::1 4711 80\r\n".to_vec(),
            "198.51.100.8",
        ),
        (tcp4([198, 51, 100, 9]), "198.51.100.9"),
    ] {
        for pieces in [
            vec![[&header[..], REQUEST].concat()],
            header.iter().map(|byte| vec![*byte]).collect(),
        ] {
            let whole = pieces.len() == 1;
            let mut pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            if !whole {
                pieces.push(REQUEST);
            }
            let answer = exchange(&gateway, PROXY, &pieces).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{client}: {answer}");
            let seen = upstream.seen().pop().unwrap();
            assert_eq!(
                (seen.header("x-client"), seen.header("x-forwarded-for")),
                (Some(client), Some(client))
            );
        }
    }
}

#[tokio::test]
async fn all_requests_of_a_connection_are_the_announced_clients() {
    let (upstream, gateway) = start(|setup| setup).await;
    let request = b"GET /api/hello HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = exchange(
        &gateway,
        PROXY,
        &[&tcp4([198, 51, 100, 7]), request, request, REQUEST],
    )
    .await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 3, "{answer}");
    assert!(
        upstream
            .seen()
            .iter()
            .all(|seen| seen.header("x-client") == Some("198.51.100.7"))
    );
}

#[tokio::test]
async fn a_health_check_of_the_proxy_is_its_own_request() {
    let (upstream, gateway) = start(|setup| setup).await;
    for header in [version_2(0x20, 0, &[]), b"PROXY UNKNOWN\r\n".to_vec()] {
        let answer = exchange(&gateway, PROXY, &[&header, REQUEST]).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(
            upstream.seen().pop().unwrap().header("x-client"),
            Some("127.0.0.1")
        );
    }
}

#[tokio::test]
async fn a_trusted_proxy_without_the_header_is_not_served() {
    let (upstream, gateway) = start(|setup| setup).await;
    let long = version_2(0x21, 0x11, &[0; 4000]);
    for bytes in [
        REQUEST,
        b"PROXY TCP4 nobody 127.0.0.1 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0",
        &long,
    ] {
        assert_eq!(exchange(&gateway, PROXY, &[bytes, REQUEST]).await, "");
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn nobody_else_may_announce_anybody() {
    let (upstream, gateway) = start(|setup| setup).await;
    for header in [
        b"PROXY TCP4 198.51.100.7 127.0.0.1 4711 80\r\n".to_vec(),
        tcp4([198, 51, 100, 7]),
    ] {
        let answer = exchange(&gateway, STRANGER, &[&[&header[..], REQUEST].concat()]).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    assert!(upstream.seen().is_empty());
    let answer = exchange(&gateway, STRANGER, &[REQUEST]).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(upstream.only().header("x-client"), Some("127.0.0.2"));
}

/// The proxy passes bytes on: headers are the client's own words, unless the client is a trusted
/// proxy itself.
#[tokio::test]
async fn x_forwarded_for_counts_only_if_the_announced_address_is_trusted() {
    let (upstream, gateway) = start(|setup| setup).await;
    let forged = b"GET /api/hello HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 203.0.113.1\r\nconnection: close\r\n\r\n";
    for (announced, client) in [
        ([198, 51, 100, 7], "198.51.100.7"),
        ([10, 1, 2, 3], "203.0.113.1"),
    ] {
        let answer = exchange(&gateway, PROXY, &[&tcp4(announced), forged]).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(
            upstream.seen().pop().unwrap().header("x-client"),
            Some(client)
        );
    }
}

#[tokio::test]
async fn http_2_behind_the_header_works_too() {
    let (_upstream, gateway) = start(|setup| setup).await;
    let mut stream = connect(&gateway, PROXY).await;
    // The preface and an empty SETTINGS frame; the gateway answers with its own.
    let hello = [
        &tcp4([198, 51, 100, 7])[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[0, 0, 0, 4, 0, 0, 0, 0, 0],
    ]
    .concat();
    stream.write_all(&hello).await.unwrap();
    let mut frame = [0; 9];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut frame))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(frame[3], 4, "a SETTINGS frame: {frame:?}");
}

#[tokio::test]
async fn a_header_that_does_not_come_is_not_waited_for_for_ever() {
    let (upstream, gateway) = start(|mut setup| {
        setup.clients.connections.header_timeout = Duration::from_millis(200);
        setup
    })
    .await;
    for beginning in [
        &b""[..],
        b"PROXY TCP4 198.51.100.7",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x06",
    ] {
        assert_eq!(exchange(&gateway, PROXY, &[beginning]).await, "");
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_connection_that_says_nothing_holds_no_shutdown_up() {
    let (_upstream, mut gateway) = start(|mut setup| {
        setup.clients.connections.header_timeout = PATIENCE * 10;
        setup.clients.connections.drain = PATIENCE * 10;
        setup
    })
    .await;
    let silent = connect(&gateway, PROXY).await;
    // A served request tells that the connection before it was accepted.
    assert!(
        exchange(&gateway, PROXY, &[&tcp4([198, 51, 100, 7]), REQUEST])
            .await
            .starts_with("HTTP/1.1 200")
    );
    gateway.shutdown.cancel();
    tokio::time::timeout(PATIENCE, &mut gateway.running)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    drop(silent);
}
