//! A namespace of a case's own: the workload, its Service, a bystander, the Experiment and its run.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Namespace, Pod, Service, ServiceAccount},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    lab::{self, Lab},
    patience,
    scenario::{Changed, Scenario},
};

/// A pod that no experiment selects; it waits for a node that never comes.
pub const BYSTANDER: &str = "bystander";
/// By which the namespaces of all cases are found.
pub const LABEL: &str = "firedrill-matrix";
pub const EXPERIMENT: &str = "matrix";
const RUN: &str = "matrix-run";

/// Where one case takes place.
pub struct Ground {
    client: Client,
    pub namespace: String,
}

impl Ground {
    /// A new namespace in which everything is ready.
    pub async fn new(lab: &Lab, scenario: &Scenario) -> Self {
        let ground = Self::bare(lab).await;
        let post = PostParams::default();
        let deployments = [web(scenario.warm_up), dependency()];
        for (name, deployment) in ["web", "db"].into_iter().zip(deployments) {
            ground.api::<Deployment>().create(&post, &parse(deployment)).await.unwrap();
            ground.api::<Service>().create(&post, &parse(service(name, 8080))).await.unwrap();
        }
        ground.api::<Pod>().create(&post, &parse(bystander())).await.unwrap();
        ground.furnish(scenario, &[("web", 2), ("db", 1)]).await;
        ground
    }

    /// The same, where two pods of `web` are all that there is, and run on simulated nodes.
    pub async fn simulated(lab: &Lab, scenario: &Scenario) -> Self {
        let ground = Self::bare(lab).await;
        let (params, target) = (PostParams::default(), lab.pods.answer().await);
        let web = simulated(scenario.warm_up * 1000);
        ground.api::<Deployment>().create(&params, &parse(web)).await.unwrap();
        ground.api::<Service>().create(&params, &parse(service("web", target))).await.unwrap();
        ground.furnish(scenario, &[("web", 2)]).await;
        ground
    }

    async fn bare(lab: &Lab) -> Self {
        let client = &lab.client;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let labels = json!({LABEL: "true", "firedrill.dev/enabled": "true"});
        let namespace = json!({"metadata": {"generateName": "matrix-", "labels": labels}});
        let created = namespaces.create(&PostParams::default(), &parse(namespace)).await.unwrap();
        let ground = Self { client: client.clone(), namespace: created.name_any() };
        lab.enable(&ground.namespace).await;
        // Its controller needs a moment, most of all after the API server was away.
        let accounts = ground.api::<ServiceAccount>();
        let is_there = async || accounts.get("default").await.is_ok();
        let made = patience::until(patience::CONTROLLERS_SECONDS, is_there).await;
        assert!(made, "no pod can be made in {}", ground.namespace);
        ground
    }

    /// Makes the Experiment, and waits until so many pods of each are ready.
    async fn furnish(&self, scenario: &Scenario, whole: &[(&str, i32)]) {
        self.create("Experiment", EXPERIMENT, scenario.spec.clone()).await;
        let is_whole = async || {
            for (name, pods) in whole {
                let ready = self.ready(name).await;
                if ready != Some(*pods) {
                    return false;
                }
            }
            true
        };
        let became = patience::until(60, is_whole).await;
        assert!(became, "the workload in {} did not become ready", self.namespace);
    }

    /// From now on a new pod of the simulated `web` is ready that soon; waits until all of them are such.
    pub async fn mend(&self, millis: u32) -> bool {
        let patch = Patch::Merge(simulated(millis));
        let deployments = self.api::<Deployment>();
        deployments.patch("web", &PatchParams::default(), &patch).await.unwrap();
        let is_rolled_out = async || {
            let web = deployments.get("web").await.unwrap();
            let status = web.status.unwrap_or_default();
            let counts = [status.replicas, status.updated_replicas, status.ready_replicas];
            status.observed_generation == web.metadata.generation && counts == [Some(2); 3]
        };
        patience::until(60, is_rolled_out).await
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub fn ours(&self, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &lab::our(kind))
    }

    pub async fn create(&self, kind: &str, name: &str, spec: Value) {
        let object = DynamicObject::new(name, &lab::our(kind)).data(json!({"spec": spec}));
        self.ours(kind).create(&PostParams::default(), &object).await.unwrap();
    }

    /// How many pods of a Deployment are ready.
    async fn ready(&self, name: &str) -> Option<i32> {
        let deployment = self.api::<Deployment>().get(name).await.unwrap();
        deployment.status.and_then(|status| status.ready_replicas)
    }

