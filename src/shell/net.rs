//! The network beside the API server: probes through Services, requests to alert sources, and messages to a chat.

mod chat;
mod ports;

use std::{error::Error, net::SocketAddr, path::PathBuf, time::Duration};

use futures::future::BoxFuture;
use http_body_util::Empty;
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use reqwest::{Client, Response, Url, header, redirect};
use serde_json::{Value, value::RawValue};
use tokio::net::TcpStream;

use crate::{
    config::{Chat, Endpoint},
    core::{cluster::reach, undelivered::Undelivered},
    detectors::Question,
};
use ports::Ports;

/// How firedrill names itself.
pub(super) const AGENT: &str = concat!("firedrill/", env!("CARGO_PKG_VERSION"));

/// Why a probe has no good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeError {
    /// What the service did instead.
    Failed(String),
    /// What this process or its machine lacked, so that nothing was asked: it says nothing of the service.
    Unsent(String),
}

/// What can be asked of the network; simulations bring their own.
pub trait Net: Send + Sync {
    /// A GET; a status from 200 to 399 is good, everything else says why not.
    fn http_probe<'a>(
        &'a self,
        address: SocketAddr,
        host: &'a str,
        path: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<(), ProbeError>>;

    /// A connection, closed at once.
    fn tcp_probe(
        &self,
        address: SocketAddr,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<(), ProbeError>>;

    /// What an endpoint answers to a question; an answer beyond a bound is an error.
    fn get_json<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        question: Question,
    ) -> BoxFuture<'a, Result<Box<RawValue>, String>>;

    /// Posts a message to a chat, with its key; a status from 200 to 299 is good. What else it answers is not read, but
    /// how long it is to be left alone.
    fn post_json<'a>(
        &'a self,
        _chat: &'a Chat,
        _key: &'a str,
        _message: Value,
    ) -> BoxFuture<'a, Result<(), Undelivered>> {
        Box::pin(std::future::ready(Err("there is no chat".to_owned().into())))
    }

    /// Whether a chat takes connections; nothing is sent.
    fn reach_chat<'a>(&'a self, _chat: &'a Chat) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(std::future::ready(Err("there is no chat".to_owned())))
    }
}

/// The longest answer of an alert source. Read, it takes up to three times the memory.
const ANSWER_MAX: usize = 4 << 20;

/// The real network.
pub struct Sockets {
    ports: Ports,
    sources: Vec<(String, Client)>,
}

/// Why the network cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A CA certificate cannot be read.
    #[error("cannot read the CA certificate {0}: {1}")]
    ReadCa(PathBuf, std::io::Error),
    /// The TLS library refuses what it was given.
    #[error("cannot set up HTTP: {0}")]
    Http(#[from] reqwest::Error),
}

impl Sockets {
    /// Sets up probes, and HTTP for the sources that will be asked.
    ///
    /// # Errors
    /// When a CA certificate cannot be read or is none.
    pub fn new(sources: &[Endpoint]) -> Result<Self, SetupError> {
        let client = |endpoint: &Endpoint| Ok((endpoint.url.clone(), source_client(endpoint)?));
        let sources = sources.iter().map(client).collect::<Result<_, SetupError>>()?;
        Ok(Self { ports: Ports::new(), sources })
    }
}

fn builder() -> reqwest::ClientBuilder {
    Client::builder().redirect(redirect::Policy::none()).no_proxy().user_agent(AGENT)
}

/// The system's certificates are loaded only where they are needed: a small image has none.
fn source_client(endpoint: &Endpoint) -> Result<Client, SetupError> {
    http_client(&endpoint.url, endpoint.ca_file.as_ref())
}

fn http_client(url: &str, ca_file: Option<&PathBuf>) -> Result<Client, SetupError> {
    let certificates = match ca_file {
        Some(file) => {
            let pem =
                std::fs::read(file).map_err(|error| SetupError::ReadCa(file.clone(), error))?;
            Some(reqwest::Certificate::from_pem_bundle(&pem)?)
        }
        None if url.starts_with("https:") => None,
        None => Some(Vec::new()),
    };
    let builder = match certificates {
        Some(certificates) => builder().tls_certs_only(certificates),
        None => builder(),
    };
    Ok(builder.build()?)
}

