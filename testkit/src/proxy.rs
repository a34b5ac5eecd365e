//! A network between a client and a server that can be slow, or swallow everything.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the network does with what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// It arrives.
    Forward,
    /// It arrives this much later, in each direction.
    Delay(Duration),
    /// It does not arrive, and nobody is told: connections stay, and new ones are accepted.
    Swallow,
}

/// A TCP proxy in front of a server; ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    network: watch::Sender<Network>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Starts one in front of `server` that forwards.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let network = watch::Sender::new(Network::Forward);
        let state = network.subscribe();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, state.clone()));
            }
        });
        Self { address, network, accepting }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what becomes of everything sent from now on. What was swallowed does not come back: its connection ends
    /// when the network forwards again.
    pub fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(client: TcpStream, server: SocketAddr, mut state: watch::Receiver<Network>) {
    if state.wait_for(|network| *network != Network::Swallow).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    // Both ends go when one does.
    tokio::select! {
        () = copy(&mut from_client, &mut to_server, state.clone()) => {}
        () = copy(&mut from_server, &mut to_client, state) => {}
    }
}

async fn copy(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut state: watch::Receiver<Network>,
) {
    let mut buffer = vec![0; 16_384];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let network = *state.borrow_and_update();
        match network {
            Network::Forward => {}
            Network::Delay(time) => tokio::time::sleep(time).await,
            Network::Swallow => {
                let _ = state.wait_for(|network| *network != Network::Swallow).await;
                return;
            }
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
