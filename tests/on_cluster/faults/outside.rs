//! A server outside of the cluster that answers with what it is sent.

use std::net::{IpAddr, UdpSocket};

use k8s_openapi::api::core::v1::Node;
use kube::{Api, api::ListParams};
use tokio::{
    io,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::client::Host;
use crate::support;

/// Ends with this value.
pub struct Outside {
    address: IpAddr,
    port: u16,
    serving: JoinHandle<()>,
}

impl Outside {
    /// At the address of this machine by which the nodes reach it.
    pub async fn answers() -> Self {
        let nodes: Api<Node> = Api::all(support::client().await);
        let node = nodes.list(&ListParams::default().limit(1)).await.unwrap().items.remove(0);
        let addresses = node.status.unwrap().addresses.unwrap();
        let internal = addresses.into_iter().find(|of| of.type_ == "InternalIP").unwrap();
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect((internal.address.as_str(), 1)).unwrap();
        let address = socket.local_addr().unwrap().ip();
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { address, port, serving: tokio::spawn(serve(listener)) }
    }

    pub fn host(&self) -> Host {
        Host::range(&self.address.to_string(), self.port)
    }

    /// The range that holds it alone.
    pub fn cidr(&self) -> String {
        format!("{}/32", self.address)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) {
    let (mut read, mut write) = stream.split();
    io::copy(&mut read, &mut write).await.ok();
}
