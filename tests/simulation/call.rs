//! One call of the API server: who asks what, read from an HTTP request.

use http::{HeaderName, Method, header::CONTENT_TYPE, request::Parts};
use serde_json::Value;

use super::store::Key;

/// A process: a seat of an operator, and which life of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    pub seat: usize,
    pub life: u32,
}

/// A request, understood.
#[derive(Clone, Debug)]
pub struct Call {
    pub caller: Caller,
    /// The millisecond in which it was sent.
    pub sent: u64,
    pub method: Method,
    /// Its name is empty where all of a resource is meant, its namespace where all are.
    pub key: Key,
    pub subresource: String,
    pub query: String,
    pub content_type: String,
    /// As whom it is sent; empty where that is the operator itself.
    pub user: String,
    pub body: Value,
}

impl Call {
    pub fn read(caller: Caller, sent: u64, parts: &Parts, body: &[u8]) -> Self {
        let (key, subresource) = route(parts.uri.path());
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let text = |name| header(name).unwrap_or_default().to_owned();
        Self {
            caller,
            sent,
            method: parts.method.clone(),
            key,
            subresource,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            content_type: text(CONTENT_TYPE),
            user: text(HeaderName::from_static("impersonate-user")),
            body: serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    pub fn is_read(&self) -> bool {
        self.method == Method::GET
    }

    pub fn is_watch(&self) -> bool {
        self.option("watch").is_some()
    }

    /// Whether it ends a pod.
    pub fn is_kill(&self) -> bool {
        self.key.resource == "pods"
            && (self.method == Method::DELETE || self.subresource == "eviction")
    }

    /// Whether it writes the status of a run.
    pub fn is_run_status(&self) -> bool {
        self.key.resource == Key::RUNS && self.subresource == "status"
    }

    /// Whether nothing of it is to be kept.
    pub fn is_dry_run(&self) -> bool {
        self.option("dryRun").is_some()
    }

    /// One of the options behind the path, as it was sent.
    pub fn option(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| decode(value)).next()
    }

    /// What tells it from other calls of the same moment.
    pub fn identity(&self) -> (Caller, u64, &str, &str, &str, &str) {
        let Key { resource, name, .. } = &self.key;
        (self.caller, self.sent, self.method.as_str(), resource, name, &self.subresource)
    }
}

/// The object, and the part of it, that a path names.
fn route(path: &str) -> (Key, String) {
    let mut parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let group = if parts[0] == "api" { "" } else { parts[1] };
    parts.drain(..if group.is_empty() { 2 } else { 3 });
    let mut namespace = "";
    if parts[0] == "namespaces" && parts.len() > 2 {
        namespace = parts[1];
        parts.drain(..2);
    }
    let resource = [parts[0], group].join(".");
    let part = |index| parts.get(index).copied().unwrap_or_default();
    (Key::new(resource.trim_end_matches('.'), namespace, part(1)), part(2).to_owned())
}

/// Undoes the percent encoding of what selectors contain.
fn decode(text: &str) -> String {
    [("%3D", "="), ("%2C", ","), ("%2F", "/"), ("%21", "!")]
        .iter()
        .fold(text.to_owned(), |text, (code, sign)| text.replace(code, sign))
}
