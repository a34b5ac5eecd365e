//! A handshake within a connection is refused (TLS 1.2; TLS 1.3 has none).

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ConnectionTrafficSecrets};
use weir_testkit::Certificates;

use crate::handshakes::{ALERT, hello};
use crate::support::{PATIENCE, Server, pair, roots};

const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// The client's side of an established connection whose records this test writes itself: no
/// client library would send what it is about.
struct Records {
    stream: TcpStream,
    key: LessSafeKey,
    salt: [u8; 4],
    sequence: u64,
}

impl Records {
    fn connect(address: SocketAddr, certificates: &Certificates) -> Self {
        let mut provider = default_provider();
        provider.cipher_suites = vec![cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256];
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_root_certificates(roots(certificates))
            .with_no_client_auth();
        config.enable_secret_extraction = true;
        let name = ServerName::try_from("localhost").unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        while connection.is_handshaking() || connection.wants_write() {
            connection.complete_io(&mut stream).unwrap();
        }
        let (sequence, secrets) = connection.dangerous_extract_secrets().unwrap().tx;
        let ConnectionTrafficSecrets::Aes128Gcm { key, iv } = secrets else {
            panic!("another suite was agreed upon")
        };
        Self {
            stream,
            key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key.as_ref()).unwrap()),
            salt: iv.as_ref()[..4].try_into().unwrap(),
            sequence,
        }
    }

    /// Sends one record (RFC 5246, section 6.2.3.3; RFC 5288).
    fn send(&mut self, kind: u8, plain: &[u8]) {
        let explicit = self.sequence.to_be_bytes();
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&self.salt);
        nonce[4..].copy_from_slice(&explicit);
        let length = u16::try_from(plain.len()).unwrap().to_be_bytes();
        let aad = [&explicit[..], &[kind, 3, 3], &length].concat();
        let mut sealed = plain.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(nonce, Aad::from(aad), &mut sealed)
            .unwrap();
        let length = u16::try_from(explicit.len() + sealed.len()).unwrap();
        let head = [&[kind, 3, 3][..], &length.to_be_bytes()].concat();
        let record = [&head[..], &explicit, &sealed].concat();
        self.stream.write_all(&record).unwrap();
        self.sequence += 1;
    }

    /// The type of the next record; `None`: the server has closed.
    fn receive(&mut self) -> Option<u8> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).ok()?;
        let length = u16::from_be_bytes([head[3], head[4]]);
        self.stream
            .read_exact(&mut vec![0; usize::from(length)])
            .ok()?;
        Some(head[0])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_not_negotiated_again() {
    let certificates = Certificates::new();
    let server = Server::start(pair(&certificates)).await;
    let address = server.secure;
    let ended = tokio::task::spawn_blocking(move || {
        let mut records = Records::connect(address, &certificates);
        // The records are right: a request is answered.
        records.send(APPLICATION_DATA, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(records.receive(), Some(APPLICATION_DATA));

        let record = hello([3, 3], &[0xc02b]);
        records.send(HANDSHAKE, &record[5..]);
        let answer = records.receive();
        assert!(matches!(answer, None | Some(ALERT)), "{answer:?}");
        answer
    });
    ended.await.unwrap();
}
