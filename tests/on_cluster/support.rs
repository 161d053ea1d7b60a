//! What the tests on a real cluster share: a namespace of their own with something to break, an
//! operator as a process of its own, and waiting for what the API server says.

pub mod audit;
mod merge;
pub mod objects;
pub mod terminal;

use std::{
    fmt::Debug,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use firedrill::{
    api::{
        ExperimentRun, ExperimentRunSpec, names,
        run::{FactName, Reason, Verdict},
    },
    cli::grants::Grants,
};
use k8s_openapi::api::{
    apps::v1::{Deployment, DeploymentStatus},
    core::v1::{Namespace, Pod, Service},
};
use kube::{
    Api, Client, Config, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::NamespaceResourceScope,
    runtime::wait::await_condition,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

pub use merge::merge;

/// Connects to the cluster that `make test` has brought up.
pub async fn client() -> Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    let path = std::env::var("FIREDRILL_TEST_CLUSTER")
        .expect("FIREDRILL_TEST_CLUSTER names the test cluster's kubeconfig; run `make test`");
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    Client::try_from(config).unwrap()
}

/// The folder of the test cluster's state.
pub fn state() -> PathBuf {
    std::env::var("STATE").expect("STATE names the test cluster's state; run `make test`").into()
}

/// A namespace of a test's own with a Deployment `web` behind a Service `web`; removed at the end.
pub struct Ground {
    pub client: Client,
    pub namespace: String,
}

/// What stands on the ground.
pub struct Web {
    pub replicas: i32,
    /// Seconds until a new pod is ready.
    pub warm_up: u32,
    pub probe: bool,
}

impl Default for Web {
    fn default() -> Self {
        Self { replicas: 2, warm_up: 2, probe: true }
    }
}

impl Ground {
    /// An opted-in namespace with the default workload, ready.
    pub async fn new(name: &str) -> Self {
        Self::with(name, &Web::default()).await
    }

    pub async fn with(name: &str, web: &Web) -> Self {
        Self::with_labels(name, web, json!({"firedrill.dev/enabled": "true"})).await
    }

    /// A namespace with these labels and this workload, ready.
    pub async fn with_labels(name: &str, web: &Web, labels: Value) -> Self {
        let ground = Self::bare(name, labels).await;
        ground.deploy(web).await;
        ground
    }

    /// A namespace with these labels and nothing in it but, where it opts in, its owner's grants.
    pub async fn bare(name: &str, labels: Value) -> Self {
        let client = client().await;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespace = json!({"metadata": {"generateName": format!("{name}-"), "labels": labels}});
        let namespace = serde_json::from_value(namespace).unwrap();
        let created = namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        let ground = Self { client, namespace: created.name_any() };
        if created.labels().get(names::ENABLED).is_some_and(|value| value == "true") {
            let grants = Grants::of(&ground.namespace, names::OPERATOR_NAMESPACE);
            grants.apply(&ground.client).await.unwrap();
        }
        ground
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub async fn deploy(&self, web: &Web) {
        let script = format!(
            "mkdir -p /tmp/w; echo ok > /tmp/w/index.html; : > /tmp/w/metrics; sleep {}; exec httpd -f -p 8080 -h /tmp/w",
            web.warm_up
        );
        let mut container = json!({
            "name": "web", "image": "registry.local/busybox:1", "imagePullPolicy": "Never",
            "command": ["sh", "-c", script],
        });
        if web.probe {
            container["readinessProbe"] =
                json!({"httpGet": {"path": "/index.html", "port": 8080}, "periodSeconds": 1});
        }
        let deployment = json!({
            "metadata": {"name": "web"},
            "spec": {
                "replicas": web.replicas,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
                },
            },
        });
        let service = json!({
            "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
        });
        let post = PostParams::default();
        self.api::<Deployment>()
            .create(&post, &serde_json::from_value(deployment).unwrap())
            .await
            .unwrap();
        self.api::<Service>()
            .create(&post, &serde_json::from_value(service).unwrap())
            .await
            .unwrap();
        self.ready(web.replicas).await;
    }

    /// Waits until so many pods are ready and the rollout is over.
    pub async fn ready(&self, replicas: i32) {
        let settled = |status: &DeploymentStatus| {
            [status.replicas, status.updated_replicas, status.ready_replicas]
                .iter()
                .all(|count| count.unwrap_or(0) == replicas)
        };
        self.becomes("the workload is ready", 60, "web", |web: &Deployment| {
            // Before its controller has seen a change, the status speaks of what was before.
            let seen = web.status.as_ref().and_then(|status| status.observed_generation);
            seen == web.metadata.generation && web.status.as_ref().is_some_and(settled)
        })
        .await;
    }

    /// Waits, by watch, until that object is so; fails with `what` after so many seconds.
    pub async fn becomes<K>(
        &self,
        what: &str,
        seconds: u64,
        name: &str,
        is: impl Fn(&K) -> bool,
    ) -> K
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + 'static,
    {
        let is = |found: Option<&K>| found.is_some_and(&is);
        // A watch may break off, as any does; then it is taken up again.
        let found = Box::pin(async {
            loop {
                match await_condition(self.api::<K>(), name, is).await {
                    Ok(found) => break found,
                    Err(error) => eprintln!("{}: {name} is watched again: {error}", self.namespace),
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        match tokio::time::timeout(Duration::from_secs(seconds), found).await {
            Ok(Some(found)) => found,
            other => panic!("{}: in vain, for {seconds}s, until {what}: {other:?}", self.namespace),
        }
    }

    /// Adds an alerting rule for this ground: no pod of it can be scraped.
    pub async fn rule(&self, name: &str, wait_seconds: u32) {
        let namespace = &self.namespace;
        // A page is no metrics, so `up` would be 0: the pods answer with an empty body instead.
        let patch = json!({"spec": {"template": {"metadata": {"annotations": {
            "prometheus.io/scrape": "true", "prometheus.io/port": "8080", "prometheus.io/path": "/metrics"}}}}});
        let deployments: Api<Deployment> = self.api();
        deployments.patch("web", &PatchParams::default(), &Patch::Strategic(patch)).await.unwrap();
        let text = format!(
            "groups:\n- name: {namespace}\n  rules:\n  - alert: {name}\n    expr: absent(up{{namespace=\"{namespace}\"}} == 1)\n    for: {wait_seconds}s\n    labels: {{namespace: {namespace}}}\n"
        );
        std::fs::write(state().join(format!("mon/rules/{namespace}.yml")), text).unwrap();
        let status = Command::new("curl")
            .args(["-sf", "-XPOST", "http://127.0.0.1:9090/-/reload"])
            .status()
            .unwrap();
        assert!(status.success(), "Prometheus did not take up the rule");
        self.ready(2).await;
    }

    /// Creates a run with this spec over the defaults of [`spec`].
    pub async fn run(&self, change: Value) -> ExperimentRun {
        let mut body = json!({"experiment": "kill", "template": spec()});
        merge(&mut body, change);
        let spec: ExperimentRunSpec = serde_json::from_value(body).unwrap();
        let mut run = ExperimentRun::new("", spec);
        run.metadata.generate_name = Some("kill-".into());
        run.metadata.name = None;
        self.api::<ExperimentRun>().create(&PostParams::default(), &run).await.unwrap()
    }

    /// Waits until the run is over.
    pub async fn finished(&self, run: &ExperimentRun) -> ExperimentRun {
        self.becomes("the run is complete", 150, &run.name_any(), |run: &ExperimentRun| {
            run.is_complete() && run.finalizers().is_empty()
        })
        .await
    }

    /// Waits until the run has that fact.
    pub async fn seen(&self, run: &ExperimentRun, name: FactName) -> ExperimentRun {
        self.becomes("the fact is seen", 60, &run.name_any(), |run: &ExperimentRun| {
            run.status.as_ref().is_some_and(|status| status.fact(name).is_some())
        })
        .await
    }

    pub async fn stop(&self, run: &ExperimentRun) {
        let patch = Patch::Merge(json!({"spec": {"stop": true}}));
        self.api::<ExperimentRun>()
            .patch(&run.name_any(), &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    pub async fn pods(&self) -> Vec<Pod> {
        let pods = self.api::<Pod>().list(&ListParams::default().labels("app=web")).await.unwrap();
        pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect()
    }

    pub async fn pod_uids(&self) -> Vec<String> {
        let mut uids: Vec<_> = self.pods().await.iter().filter_map(ResourceExt::uid).collect();
        uids.sort();
        uids
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        std::fs::remove_file(state().join(format!("mon/rules/{}.yml", self.namespace))).ok();
        let kubectl = Command::new("kubectl")
            .args(["delete", "namespace", &self.namespace, "--wait=false", "--ignore-not-found"])
            .stdout(Stdio::null())
            .status();
        if !kubectl.is_ok_and(|status| status.success()) {
            eprintln!("namespace {} could not be deleted", self.namespace);
        }
    }
}

/// An experiment on the ground that kills both pods; nothing waits long.
pub fn spec() -> Value {
    json!({
        "hypothesis": "Losing both pods needs nobody.",
        "owner": "team-web",
        "target": {"deployment": "web"},
        "fault": {"podKill": {"count": 2}},
        "duration": "1m",
        "steadyState": [{"name": "answers", "http": {"service": "web", "port": 80, "path": "/index.html", "interval": "200ms"}}],
        "detection": {"within": "30s", "alerts": ["{alertname=\"NeverFires\"}"]},
        "recovery": {"within": "40s", "stableFor": "1s"},
        "guards": {"minReady": 0, "steadyFor": "1s"},
    })
}

/// Asks again until there is an answer; fails with `what` after so many seconds.
#[track_caller]
pub fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    seconds: u64,
    ask: impl Fn() -> F,
) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let answer = within(seconds, ask).await;
        answer.unwrap_or_else(|| panic!("{caller}: waited {seconds}s in vain until {what}"))
    }
}

/// Asks again until there is an answer, for so many seconds.
pub async fn within<T, F: Future<Output = Option<T>>>(
    seconds: u64,
    ask: impl Fn() -> F,
) -> Option<T> {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        let answer = ask().await;
        if answer.is_some() || Instant::now() > end {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

pub fn verdict(run: &ExperimentRun) -> (Option<Verdict>, Option<Reason>) {
    let status = run.status.as_ref();
    (status.and_then(|status| status.verdict), status.and_then(|status| status.reason))
}

/// Waits for one's turn: operators take up every run, and reapers end every fault, so of the tests that
/// have their own only one at a time has any. What it needs beside them it sets up before.
pub async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// A reaper as a process, with the chart's rights; killed at the end.
pub struct Reaper(Child);

impl Reaper {
    /// Starts one and waits until it has renewed its Lease, without which nothing is armed.
    pub fn start() -> Self {
        let began = jiff::Timestamp::now();
        let kubeconfig = state().join("pki/firedrill-reaper.kubeconfig");
        let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
        command.args(["reaper", "--lease-namespace", "firedrill-reaper"]);
        command.arg("--kubeconfig").arg(kubeconfig).env("RUST_LOG", "firedrill=info");
        let reaper = Self(command.spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(20);
        while Self::renewed().is_none_or(|renewed| renewed < began) {
            assert!(Instant::now() < end, "the reaper never renewed its Lease");
            std::thread::sleep(Duration::from_millis(100));
        }
        reaper
    }

    /// The most memory that it has had, in KiB.
    pub fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn renewed() -> Option<jiff::Timestamp> {
        let path = ["-o", "jsonpath={.spec.renewTime}"];
        let mut kubectl = Command::new("kubectl");
        kubectl.args(["-n", names::REAPER, "get", "lease", names::REAPER]).args(path);
        kubectl.env("KUBECONFIG", std::env::var("FIREDRILL_TEST_CLUSTER").unwrap());
        String::from_utf8(kubectl.output().unwrap().stdout).unwrap().parse().ok()
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// An operator as a process, with the identity and the rights of the chart; killed at the end.
pub struct Operator {
    child: Child,
    config: PathBuf,
    arguments: Vec<String>,
}

impl Operator {
    /// Starts one with this configuration and waits until it looks.
    pub fn start(config: &str) -> Self {
        Self::start_with(config, &[])
    }

    /// The same with more arguments.
    pub fn start_with(config: &str, arguments: &[&str]) -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("firedrill-{}-{number}.yaml", std::process::id()));
        std::fs::write(&path, config).unwrap();
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self { child: Self::spawn(&path, &arguments), config: path, arguments }
    }

    fn spawn(config: &std::path::Path, arguments: &[String]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_firedrill"))
            .args(["operator", "--config"])
            .arg(config)
            .args(arguments)
            .env("KUBECONFIG", std::env::var("FIREDRILL_TEST_OPERATOR").unwrap())
            .env("RUST_LOG", "firedrill=info")
            .spawn()
            .unwrap()
    }

    /// Kills it at once, as the kernel would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again after [`Operator::kill`].
    pub fn restart(&mut self) {
        self.child = Self::spawn(&self.config, &self.arguments);
    }

    /// Asks it to end and says how long that took.
    pub fn terminate(&mut self) -> Duration {
        let began = Instant::now();
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        began.elapsed()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_file(&self.config).ok();
    }
}

/// Deletes an object that the test itself made.
pub async fn delete<K>(api: &Api<K>, name: &str)
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    api.delete(name, &DeleteParams::default()).await.unwrap();
}
