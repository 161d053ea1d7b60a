//! Clients that open a connection again and again, and one that keeps its connection open: what they
//! see is what users see of a fault, whatever the run says.

use firedrill::api::Moment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use serde_json::{Value, json};

use super::{
    support::Ground,
    variants::{Asked, Kept, Variant},
};

/// The port at which every server answers with what it is sent.
pub const ECHO: u16 = 8081;
/// How a server is started: pages at 8080, an echo at [`ECHO`].
pub const ANSWERS: &str = "nc -ll -p 8081 -e cat & exec httpd -f -p 8080 -h /tmp/w";

/// Whether there are clients, and what they see is judged: that needs a machine that is not busy, so
/// `make faults` asks for it.
pub fn are_asked() -> bool {
    std::env::var_os("FIREDRILL_ASK_CLIENTS").is_some()
}

/// Whom a client asks.
#[derive(Clone, Debug)]
pub struct Host {
    name: String,
    address: String,
    port: u16,
}

impl Host {
    /// A Service of the namespace.
    pub fn service(name: &str) -> Self {
        Self { name: name.to_owned(), address: name.to_owned(), port: ECHO }
    }

    /// Somebody outside of the cluster.
    pub fn range(address: &str, port: u16) -> Self {
        Self { name: "range".to_owned(), address: address.to_owned(), port }
    }

    /// The command that ends well when the host answers.
    fn asks(&self) -> String {
        format!("echo | timeout 2 nc -w 1 {} {} >/dev/null 2>&1", self.address, self.port)
    }

    /// The command that makes a page which passes on whether the host answers.
    pub fn page(&self) -> String {
        let (asks, page) = (self.asks(), format!("/tmp/w/cgi-bin/{}", self.name));
        format!(
            "printf '#!/bin/sh\\nif {asks}; then echo; echo ok; else printf \"Status: 503\\\\r\\\\n\\\\r\\\\n\"; fi\\n' > {page}; chmod +x {page};"
        )
    }

    /// The command that asks for ever and says how it went.
    fn loops(&self) -> String {
        let Self { name, address, port } = self;
        let asks = self.asks();
        format!(
            "(while :; do if {asks}; then echo {name} new ok; else echo {name} new failed; fi; sleep 1; done) & \
             (while :; do nc -w 1 {address} {port} -e /tmp/keep {name} 2>/dev/null; echo {name} kept broken; sleep 0.5; done) & "
        )
    }
}

/// All hosts on which `web` depends.
pub fn hosts(outside: &Host) -> Vec<Host> {
    let services = ["db", "store", "outside"].map(Host::service);
    services.into_iter().chain([outside.clone()]).collect()
}

/// The container that asks these hosts. A connection that is silent for two seconds is as good as closed:
/// nobody ends one whose other side is gone with its network.
pub fn container(hosts: &[Host]) -> Value {
    // Standard output is the connection; what is said of it goes to standard error.
    let keep = "#!/bin/sh\nwhile echo ping; do if read -t 2 answer; then echo $1 kept ok >&3; sleep 0.5; else echo $1 kept broken >&3; exit; fi; done";
    let loops: String = hosts.iter().map(Host::loops).collect();
    let script =
        format!("printf '%s\\n' '{keep}' > /tmp/keep; chmod +x /tmp/keep; exec 3>&1; {loops} wait");
    json!({"name": "asks", "image": "registry.local/busybox:1", "imagePullPolicy": "Never", "command": ["sh", "-c", script]})
}

/// How long a service may take to answer when nothing is wrong.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// What a client said at one time.
#[derive(Debug)]
#[allow(dead_code, reason = "it is printed where something is wrong")]
struct Said {
    at: Moment,
    what: String,
}

/// What the clients saw of a fault.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// New connections while the fault was there: answered, and not.
    pub new: (usize, usize),
    pub kept: Option<Kept>,
}

/// From the injection, and from when the fault is certainly there, until it is certainly gone.
#[derive(Clone, Copy)]
pub struct Window {
    pub injected: Moment,
    pub there: Moment,
    pub until: Moment,
}

/// What all clients saw of `variant` within the window.
pub async fn saw(ground: &Ground, variant: &Variant, window: Window) -> Seen {
    let (host, said) = said(ground, variant).await;
    let within = |from: Moment, what: &str| {
        let text = format!("{host} {what}");
        said.iter()
            .filter(|said| said.at > from && said.at < window.until && said.what == text)
            .count()
    };
    let kept = match (within(window.injected, "kept broken"), within(window.there, "kept ok")) {
        (0, 0) => None,
        (0, _) => Some(Kept::GoesOn),
        _ => Some(Kept::Breaks),
    };
    Seen { new: (within(window.there, "new ok"), within(window.there, "new failed")), kept }
}

/// Waits until the clients are answered on new and on kept connections after `since`; else what they
/// said last.
pub async fn are_answered(ground: &Ground, variant: &Variant, since: Moment) -> Result<(), String> {
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let (host, said) = said(ground, variant).await;
        let last = |which: &str| {
            let prefix = format!("{host} {which} ");
            said.iter().rev().find(|said| said.what.starts_with(&prefix))
        };
        let lasts = [last("new"), last("kept")];
        let good = |said: &Said| said.at > since && said.what.ends_with(" ok");
        if lasts.iter().all(|said| said.is_some_and(good)) {
            return Ok(());
        }
        if std::time::Instant::now() > end {
            return Err(format!("the clients are not answered after {since:?}: {lasts:?}"));
        }
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
}

/// Whom the clients of a variant ask, and what they said of it.
async fn said(ground: &Ground, variant: &Variant) -> (&'static str, Vec<Said>) {
    let (host, clients) = match variant.asked {
        Asked::Target => ("web", "app=client"),
        Asked::Dependency(host) => (host, "app=web"),
    };
    let pods = ground.api::<Pod>();
    let found = pods.list(&ListParams::default().labels(clients)).await.unwrap();
    let mut all = Vec::new();
    for pod in found.items {
        let params = LogParams {
            container: Some("asks".to_owned()),
            timestamps: true,
            since_seconds: Some(120),
            ..LogParams::default()
        };
        let log =
            pods.logs(pod.metadata.name.as_deref().unwrap(), &params).await.unwrap_or_default();
        let line = |line: &str| {
            let (at, what) = line.split_once(' ')?;
            Some(Said { at: serde_json::from_value(json!(at)).ok()?, what: what.to_owned() })
        };
        all.extend(log.lines().filter_map(line).filter(|said| said.what.starts_with(host)));
    }
    all.sort_by_key(|said| said.at);
    (host, all)
}
