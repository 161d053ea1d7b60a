//! The operator's one port. Whoever shows its token is let in to the routes that its parts bring; this knows
//! none of them. Anybody may connect, so whatever a connection takes has a bound (`port/bounds.rs`).

mod body;
mod bounds;
pub mod metrics;
mod token;

pub use body::Bodies;
pub use bounds::{BOUNDS, Bounds};
pub use token::Token;

use std::{
    collections::HashMap,
    io::{self, Write},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::{Id, JoinSet},
    time::{sleep, timeout},
};

/// Listens on `address` for those who show the token, until the task is aborted.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(
    address: SocketAddr,
    token: Token,
    routes: Router,
    bounds: Bounds,
) -> io::Result<()> {
    let listener = listen(address, &bounds)?;
    hold(&listener, &guarded(token, routes), bounds).await
}

/// The routes, for those who show the token.
fn guarded(token: Token, routes: Router) -> Router {
    routes.route_layer(middleware::from_fn_with_state(Arc::new(token), token::let_in))
}

/// The answer to a request that may be right, and cannot be served now.
#[must_use]
pub fn again(words: &str) -> Response {
    let retry = [(header::RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, retry, format!("{words}\n")).into_response()
}

/// What a connection is told that is one too many; there is none to read what it asks.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\r\n\
    too many connections at once: try again\n";

/// Connections that wait for the next round of the loop below.
const BACKLOG: u32 = 1024;

/// Every connection inherits the socket's buffer, which would else grow to megabytes of what nobody reads.
fn listen(address: SocketAddr, bounds: &Bounds) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.set_recv_buffer_size(bounds.unread)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Takes up connections, each in a task that ends with this one; one too many is told so and closed at once.
async fn hold(listener: &TcpListener, routes: &Router, bounds: Bounds) -> ! {
    let mut connections = JoinSet::new();
    let mut peers: HashMap<Id, IpAddr> = HashMap::new();
    loop {
        tokio::select! {
            biased;
            Some(ended) = connections.join_next_with_id() => {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                peers.remove(&id);
            }
            (stream, address) = accept(listener) => {
                let peer = address.ip().to_canonical();
                let own = peers.values().filter(|other| **other == peer).count();
                if own < bounds.per_peer && peers.len() < bounds.connections {
                    let connection = answer(stream, routes.clone(), bounds);
                    peers.insert(connections.spawn(connection).id(), peer);
                } else {
                    tracing::debug!(%peer, own, all = peers.len(), "a connection too many");
                    refuse(stream);
                }
            }
        }
    }
}

/// How long nobody is let in after a connection could not be taken up, as when no file can be opened any more: it
/// stays in the queue, and would be tried at once again for ever.
const PAUSE: Duration = Duration::from_secs(1);

/// The next connection.
pub(super) async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => tracing::warn!(%error, "a connection could not be taken up"),
        }
        sleep(PAUSE).await;
    }
}

fn refuse(stream: TcpStream) {
    // Without waiting: what does not fit into an empty buffer is not worth a place in a queue.
    if let Ok(mut stream) = stream.into_std() {
        stream.write_all(FULL).ok();
    }
}

/// Answers the one request of a connection: so none is ever idle, and a client is nowhere without a limit.
async fn answer(stream: TcpStream, routes: Router, bounds: Bounds) {
    let request = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head_within)
        .max_buf_size(bounds.head)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes))
        .without_shutdown();
    let answered = async {
        if let Ok(ended) = request.await {
            part(ended.io.into_inner(), bounds).await;
        }
    };
    timeout(bounds.connection_within, answered).await.ok();
}

/// Lets a client read the answer that still sends what nobody wants: a socket that is closed with unread bytes in it
/// is reset, and that takes the answer away from the client (RFC 9112, section 9.6).
async fn part(mut stream: TcpStream, bounds: Bounds) {
    let rest = async {
        stream.shutdown().await?;
        let mut rest = stream.take(bounds.body as u64);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    timeout(bounds.answer_within, rest).await.ok();
}

#[cfg(test)]
mod tests;
