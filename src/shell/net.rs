//! The network beside the API server: probes through Services, and requests to alert sources.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use futures::future::BoxFuture;
use reqwest::{Client, header, redirect};
use serde_json::Value;

use crate::config::Endpoint;

/// What can be asked of the network; simulations bring their own.
pub trait Net: Send + Sync {
    /// A GET; a status from 200 to 399 is good, everything else says why not.
    fn http_probe<'a>(
        &'a self,
        address: SocketAddr,
        host: &'a str,
        path: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<(), String>>;

    /// A connection, closed at once.
    fn tcp_probe(
        &self,
        address: SocketAddr,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<(), String>>;

    /// A GET of JSON below an endpoint's URL.
    fn get_json<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        path: &'a str,
        query: &'a [(&'a str, String)],
    ) -> BoxFuture<'a, Result<Value, String>>;
}

/// The real network.
pub struct Sockets {
    probes: Client,
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
    /// Sets up HTTP for probes and for the sources that will be asked.
    ///
    /// # Errors
    /// When a CA certificate cannot be read or is none.
    pub fn new(sources: &[Endpoint]) -> Result<Self, SetupError> {
        // A new connection for each sample: a user who comes now has none yet.
        let probes = builder().pool_max_idle_per_host(0).tls_certs_only([]).build()?;
        let client = |endpoint: &Endpoint| Ok((endpoint.url.clone(), source_client(endpoint)?));
        let sources = sources.iter().map(client).collect::<Result<_, SetupError>>()?;
        Ok(Self { probes, sources })
    }
}

fn builder() -> reqwest::ClientBuilder {
    Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("firedrill/", env!("CARGO_PKG_VERSION")))
}

/// The system's certificates are loaded only where they are needed: a small image has none.
fn source_client(endpoint: &Endpoint) -> Result<Client, SetupError> {
    let certificates = match &endpoint.ca_file {
        Some(file) => {
            let pem =
                std::fs::read(file).map_err(|error| SetupError::ReadCa(file.clone(), error))?;
            Some(reqwest::Certificate::from_pem_bundle(&pem)?)
        }
        None if endpoint.url.starts_with("https:") => None,
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
    ) -> BoxFuture<'a, Result<(), String>> {
        let request = self
            .probes
            .get(format!("http://{address}{path}"))
            .header(header::HOST, host)
            .timeout(timeout);
        Box::pin(async move {
            let answer = request.send().await.map_err(explain)?;
            let status = answer.status().as_u16();
            if (200..400).contains(&status) { Ok(()) } else { Err(format!("HTTP {status}")) }
        })
    }

    fn tcp_probe(
        &self,
        address: SocketAddr,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            match tokio::time::timeout(timeout, tokio::net::TcpStream::connect(address)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(name(&error)),
                Err(_) => Err("timed out".to_owned()),
            }
        })
    }

    fn get_json<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        path: &'a str,
        query: &'a [(&'a str, String)],
    ) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            let client = self.sources.iter().find(|(url, _)| *url == endpoint.url);
            let (_, client) = client.ok_or("this source was not configured")?;
            let url = format!("{}{path}", endpoint.url.trim_end_matches('/'));
            let mut request = client.get(url).query(query).timeout(endpoint.timeout.std());
            if let Some(file) = &endpoint.token_file {
                let token = std::fs::read_to_string(file)
                    .map_err(|error| format!("{}: {error}", file.display()))?;
                request = request.bearer_auth(token.trim());
            }
            let answer = request.send().await.map_err(explain)?;
            if !answer.status().is_success() {
                return Err(format!("HTTP {}", answer.status().as_u16()));
            }
            answer.json().await.map_err(explain)
        })
    }
}

/// An error in the words of a user of the service, without addresses and layers.
fn explain(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return name(io);
        }
        source = cause.source();
    }
    error.without_url().to_string()
}

fn name(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::ConnectionReset => "connection reset".to_owned(),
        ErrorKind::TimedOut => "timed out".to_owned(),
        ErrorKind::HostUnreachable => "host unreachable".to_owned(),
        ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
        _ => error.to_string(),
    }
}
