//! Source ports of probes. A node's connection tracking remembers a connection to a pod that died for two
//! minutes (`nf_conntrack_tcp_timeout_syn_sent`) and sends the next one from the same source port after it,
//! past the pods that are there by then. The kernel gives a port out again as soon as it is free, so that
//! the probes of an outage would let later ones fail; here each port waits for its turn, once per address, so
//! that no probe takes the port of one that asks somebody else.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::Range,
    sync::Mutex,
};

use tokio::net::{TcpSocket, TcpStream};

use super::{ProbeError, name};
use crate::shell::shared::lock;

/// Below those that the kernel gives out and those of `NodePort` Services. At a hundred connections in a
/// second to one address each is used again after 200 seconds.
const PORTS: Range<u16> = 10_000..30_000;

/// How many ports that somebody else has are passed over.
const TRIES: u16 = 64;

/// For how many addresses the turn is kept.
const ADDRESSES_MAX: usize = 16_384;

/// Gives out source ports in turn.
#[derive(Debug)]
pub struct Ports {
    range: Range<u16>,
    turns: Mutex<HashMap<SocketAddr, usize>>,
    /// Lets the turns begin anywhere, so that a process does not take the ports of the one before it.
    start: RandomState,
}

impl Ports {
    pub fn new() -> Self {
        Self::of(PORTS)
    }

    fn of(range: Range<u16>) -> Self {
        Self { range, turns: Mutex::default(), start: RandomState::new() }
    }

    fn next(&self, address: SocketAddr) -> u16 {
        let mut turns = lock(&self.turns);
        if turns.len() >= ADDRESSES_MAX && !turns.contains_key(&address) {
            turns.clear();
        }
        // A quarter of what fits, so that the turns never wrap.
        let first = || usize::try_from(self.start.hash_one(address) >> 2).unwrap_or(0);
        let turn = turns.entry(address).or_insert_with(first);
        *turn += 1;
        self.range.start + u16::try_from(*turn % self.range.len()).unwrap_or(0)
    }

    /// A connection from the next port that nobody has.
    ///
    /// # Errors
    /// `Unsent` when no port can be had here, `Failed` when the connection is refused there.
    pub async fn connect(&self, address: SocketAddr) -> Result<TcpStream, ProbeError> {
        let unsent = |error: &io::Error| ProbeError::Unsent(name(error));
        let socket = self.socket(address).map_err(|error| unsent(&error))?;
        socket.connect(address).await.map_err(|error| match error.kind() {
            // connect(2): the port is still taken for that very address; no memory for a connection.
            io::ErrorKind::AddrInUse
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::OutOfMemory => unsent(&error),
            _ => ProbeError::Failed(name(&error)),
        })
    }

    fn socket(&self, address: SocketAddr) -> io::Result<TcpSocket> {
        let (any, open): (IpAddr, fn() -> io::Result<TcpSocket>) = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), TcpSocket::new_v4),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED.into(), TcpSocket::new_v6),
        };
        for _ in 0..TRIES {
            let socket = open()?;
            // A port that has just been used towards another address may be used again.
            socket.set_reuseaddr(true)?;
            match socket.bind(SocketAddr::new(any, self.next(address))) {
                Ok(()) => return Ok(socket),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        let taken = format!("{TRIES} source ports in a row are taken");
        Err(io::Error::new(io::ErrorKind::AddrInUse, taken))
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

    #[tokio::test]
    async fn what_is_lacking_here_is_told_apart_from_what_the_service_does() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let port = address.port();
        let taken = Ports::of(port..port + 1).connect(address).await.unwrap_err();
        let why = "64 source ports in a row are taken".to_owned();
        assert_eq!(taken, ProbeError::Unsent(why));
        drop(server);
        let refused = Ports::new().connect(address).await.unwrap_err();
        assert_eq!(refused, ProbeError::Failed("connection refused".to_owned()));
    }

    #[tokio::test]
    async fn probes_of_one_address_leave_the_ports_of_others_alone() {
        let (one, other) = (TcpListener::bind("127.0.0.1:0"), TcpListener::bind("127.0.0.1:0"));
        let (one, other) = (one.await.unwrap(), other.await.unwrap());
        let (one, other) = (one.local_addr().unwrap(), other.local_addr().unwrap());
        let free =
            (20_000..30_000).find(|port| std::net::TcpListener::bind(("0.0.0.0", *port)).is_ok());
        let ports = Ports::of(free.unwrap()..free.unwrap() + 1);
        let taken = ports.connect(one).await.unwrap();
        assert!(ports.connect(other).await.is_ok());
        assert!(matches!(ports.connect(one).await, Err(ProbeError::Unsent(_))));
        drop(taken);
    }

    #[test]
    fn every_port_comes_once_before_the_first_comes_again() {
        let address = "10.96.0.7:80".parse().unwrap();
        let ports = Ports::new();
        let first: Vec<u16> = PORTS.map(|_| ports.next(address)).collect();
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, PORTS.collect::<Vec<_>>());
        assert_eq!(ports.next(address), first[0]);
    }
}
