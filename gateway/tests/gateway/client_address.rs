//! Who the client is, seen through a limit keyed by its address and through what the backend is
//! told.

use crate::support::{Gateway, Setup, inbound, send};
use crate::upstream::Upstream;

const BY_ADDRESS: &str = r#"<rate-limit-by-key calls="1" renewal-period="60" counter-key="@(context.Request.IpAddress)" />
    <set-header name="x-client"><value>@(context.Request.IpAddress)</value></set-header>"#;

async fn gateway(trusted: Option<&str>) -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let setup = Setup::new(upstream.address, inbound(BY_ADDRESS));
    let setup = if let Some(network) = trusted {
        setup.trusted(network)
    } else {
        setup
    };
    (upstream, setup.start().await)
}

async fn status(gateway: &Gateway, forwarded: &[&str]) -> u16 {
    let request = forwarded
        .iter()
        .fold(gateway.get("/api/hello"), |request, line| {
            request.header("x-forwarded-for", *line)
        });
    send(request).await.status
}

#[tokio::test]
async fn an_untrusted_peer_cannot_choose_its_counter() {
    let (upstream, gateway) = gateway(None).await;
    assert_eq!(status(&gateway, &["198.51.100.1"]).await, 200);
    assert_eq!(status(&gateway, &["198.51.100.2"]).await, 429);
    assert_eq!(
        status(&gateway, &["198.51.100.3", "198.51.100.4"]).await,
        429
    );
    let seen = upstream.only();
    assert_eq!(
        (seen.header("x-client"), seen.header("x-forwarded-for")),
        (Some("127.0.0.1"), Some("127.0.0.1"))
    );
}

#[tokio::test]
async fn a_trusted_peer_names_the_client_once_in_whatever_form() {
    let (upstream, gateway) = gateway(Some("127.0.0.0/8")).await;
    assert_eq!(status(&gateway, &["198.51.100.1"]).await, 200);
    assert_eq!(upstream.only().header("x-client"), Some("198.51.100.1"));
    assert_eq!(
        upstream.only().header("x-forwarded-for"),
        Some("198.51.100.1, 127.0.0.1")
    );
    for same in [
        &["198.51.100.1:4711"][..],
        &["::ffff:198.51.100.1"],
        &["6.6.6.6, 198.51.100.1"],
        &["6.6.6.6", "198.51.100.1"],
        &["198.51.100.1, 127.0.0.2"],
    ] {
        assert_eq!(status(&gateway, same).await, 429, "{same:?}");
    }
    assert_eq!(status(&gateway, &["198.51.100.2"]).await, 200);
}

#[tokio::test]
async fn ten_thousand_entries_are_refused_or_cut_but_never_a_new_client() {
    let (_upstream, gateway) = gateway(Some("127.0.0.0/8")).await;
    assert_eq!(status(&gateway, &["198.51.100.1"]).await, 200);
    let chain = format!("{}198.51.100.1", "6.6.6.6, ".repeat(1_000));
    assert_eq!(status(&gateway, &[&chain]).await, 429);
    let chain = format!("{}198.51.100.1", "6.6.6.6, ".repeat(10_000));
    assert_eq!(status(&gateway, &[&chain]).await, 431);
}

#[tokio::test]
async fn other_headers_about_the_client_are_neither_read_nor_forwarded() {
    let (upstream, gateway) = gateway(Some("127.0.0.0/8")).await;
    let request = gateway
        .get("/api/hello")
        .header("x-forwarded-for", "198.51.100.1");
    let request = request
        .header("forwarded", "for=6.6.6.6")
        .header("x-real-ip", "6.6.6.6");
    let request = request
        .header("true-client-ip", "6.6.6.6")
        .header("x-client-ip", "6.6.6.6");
    let request = request
        .header("x-original-host", "evil")
        .header("x-original-url", "/admin");
    let request = request
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "public.example");
    assert_eq!(send(request).await.status, 200);
    let seen = upstream.only();
    assert_eq!(seen.header("x-client"), Some("198.51.100.1"));
    for name in [
        "forwarded",
        "x-real-ip",
        "true-client-ip",
        "x-client-ip",
        "x-original-host",
        "x-original-url",
    ] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.header("x-forwarded-host"), Some("public.example"));
}

#[tokio::test]
async fn a_proxy_header_on_the_plain_port_is_no_request() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (upstream, gateway) = gateway(None).await;
    for prefix in [
        &b"PROXY TCP4 6.6.6.6 7.7.7.7 1 2\r\n"[..],
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x06\x06\x06\x06\x07\x07\x07\x07\0\x01\0\x02",
    ] {
        let mut stream = tokio::net::TcpStream::connect(gateway.address)
            .await
            .unwrap();
        stream.write_all(prefix).await.unwrap();
        stream
            .write_all(b"GET /api/hello HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(
            answer.starts_with(b"HTTP/1.1 400"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert!(upstream.seen().is_empty());
}
