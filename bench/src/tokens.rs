//! Access tokens of many users, and the provider whose key signed them.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use weir_development::BACKEND_CLIENT_ID;

/// A provider that serves discovery and one key as long as the program runs.
pub(crate) struct Provider {
    key: KeyPair,
    url: String,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key can be made");
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a loopback port is free");
        let url = format!(
            "http://{}",
            listener
                .local_addr()
                .expect("a bound socket has an address")
        );
        let discovery = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }).to_string();
        let public = key.public_key();
        let keys = json!({ "keys": [{
            "kty": "RSA", "use": "sig", "kid": "bench",
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        }] })
        .to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let n = stream.read(&mut request).await.unwrap_or(0);
                let body = if request[..n].starts_with(b"GET /keys") {
                    &keys
                } else {
                    &discovery
                };
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length";
                let _ = stream
                    .write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes())
                    .await;
            }
        });
        Self { key, url }
    }

    pub(crate) fn discovery(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.url)
    }

    /// A valid token of user `n`.
    pub(crate) fn token(&self, n: usize) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("the clock is past 1970")
            .as_secs();
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "bench" });
        let claims = json!({
            "iss": self.url, "aud": BACKEND_CLIENT_ID, "sub": format!("0d9c1b1e-6f7a-4f3d-9a54-{n:012x}"),
            "iat": now, "nbf": now, "exp": now + 3600, "name": "Bench Mark", "scp": "Hello", "ver": "1.0",
        });
        let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                input.as_bytes(),
                &mut signature,
            )
            .expect("an RSA key signs");
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
