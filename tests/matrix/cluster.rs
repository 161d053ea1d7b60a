//! What a case takes away from the whole cluster, and how that is given back: objects, the API server,
//! the reaper.

use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command},
    sync::Mutex,
    time::Duration,
};

use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, json};

use crate::{lab, patience};

/// The API server as a process of this machine.
pub struct ApiServer {
    client: Client,
    pid_file: PathBuf,
    /// How it is started again after it was killed.
    command: Mutex<Option<Vec<String>>>,
    child: Mutex<Option<Child>>,
}

impl ApiServer {
    /// The one whose process id is in the file.
    pub fn new(client: Client, pid_file: PathBuf) -> Self {
        Self { client, pid_file, command: Mutex::default(), child: Mutex::default() }
    }

    /// SIGKILL, and nothing more.
    pub fn kill(&self) {
        let pid = std::fs::read_to_string(&self.pid_file).unwrap().trim().to_owned();
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        let words: Vec<String> = line.split_terminator('\0').map(str::to_owned).collect();
        assert!(words[0].ends_with("kube-apiserver"), "{pid} is {words:?}");
        *self.command.lock().unwrap() = Some(words);
        signal("-KILL", &pid);
        if let Some(mut child) = self.child.lock().unwrap().take() {
            child.wait().unwrap();
        }
    }

    /// Starts it again, if it was killed, and waits until it is ready.
    pub async fn start(&self) {
        let Some(words) = self.command.lock().unwrap().take() else {
            return;
        };
        let log = self.pid_file.with_file_name("../log/apiserver.log");
        let log = std::fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdout(log.try_clone().unwrap()).stderr(log);
        // An interrupt is meant for this program, not for it.
        let child = command.process_group(0).spawn().unwrap();
        std::fs::write(&self.pid_file, format!("{}\n", child.id())).unwrap();
        *self.child.lock().unwrap() = Some(child);
        let ready = async || {
            let asked = http::Request::get("/readyz").body(Vec::new()).unwrap();
            let asked =
                tokio::time::timeout(Duration::from_secs(2), self.client.request_text(asked));
            asked.await.is_ok_and(|answer| answer.is_ok())
        };
        assert!(patience::until(60, ready).await, "the API server does not come back");
    }
}

/// Sends a signal to a process.
pub fn signal(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

/// An object that belongs to the whole cluster and was taken away.
pub struct Taken {
    api: Api<DynamicObject>,
    object: DynamicObject,
}

impl Taken {
    /// Takes it away; it may stay until what holds it lets go.
    pub async fn take(client: &Client, kind: &str, name: &str) -> Self {
        let group = match kind {
            "CustomResourceDefinition" => "apiextensions.k8s.io",
            _ => "rbac.authorization.k8s.io",
        };
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &kind);
        let mut object = api.get(name).await.unwrap();
        let metadata = &mut object.metadata;
        (metadata.uid, metadata.resource_version, metadata.creation_timestamp) = (None, None, None);
        (metadata.managed_fields, metadata.generation, metadata.finalizers) = (None, None, None);
        object.data.as_object_mut().unwrap().remove("status");
        api.delete(name, &DeleteParams::default()).await.unwrap();
        Self { api, object }
    }

    pub async fn is_gone(&self) -> bool {
        let name = self.object.metadata.name.as_deref().unwrap_or_default();
        self.api.get_opt(name).await.unwrap().is_none()
    }

    /// Makes it anew; runs that hold their definition are freed.
    pub async fn restore(&self, client: &Client) {
        if !patience::until(10, async || self.is_gone().await).await {
            let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
            let all: Api<DynamicObject> = Api::all_with(client.clone(), &lab::our("ExperimentRun"));
            for run in all.list(&ListParams::default()).await.unwrap() {
                let namespace = run.metadata.namespace.unwrap_or_default();
                let runs: Api<DynamicObject> =
                    Api::namespaced_with(client.clone(), &namespace, &lab::our("ExperimentRun"));
                let name = run.metadata.name.unwrap_or_default();
                runs.patch(&name, &PatchParams::default(), &free).await.ok();
            }
            assert!(patience::until(30, async || self.is_gone().await).await);
        }
        let made = self.api.create(&PostParams::default(), &self.object).await.unwrap();
        let name = made.metadata.name.unwrap_or_default();
        let established = async || {
            let now = self.api.get(&name).await.unwrap();
            let conditions = now.data["status"]["conditions"].as_array().cloned();
            let is = |of: &Value| of["type"] == "Established" && of["status"] == "True";
            now.data["spec"]["names"].is_null() || conditions.iter().flatten().any(is)
        };
        assert!(patience::until(30, established).await);
    }
}
