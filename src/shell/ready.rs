//! Tells the kubelet that the operator is ready: the port is open, and says nothing, once everything that it
//! watches was listed. Before that it would answer notifications of which its runs would not hear.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;

use super::port;

/// Opens `port` as soon as `listed` resolves, and keeps it open.
///
/// # Errors
/// When somebody else has the port.
pub async fn notify(port: Option<u16>, listed: impl Future<Output = ()>) -> std::io::Result<()> {
    let Some(port) = port else {
        return std::future::pending().await;
    };
    listed.await;
    let listener = listen(port).await?;
    tracing::info!(port, "the operator is ready");
    loop {
        port::accept(&listener).await;
    }
}

/// Every address of both families, or of the one that there is.
async fn listen(port: u16) -> std::io::Result<TcpListener> {
    let any = |ip: IpAddr| TcpListener::bind(SocketAddr::new(ip, port));
    match any(Ipv6Addr::UNSPECIFIED.into()).await {
        Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => {
            any(Ipv4Addr::UNSPECIFIED.into()).await
        }
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use tokio::{net::TcpStream, sync::oneshot};

    use super::*;

    #[tokio::test]
    async fn the_port_is_closed_until_everything_is_listed() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let (listed, hears) = oneshot::channel();
        let told = tokio::spawn(notify(Some(address.port()), async { hears.await.unwrap() }));
        tokio::task::yield_now().await;
        assert!(TcpStream::connect(address).await.is_err());
        listed.send(()).unwrap();
        while TcpStream::connect(address).await.is_err() {
            assert!(!told.is_finished(), "it ended");
            tokio::task::yield_now().await;
        }
        told.abort();
    }
}
