//! HTTP/1.1 by hand on the operator's side: what is sent there, and when, must be this proxy's choice.

use std::io;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// A connection of the operator.
pub type Wire = BufReader<TcpStream>;

/// A whole request.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Request {
    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Whether the API server is only asked what it would do.
    pub fn is_rehearsal(&self) -> bool {
        self.target.contains("dryRun=All")
    }

    /// Whether the answer is a stream that ends much later.
    pub fn is_watch(&self) -> bool {
        self.target.contains("watch=true") || self.target.contains("watch=1")
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Reads the next request; `None` when the operator has closed the connection.
pub async fn read(wire: &mut Wire) -> io::Result<Option<Request>> {
    let first = line(wire).await?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(io::Error::other(format!("no request line: {first}")));
    };
    let method = method.parse().map_err(io::Error::other)?;
    let target = target.to_owned();
    let headers = headers(wire).await?;
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(io::Error::other("a request body of unknown length"));
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.map_or(Ok(0), str::parse).map_err(io::Error::other)?;
    let mut body = vec![0; length];
    wire.read_exact(&mut body).await?;
    Ok(Some(Request { method, target, headers, body }))
}

async fn line(wire: &mut Wire) -> io::Result<String> {
    let mut line = String::new();
    wire.read_line(&mut line).await?;
    Ok(line.trim_end().to_owned())
}

async fn headers(wire: &mut Wire) -> io::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    loop {
        let line = line(wire).await?;
        let Some((name, value)) = line.split_once(':') else {
            return Ok(headers);
        };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?;
        headers.append(name, HeaderValue::from_str(value.trim()).map_err(io::Error::other)?);
    }
}

/// Sends a whole answer; when this returns, all of it is on its way.
pub async fn write(wire: &mut Wire, answer: &Answer) -> io::Result<()> {
    let mut bytes = head(answer.status, &answer.headers);
    bytes.extend(format!("content-length: {}\r\n\r\n", answer.body.len()).bytes());
    bytes.extend(&answer.body);
    wire.write_all(&bytes).await?;
    wire.flush().await
}

/// Passes on a stream, piece by piece, until either side ends it.
pub async fn pass(wire: &mut Wire, mut stream: reqwest::Response) -> io::Result<()> {
    let mut bytes = head(stream.status(), stream.headers());
    bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
    wire.write_all(&bytes).await?;
    loop {
        tokio::select! {
            piece = stream.chunk() => match piece.map_err(io::Error::other)? {
                Some(piece) => {
                    wire.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
                    wire.write_all(&piece).await?;
                    wire.write_all(b"\r\n").await?;
                }
                None => return wire.write_all(b"0\r\n\r\n").await,
            },
            // An operator that watches says nothing: it has closed the connection.
            _ = wire.fill_buf() => return Err(io::ErrorKind::ConnectionReset.into()),
        }
    }
}

fn head(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in headers.iter().filter(|(name, _)| !is_of_one_connection(name)) {
        bytes.extend(name.as_str().bytes().chain(*b": "));
        bytes.extend(value.as_bytes().iter().chain(b"\r\n"));
    }
    bytes
}

/// What speaks of a connection and not of what is sent on it.
pub fn is_of_one_connection(name: &HeaderName) -> bool {
    [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::HOST]
        .contains(name)
}