impl Net for Sockets {
    fn http_probe<'a>(
        &'a self,
        address: SocketAddr,
        host: &'a str,
        path: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<(), ProbeError>> {
        let probe = async move {
            // A new connection for each sample: a user who comes now has none yet.
            let stream = self.ports.connect(address).await?;
            match status(stream, address, host, path).await.map_err(ProbeError::Failed)? {
                200..400 => Ok(()),
                status => Err(ProbeError::Failed(format!("HTTP {status}"))),
            }
        };
        Box::pin(within(timeout, probe))
    }

    fn tcp_probe(
        &self,
        address: SocketAddr,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<(), ProbeError>> {
        Box::pin(within(timeout, async move { self.ports.connect(address).await.map(drop) }))
    }

    fn get_json<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        question: Question,
    ) -> BoxFuture<'a, Result<Box<RawValue>, String>> {
        Box::pin(async move {
            let client = self.sources.iter().find(|(url, _)| *url == endpoint.url);
            let (_, client) = client.ok_or("this source was not configured")?;
            let url = format!("{}{}", endpoint.url.trim_end_matches('/'), question.path);
            let mut request =
                client.get(url).query(&question.query).timeout(endpoint.timeout.std());
            if let Some(file) = &endpoint.token_file {
                let token = std::fs::read_to_string(file)
                    .map_err(|error| format!("{}: {error}", file.display()))?;
                request = request.bearer_auth(token.trim());
            }
            let answer = request.send().await.map_err(explain)?;
            if !answer.status().is_success() {
                return Err(format!("HTTP {}", answer.status().as_u16()));
            }
            let text = String::from_utf8(body(answer).await?).map_err(|error| error.to_string())?;
            RawValue::from_string(text).map_err(|error| format!("the answer is no JSON: {error}"))
        })
    }

    fn post_json<'a>(
        &'a self,
        chat: &'a Chat,
        key: &'a str,
        message: Value,
    ) -> BoxFuture<'a, Result<(), Undelivered>> {
        Box::pin(chat::post(chat, key, message))
    }

    fn reach_chat<'a>(&'a self, chat: &'a Chat) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(chat::reach(chat))
    }
}

