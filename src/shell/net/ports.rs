//! Source ports of probes. A node's connection tracking remembers a connection to a pod that died for two
//! minutes (`nf_conntrack_tcp_timeout_syn_sent`) and sends the next one from the same source port after it,
//! past the pods that are there by then. The kernel gives a port out again as soon as it is free, so that
//! the probes of an outage would let later ones fail; here each port waits for its turn.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
};

use tokio::net::{TcpSocket, TcpStream};

/// Below those that the kernel gives out and those of `NodePort` Services. At a hundred connections in a
/// second each is used again after 200 seconds.
const PORTS: Range<u16> = 10_000..30_000;

/// How many ports that somebody else has are passed over.
const TRIES: u16 = 64;

/// Gives out source ports in turn.
#[derive(Debug)]
pub struct Ports(AtomicUsize);

impl Ports {
    /// Begins anywhere, so that a process does not take the ports of the one before it.
    pub fn new() -> Self {
        let start = RandomState::new().hash_one(());
        // A quarter of what fits, so that the turns never wrap.
        Self(AtomicUsize::new(usize::try_from(start >> 2).unwrap_or(0)))
    }

    fn next(&self) -> u16 {
        let turn = self.0.fetch_add(1, Ordering::Relaxed) % PORTS.len();
        PORTS.start + u16::try_from(turn).unwrap_or(0)
    }

    /// A connection from the next port that nobody has.
    ///
    /// # Errors
    /// When no port can be had or the connection is refused.
    pub async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        self.socket(address)?.connect(address).await
    }

    fn socket(&self, address: SocketAddr) -> io::Result<TcpSocket> {
        let (any, open): (IpAddr, fn() -> io::Result<TcpSocket>) = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), TcpSocket::new_v4),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED.into(), TcpSocket::new_v6),
        };
        for _ in 0..TRIES {
            let socket = open()?;
            match socket.bind(SocketAddr::new(any, self.next())) {
                Ok(()) => return Ok(socket),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn ports_come_in_turn_and_one_that_somebody_has_is_passed_over() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let ports = Ports::new();
        let first = ports.connect(address).await.unwrap().local_addr().unwrap().port();
        assert!(PORTS.contains(&first));
        // The first is free again, and the one after it is somebody's.
        let next = if first + 1 == PORTS.end { PORTS.start } else { first + 1 };
        let _taken = TcpListener::bind(("127.0.0.1", next)).await;
        let second = ports.connect(address).await.unwrap().local_addr().unwrap().port();
        assert!(second != first && second != next, "{first}, then {second}");
    }

    #[test]
    fn every_port_comes_once_before_the_first_comes_again() {
        let ports = Ports::new();
        let first: Vec<u16> = PORTS.map(|_| ports.next()).collect();
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, PORTS.collect::<Vec<_>>());
        assert_eq!(ports.next(), first[0]);
    }
}