    /// What the scenario's fault changes, as it is now; null when it is not there.
    pub async fn changed(&self, changed: &Changed) -> Value {
        let objects: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &self.namespace, &changed.kind);
        there(objects.get(changed.name).await)
    }

    /// The namespace; null when it is gone.
    pub async fn itself(&self) -> Value {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        there(namespaces.get(&self.namespace).await)
    }

    /// Whether an operator has judged the Experiment.
    pub async fn is_judged(&self) -> bool {
        !self.experiment().await["status"].is_null()
    }

    pub async fn start_run(&self) {
        self.create("ExperimentRun", RUN, json!({"experiment": EXPERIMENT})).await;
    }

    /// The run; null when it is gone.
    pub async fn run(&self) -> Value {
        there(self.ours("ExperimentRun").get(RUN).await)
    }

    /// The Experiment; null when it is gone.
    pub async fn experiment(&self) -> Value {
        there(self.ours("Experiment").get(EXPERIMENT).await)
    }

    pub async fn debriefs(&self) -> Vec<Value> {
        self.all("Debrief").await
    }

    /// Every object of one of our kinds.
    pub async fn all(&self, kind: &str) -> Vec<Value> {
        let listed = there(self.ours(kind).list(&kube::api::ListParams::default()).await);
        listed["items"].as_array().cloned().unwrap_or_default()
    }

    /// Takes every finalizer off the run, as an administrator may.
    pub async fn free_run(&self) {
        let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        there(self.ours("ExperimentRun").patch(RUN, &PatchParams::default(), &free).await);
    }

    pub async fn stop_run(&self) {
        let stop = Patch::Merge(json!({"spec": {"stop": true}}));
        let runs = self.ours("ExperimentRun");
        runs.patch(RUN, &PatchParams::default(), &stop).await.unwrap();
    }

    pub async fn delete_run(&self) {
        self.ours("ExperimentRun").delete(RUN, &DeleteParams::default()).await.unwrap();
    }

    pub async fn delete(&self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let deleted = namespaces.delete(&self.namespace, &DeleteParams::default()).await;
        assert!(deleted.is_ok() || self.itself().await.is_null(), "{deleted:?}");
    }

    /// Removes everything, also runs and days whose operator is gone for good.
    pub async fn remove(self) {
        let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        for kind in ["ExperimentRun", "GameDayRun"] {
            for object in self.all(kind).await {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                there(self.ours(kind).patch(name, &PatchParams::default(), &free).await);
            }
        }
        self.delete().await;
    }
}

fn parse<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).unwrap()
}

/// The object, or null when there is none, or no kind of that name any more.
fn there<T: serde::Serialize>(answer: kube::Result<T>) -> Value {
    match answer {
        Ok(object) => serde_json::to_value(object).unwrap(),
        Err(kube::Error::Api(status)) if status.code == 404 => Value::Null,
        Err(error) => panic!("{error}"),
    }
}

/// Its page `/cgi-bin/db` answers as long as its dependency does.
fn web(warm_up: u32) -> Value {
    let page = r#"printf '#!/bin/sh\nif echo | nc -w 1 db 80 >/dev/null 2>&1; then echo; echo ok; else printf "Status: 503\\r\\n\\r\\n"; fi\n'"#;
    let script = format!(
        "mkdir -p /tmp/w/cgi-bin; echo ok > /tmp/w/index.html; {page} > /tmp/w/cgi-bin/db; chmod +x /tmp/w/cgi-bin/db; \
         sleep {warm_up}; exec httpd -f -p 8080 -h /tmp/w"
    );
    deployment("web", 2, &script)
}

fn dependency() -> Value {
    deployment(
        "db",
        1,
        "mkdir -p /tmp/w; echo ok > /tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w",
    )
}

fn deployment(name: &str, replicas: u32, script: &str) -> Value {
    let container = json!({
        "name": name, "image": "registry.local/busybox:1", "imagePullPolicy": "Never",
        "command": ["sh", "-c", script],
        "readinessProbe": {"httpGet": {"path": "/index.html", "port": 8080}, "periodSeconds": 1},
    });
    json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            // A rollout that cannot start is an outage.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
            },
        },
    })
}

/// On a simulated node; see `tests/cluster/stages.yaml`.
fn simulated(ready_after_millis: u32) -> Value {
    let annotations = json!({"ready-after": format!("{ready_after_millis}ms")});
    json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}, "annotations": annotations},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "nodeSelector": {"type": "kwok"},
                    "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
                    "containers": [{"name": "web", "image": "simulated"}],
                },
            },
        },
    })
}

fn service(name: &str, target: u16) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": target}]},
    })
}

fn bystander() -> Value {
    json!({
        "metadata": {"name": BYSTANDER},
        "spec": {
            "nodeSelector": {"nobody": "has-it"},
            "containers": [{"name": "none", "image": "registry.local/pause:3.10", "imagePullPolicy": "Never"}],
        },
    })
}
