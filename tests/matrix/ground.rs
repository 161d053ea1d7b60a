//! A namespace of a case's own: the workload, its Service, a bystander, the Experiment and its run.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Namespace, Pod, Service},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    lab::{self, Lab},
    patience,
    scenario::Scenario,
};

/// A pod that no experiment selects; it waits for a node that never comes.
pub const BYSTANDER: &str = "bystander";
/// By which the namespaces of all cases are found.
pub const LABEL: &str = "firedrill-matrix";
const EXPERIMENT: &str = "matrix";
const RUN: &str = "matrix-run";

/// Where one case takes place.
pub struct Ground {
    client: Client,
    pub namespace: String,
}

impl Ground {
    /// A new namespace in which everything is ready.
    pub async fn new(lab: &Lab, scenario: &Scenario) -> Self {
        let client = &lab.client;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let labels = json!({LABEL: "true", "firedrill.dev/enabled": "true"});
        let namespace = json!({"metadata": {"generateName": "matrix-", "labels": labels}});
        let created = namespaces.create(&PostParams::default(), &parse(namespace)).await.unwrap();
        let ground = Self { client: client.clone(), namespace: created.name_any() };
        lab.enable(&ground.namespace).await;
        let post = PostParams::default();
        ground.api::<Deployment>().create(&post, &parse(workload(scenario.warm_up))).await.unwrap();
        ground.api::<Service>().create(&post, &parse(service())).await.unwrap();
        ground.api::<Pod>().create(&post, &parse(bystander())).await.unwrap();
        ground.create("Experiment", EXPERIMENT, scenario.spec.clone()).await;
        assert!(
            patience::until(60, async || ground.is_whole().await).await,
            "the workload in {} did not become ready",
            ground.namespace
        );
        ground
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn ours(&self, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &lab::our(kind))
    }

    async fn create(&self, kind: &str, name: &str, spec: Value) {
        let object = DynamicObject::new(name, &lab::our(kind)).data(json!({"spec": spec}));
        self.ours(kind).create(&PostParams::default(), &object).await.unwrap();
    }

    async fn is_whole(&self) -> bool {
        let status = self.api::<Deployment>().get("web").await.unwrap().status.unwrap_or_default();
        status.ready_replicas == Some(2)
    }

    /// Whether an operator has judged the Experiment.
    pub async fn is_judged(&self) -> bool {
        !self.experiment().await["status"].is_null()
    }

    pub async fn start_run(&self) {
        self.create("ExperimentRun", RUN, json!({"experiment": EXPERIMENT})).await;
    }

    pub async fn run(&self) -> Value {
        value(&self.ours("ExperimentRun").get(RUN).await.unwrap())
    }

    pub async fn experiment(&self) -> Value {
        value(&self.ours("Experiment").get(EXPERIMENT).await.unwrap())
    }

    pub async fn debriefs(&self) -> Vec<Value> {
        let listed = self.ours("Debrief").list(&kube::api::ListParams::default()).await.unwrap();
        listed.items.iter().map(value).collect()
    }

    /// Removes everything, also a run whose operator is gone for good.
    pub async fn remove(self) {
        let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        self.ours("ExperimentRun").patch(RUN, &PatchParams::default(), &free).await.unwrap();
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.delete(&self.namespace, &DeleteParams::default()).await.unwrap();
    }
}

fn parse<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).unwrap()
}

fn value(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap()
}

fn workload(warm_up: u32) -> Value {
    let script = format!(
        "mkdir -p /tmp/w; echo ok > /tmp/w/index.html; sleep {warm_up}; exec httpd -f -p 8080 -h /tmp/w"
    );
    let container = json!({
        "name": "web", "image": "registry.local/busybox:1", "imagePullPolicy": "Never",
        "command": ["sh", "-c", script],
        "readinessProbe": {"httpGet": {"path": "/index.html", "port": 8080}, "periodSeconds": 1},
    });
    json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
            },
        },
    })
}

fn service() -> Value {
    json!({
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
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
