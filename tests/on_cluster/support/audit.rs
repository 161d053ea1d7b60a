//! What really happened, by the API server's audit log.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
};

use jiff::Timestamp;
use serde_json::Value;

/// The audit log from some moment on.
pub struct Audit {
    path: PathBuf,
    from: u64,
}

/// One request that writes.
#[derive(Debug)]
pub struct Write {
    pub user: String,
    /// The impersonated user, or the user.
    pub as_whom: String,
    pub verb: String,
    pub resource: String,
    pub namespace: String,
    /// Of the object; empty where the server makes it.
    pub name: String,
    /// The program that asked.
    pub agent: String,
    pub code: u64,
    pub answered: Timestamp,
}

impl Audit {
    pub fn begin() -> Self {
        let path = crate::support::state().join("log/audit.jsonl");
        let from = std::fs::metadata(&path).unwrap().len();
        Self { path, from }
    }

    /// The writes since the beginning that are meant.
    pub fn writes(&self, meant: impl Fn(&Write) -> bool) -> Vec<Write> {
        let mut file = File::open(&self.path).unwrap();
        // From the byte before, which ends a line unless one was being written at the beginning.
        file.seek(SeekFrom::Start(self.from.saturating_sub(1))).unwrap();
        let mut log = Vec::new();
        file.read_to_end(&mut log).unwrap();
        let lines: Vec<_> = log.split(|byte| *byte == b'\n').collect();
        // What the beginning or the end cuts off is no whole event, and the beginning's is older.
        let [_, whole @ .., _] = lines.as_slice() else { return Vec::new() };
        let events = whole.iter().map(|line| serde_json::from_slice::<Value>(line).unwrap());
        events.filter_map(|event| write(&event)).filter(meant).collect()
    }
}

impl Write {
    /// Whether firedrill asked, as an operator or as a command.
    pub fn is_ours(&self) -> bool {
        self.agent.starts_with("firedrill/")
    }

    /// Whether it takes pods away, or would if it were not refused.
    pub fn harms_pods(&self) -> bool {
        let pods = self.resource == "pods" && self.verb.starts_with("delete");
        pods || self.resource == "pods/eviction"
    }

    /// Whether it was accepted.
    pub const fn is_done(&self) -> bool {
        self.code < 300
    }

    /// Whether a part of Kubernetes asked, as it does for every pod, or the test's administrator.
    pub fn is_cluster_s_own(&self) -> bool {
        self.user.starts_with("system:node:")
            || self.user.starts_with("system:kube-")
            || self.user.starts_with("system:serviceaccount:kube-system:")
            || self.user == "admin"
    }
}

fn write(event: &Value) -> Option<Write> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let verb = text("/verb");
    if matches!(verb, "get" | "list" | "watch") || text("/requestURI").contains("dryRun") {
        return None;
    }
    let (user, resource) = (text("/user/username"), text("/objectRef/resource"));
    let impersonated = text("/impersonatedUser/username");
    let subresource = text("/objectRef/subresource");
    Some(Write {
        user: user.to_owned(),
        as_whom: if impersonated.is_empty() { user } else { impersonated }.to_owned(),
        verb: verb.to_owned(),
        resource: if subresource.is_empty() {
            resource.to_owned()
        } else {
            format!("{resource}/{subresource}")
        },
        namespace: text("/objectRef/namespace").to_owned(),
        name: text("/objectRef/name").to_owned(),
        agent: text("/userAgent").to_owned(),
        code: event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or_default(),
        answered: text("/stageTimestamp").parse().ok()?,
    })
}
