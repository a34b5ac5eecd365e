//! How clients without TLS are led to it.

use http::HeaderValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use weir_testkit::Certificates;

use crate::support::{Server, ask, client, pair};

async fn exchange(mut stream: TcpStream, headers: &str) -> String {
    let request = format!(
        "POST /a?b=c HTTP/1.1\r\nhost: api.example:80\r\nconnection: close\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn clients_without_tls_are_sent_to_it_and_browsers_told_to_stay() {
    let certificates = Certificates::new();
    let strict = HeaderValue::from_static("max-age=31536000");
    let server = Server::start_with(pair(&certificates), Some(8443), Some(strict)).await;
    let direct = async || TcpStream::connect(server.plain).await.unwrap();
    let answer = exchange(direct().await, "").await;
    assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
    assert!(
        answer.contains("location: https://api.example:8443/a?b=c\r\n"),
        "{answer}"
    );
    assert!(
        !answer.contains("strict-transport"),
        "only over TLS: {answer}"
    );
    // Anybody can say so.
    let answer = exchange(direct().await, "x-forwarded-proto: https\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");

    // A trusted proxy is believed.
    let proxy = async || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        socket.connect(server.plain).await.unwrap()
    };
    let answer = exchange(proxy().await, "x-forwarded-proto: https\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(
        answer.contains("strict-transport-security: max-age=31536000\r\n"),
        "{answer}"
    );
    let answer = exchange(proxy().await, "x-forwarded-proto: http\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");

    let answer = ask(server.secure, client(&certificates, None), "localhost").await;
    let answer = answer.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(
        answer.contains("strict-transport-security: max-age=31536000\r\n"),
        "{answer}"
    );
}