/// The body of an answer, of which never more than the bound is in memory.
async fn body(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(explain)? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(format!(
                "the answer has more than {} MiB, and no more is read: let it tell less, by fewer alerts or rules",
                ANSWER_MAX >> 20
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

async fn within(
    limit: Duration,
    probe: impl Future<Output = Result<(), ProbeError>>,
) -> Result<(), ProbeError> {
    let late = || Err(ProbeError::Failed("timed out".to_owned()));
    tokio::time::timeout(limit, probe).await.unwrap_or_else(|_| late())
}

/// The status of the answer to a GET over that connection.
async fn status(
    stream: TcpStream,
    address: SocketAddr,
    host: &str,
    path: &str,
) -> Result<u16, String> {
    let url = Url::parse(&format!("http://{address}{path}")).map_err(|error| error.to_string())?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let request = Request::get(format!("{}{query}", url.path()))
        .header(header::HOST, host)
        .header(header::USER_AGENT, AGENT)
        .header(header::ACCEPT, "*/*")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| words(&error))?;
    let mut answer = std::pin::pin!(sender.send_request(request));
    // What ends a connection tells more than the request that was on it; and the server may have closed
    // it behind its answer.
    let (answer, ended) = tokio::select! {
        biased;
        ended = connection => (answer.await, ended.err()),
        answer = &mut answer => (answer, None),
    };
    answer
        .map(|answer| answer.status().as_u16())
        .map_err(|error| words(ended.as_ref().unwrap_or(&error)))
}

/// What a failed exchange means to somebody who uses the port.
fn words(error: &hyper::Error) -> String {
    cause(error).unwrap_or_else(|| {
        // A request that was not begun yet is canceled by what ended the connection, which is its source.
        let mut first = error;
        while let Some(source) = first.source().and_then(|source| source.downcast_ref()) {
            first = source;
        }
        let unanswered = first.is_incomplete_message() || first.is_canceled() || first.is_closed();
        if unanswered { reach::NO_ANSWER } else { reach::NOT_HTTP }.to_owned()
    })
}

/// An error in the words of a user of the service, without addresses and layers.
fn explain(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    cause(&error).unwrap_or_else(|| error.without_url().to_string())
}

/// The error of the network below, if one is.
fn cause(error: &(dyn Error + 'static)) -> Option<String> {
    let mut source = Some(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return Some(name(io));
        }
        source = cause.source();
    }
    None
}

fn name(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => reach::REFUSED.to_owned(),
        ErrorKind::ConnectionReset => reach::RESET.to_owned(),
        ErrorKind::TimedOut => "timed out".to_owned(),
        ErrorKind::HostUnreachable => "host unreachable".to_owned(),
        ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// What an HTTP probe says of a port that answers a connection like this.
    async fn said(greeting: &[u8], reads: bool, answer: &[u8]) -> Result<(), ProbeError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(greeting).await.unwrap();
            if reads {
                assert!(stream.read(&mut [0; 512]).await.unwrap() > 0);
            }
            stream.write_all(answer).await.ok();
        };
        let net = Sockets::new(&[]).unwrap();
        let probe = net.http_probe(address, "web.shop.svc", "/", Duration::from_secs(5));
        futures::join!(serve, probe).1
    }

    /// The same of a port whose greeting is there before anything is asked.
    async fn greeted(greeting: &[u8]) -> Result<u16, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server.write_all(greeting).await.unwrap();
        client.readable().await.unwrap();
        status(client, address, "web.shop.svc", "/").await
    }

    /// What becomes of an answer with so many bytes of JSON and then this.
    async fn answered(bytes: usize, end: &str) -> Result<usize, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 512]).await.unwrap() > 0);
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\"";
            let body = format!("{head}{}{end}", "x".repeat(bytes - 2));
            stream.write_all(body.as_bytes()).await.ok();
        };
        let endpoint: Endpoint = serde_json::from_value(serde_json::json!({"url": url})).unwrap();
        let net = Sockets::new(std::slice::from_ref(&endpoint)).unwrap();
        let question = Question { path: "/", query: Vec::new() };
        let answer = net.get_json(&endpoint, question);
        futures::join!(serve, answer).1.map(|answer| answer.get().len())
    }

    #[tokio::test]
    async fn an_answer_of_a_source_has_a_bound_and_must_be_json() {
        rustls::crypto::ring::default_provider().install_default().ok();
        assert_eq!(answered(ANSWER_MAX, "\"").await, Ok(ANSWER_MAX));
        let why = "the answer has more than 4 MiB, and no more is read: let it tell less, by fewer alerts or rules";
        assert_eq!(answered(ANSWER_MAX + 1, "\"").await, Err(why.to_owned()));
        assert_eq!(answered(64 << 20, "\"").await, Err(why.to_owned()));
        let cut = answered(100, "").await.unwrap_err();
        assert!(cut.starts_with("the answer is no JSON: "), "{cut}");
    }

    #[tokio::test]
    async fn a_port_that_speaks_something_else_is_told_in_plain_words() {
        // What grpc-go sends first: an empty SETTINGS frame of HTTP/2.
        let settings: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
        // What a TLS server answers to what is no ClientHello: a fatal alert.
        let alert: &[u8] = &[21, 3, 1, 0, 2, 2, 70];
        let bad =
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
        let ok: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        for (greeting, answer, says) in [
            (settings, b"".as_slice(), Err(reach::NOT_HTTP)),
            (b"", settings, Err(reach::NOT_HTTP)),
            (b"", alert, Err(reach::NOT_HTTP)),
            (b"", b"", Err(reach::NO_ANSWER)),
            (b"", b"-ERR unknown command\r\n", Err(reach::NOT_HTTP)),
            (b"", bad, Err("HTTP 400")),
            (b"", ok, Ok(())),
        ] {
            let said = said(greeting, true, answer).await;
            let says = says.map_err(|says| ProbeError::Failed(says.to_owned()));
            assert_eq!(said, says, "{greeting:?} {answer:?}");
        }
        assert_eq!(greeted(settings).await, Err(reach::NOT_HTTP.to_owned()));
        let closed_at_once = said(b"", false, b"").await.unwrap_err();
        let either = [reach::NO_ANSWER, reach::RESET];
        let either = either.map(|says| ProbeError::Failed(says.to_owned()));
        assert!(either.contains(&closed_at_once), "{closed_at_once:?}");
    }
}
