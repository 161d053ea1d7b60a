//! Clients that open a connection again and again, and one that keeps its connection open: what they
//! see is what users see of a fault, whatever the run says.

use firedrill::api::Moment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use serde_json::{Value, json};

use super::variants::{Asked, Kept, Variant};
use crate::support::{Ground, within};

/// The port at which every server answers with what it is sent.
pub const ECHO: u16 = 8081;
/// How a server is started: pages at 8080, an echo at [`ECHO`].
pub const ANSWERS: &str = "nc -ll -p 8081 -e cat & exec httpd -f -p 8080 -h /tmp/w";

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

/// How many seconds a fault may take to be seen by clients, and a service to answer when nothing is wrong.
const PATIENCE: u64 = 60;
/// So many new connections in a row must fail where a fault lasts.
const IN_A_ROW: usize = 3;

/// What a client said at one time.
#[derive(Debug)]
struct Said {
    at: Moment,
    what: String,
}

impl Said {
    fn is(&self, which: &str, how: &str) -> bool {
        self.what.ends_with(&format!(" {which} {how}"))
    }
}

/// Waits until the clients see the fault as the variant says; else what they said last.
pub async fn see(ground: &Ground, variant: &Variant, injected: Moment) -> Result<String, String> {
    let since = async || {
        let mut said = said(ground, variant).await;
        said.retain(|said| said.at > injected);
        said
    };
    let seen = within(PATIENCE, async || fits(&since().await, variant).then_some(())).await;
    match (seen, variant.kept) {
        (None, kept) => Err(format!("kept ones: {kept:?} is due; they said {:?}", since().await)),
        (_, Kept::GoesOn) => Ok("new connections fail, kept ones go on".to_owned()),
        (_, Kept::Breaks) => Ok("new connections fail, kept ones break".to_owned()),
    }
}

/// Whether that is what clients must see.
fn fits(said: &[Said], variant: &Variant) -> bool {
    let new = said.iter().filter(|said| said.what.contains(" new "));
    let failed: Vec<&Said> = if variant.lasts() {
        let mut last: Vec<_> = new.rev().take_while(|said| said.is("new", "failed")).collect();
        last.reverse();
        last
    } else {
        new.filter(|said| said.is("new", "failed")).collect()
    };
    if failed.len() < if variant.lasts() { IN_A_ROW } else { 1 } {
        return false;
    }
    let breaks = said.iter().any(|said| said.is("kept", "broken"));
    let goes_on = said.iter().any(|said| said.at > failed[0].at && said.is("kept", "ok"));
    match variant.kept {
        Kept::GoesOn => goes_on && !breaks,
        Kept::Breaks => breaks && !(goes_on && variant.lasts()),
    }
}

/// Waits until the clients are answered on new and on kept connections from now on; else what they
/// said last.
pub async fn are_answered(ground: &Ground, variant: &Variant) -> Result<(), String> {
    let since = Moment::new(jiff::Timestamp::now());
    let last = async || {
        let said = said(ground, variant).await;
        let last = |which: &str| {
            let which = format!(" {which} ");
            let found = said.iter().rev().find(|said| said.what.contains(&which));
            found.map(|said| (said.at, said.what.clone()))
        };
        [last("new"), last("kept")]
    };
    let good = |said: &Option<(Moment, String)>| {
        said.as_ref().is_some_and(|(at, what)| *at > since && what.ends_with(" ok"))
    };
    let answered = within(PATIENCE, async || last().await.iter().all(good).then_some(())).await;
    match answered {
        Some(()) => Ok(()),
        None => Err(format!("the clients are not answered after {since:?}: {:?}", last().await)),
    }
}

/// What the clients said of the host that they ask for this variant, in order.
async fn said(ground: &Ground, variant: &Variant) -> Vec<Said> {
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
    all
}
