//! A network between a client and a server that can be slow, swallow everything, or forget the
//! connections it carries.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// What becomes of a connection that the network has forgotten, as load balancers and NAT gateways
/// forget idle ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// Whatever is sent on it disappears, and nobody is told.
    Swallows,
    /// It looks well until the client sends something: that is answered with a reset.
    Resets,
}

/// A TCP proxy in front of a server; ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    accepted: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    network: Network,
    /// Connections accepted before this one, counted from 0, are forgotten in this way.
    forgotten: (u64, Forgotten),
}

impl State {
    fn forgets(self, connection: u64) -> Option<Forgotten> {
        let (first_known, how) = self.forgotten;
        (connection < first_known).then_some(how)
    }
}

impl Proxy {
    /// Starts one in front of `server` that forwards.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a loopback port is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let fresh = State {
            network: Network::Forward,
            forgotten: (0, Forgotten::Swallows),
        };
        let (state, accepted) = (watch::Sender::new(fresh), Arc::new(AtomicU64::new(0)));
        let (states, count) = (state.subscribe(), Arc::clone(&accepted));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let connection = count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(carry(client, server, connection, states.clone()));
            }
        });
        Self {
            address,
            state,
            accepted,
            accepting,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what becomes of everything sent from now on. What was swallowed does not come back:
    /// its connection ends when the network forwards again.
    pub fn set(&self, network: Network) {
        self.state.send_modify(|state| state.network = network);
    }

    /// Forgets every connection it carries. New ones are carried as ever.
    pub fn forget_connections(&self, how: Forgotten) {
        self.state
            .send_modify(|state| state.forgotten = (self.accepted(), how));
    }

    /// Connections it has accepted so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(
    client: TcpStream,
    server: SocketAddr,
    connection: u64,
    mut states: watch::Receiver<State>,
) {
    if states
        .wait_for(|state| state.network != Network::Swallow)
        .await
        .is_err()
    {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    // Both ends go when one does, unless the network has forgotten that they belong together.
    let client_spoke = tokio::select! {
        () = copy(&mut from_client, &mut to_server, connection, states.clone()) => true,
        () = copy(&mut from_server, &mut to_client, connection, states.clone()) => false,
    };
    let forgotten = states.borrow().forgets(connection);
    match forgotten {
        None => {}
        // Nothing closes: that would tell the client. It ends with the proxy, whose state nobody
        // changes any more.
        Some(Forgotten::Swallows) => while states.changed().await.is_ok() {},
        Some(Forgotten::Resets) => {
            if !client_spoke {
                // The server ended first: the client does not hear of it until it speaks.
                let _ = from_client.peek(&mut [0]).await;
            }
            if let Ok(client) = from_client.reunite(to_client) {
                let _ = client.set_zero_linger();
            }
        }
    }
}

/// Ends with one of the two, or at the first byte that arrives on a connection that is forgotten.
async fn copy(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    connection: u64,
    mut states: watch::Receiver<State>,
) {
    let mut buffer = vec![0; 16_384];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let state = *states.borrow_and_update();
        if state.forgets(connection).is_some() {
            return;
        }
        match state.network {
            Network::Forward => {}
            Network::Delay(time) => tokio::time::sleep(time).await,
            Network::Swallow => {
                let _ = states
                    .wait_for(|state| state.network != Network::Swallow)
                    .await;
                return;
            }
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends everything back, and a client of it behind a proxy.
    async fn echoed() -> (Proxy, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        let proxy = Proxy::start(server).await;
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(echo(&mut client).await.unwrap(), *b"hello");
        (proxy, client)
    }

    async fn echo(client: &mut TcpStream) -> std::io::Result<[u8; 5]> {
        let mut answer = [0; 5];
        client.write_all(b"hello").await?;
        client.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn a_forgotten_connection_swallows_or_resets_and_a_new_one_is_carried() {
        let (proxy, mut client) = echoed().await;
        proxy.forget_connections(Forgotten::Resets);
        let error = echo(&mut client).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(echo(&mut client).await.unwrap(), *b"hello");
        proxy.forget_connections(Forgotten::Swallows);
        let silent = tokio::time::timeout(Duration::from_millis(100), echo(&mut client)).await;
        assert!(
            silent.is_err(),
            "nothing comes back, not even an end: {silent:?}"
        );
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(echo(&mut client).await.unwrap(), *b"hello");
        assert_eq!(proxy.accepted(), 3);
    }
}
