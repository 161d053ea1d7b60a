//! A namespace with something to break: `web`, what it depends on, and a client.

use firedrill::{faults::Kind, shell::objects};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use kube::{
    Api,
    api::{DynamicObject, PostParams},
};
use serde_json::{Value, json};

use super::client;
use crate::support::{Ground, eventually, merge};

/// How many pods of `web` a bad rollout takes away at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rolls {
    /// As many as Kubernetes does by itself.
    ByDefault,
    /// All of them.
    AllAtOnce,
}

/// The kind of workload behind a target (its key in a spec).
pub fn kind(target: &str) -> Kind {
    match target {
        "statefulSet" => Kind::StatefulSet,
        "daemonSet" => Kind::DaemonSet,
        _ => Kind::Deployment,
    }
}

/// The workload `web` of that kind.
pub fn web(kind: Kind, rolls: Rolls, outside: &client::Host) -> Value {
    let hosts = client::hosts(outside);
    let pages: String = hosts.iter().map(client::Host::page).collect();
    // So long that clients notice when the only pod is replaced.
    let warm_up = if rolls == Rolls::AllAtOnce { "sleep 3;" } else { "" };
    // The pages come last, so that whoever is ready has them.
    let script = format!(
        "[ \"$MODE\" = serve ] && [ -z \"$CRASH\" ] || exit 1; mkdir -p /tmp/w/cgi-bin; {pages} echo ok > /tmp/w/index.html; {warm_up} {}",
        client::ANSWERS
    );
    let mut containers = vec![json!({
        "name": "web", "image": "registry.local/busybox:1", "imagePullPolicy": "Never",
        "command": ["sh", "-c", script],
        "env": [
            {"name": "FIRST", "value": "1"},
            {"name": "MODE", "value": "serve"},
            {"name": "SETTING", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}},
        ],
        "readinessProbe": {"httpGet": {"path": "/index.html", "port": 8080}, "periodSeconds": 1},
    })];
    if rolls == Rolls::AllAtOnce {
        containers.push(client::container(&hosts));
    }
    let mut spec = workload(
        "web",
        kind,
        &json!({"terminationGracePeriodSeconds": 1, "containers": containers}),
    );
    // A single pod is all of them, whatever the kind.
    if kind != Kind::DaemonSet {
        spec["replicas"] = json!(if rolls == Rolls::AllAtOnce { 1 } else { 2 });
    } else if rolls == Rolls::AllAtOnce {
        spec["template"]["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": "n1"});
    }
    if rolls == Rolls::AllAtOnce {
        let all = json!({"maxUnavailable": "100%", "maxSurge": 0});
        match kind {
            Kind::Deployment => spec["strategy"] = json!({"rollingUpdate": all}),
            Kind::DaemonSet => spec["updateStrategy"] = json!({"rollingUpdate": all}),
            _ => {}
        }
    }
    object(kind, "web", &spec)
}

fn workload(name: &str, kind: Kind, pod: &Value) -> Value {
    let mut spec = json!({
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
    });
    if kind == Kind::StatefulSet {
        spec["serviceName"] = json!(name);
    }
    spec
}

fn object(kind: Kind, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind.to_string(), "metadata": {"name": name}, "spec": spec})
}

/// A namespace with `web` of that kind, its dependencies and a client, ready.
pub async fn stage(name: &str, target: &str, rolls: Rolls, outside: &client::Host) -> Ground {
    let ground = Ground::bare(name, json!({"firedrill.dev/enabled": "true"})).await;
    furnish(&ground, kind(target), web(kind(target), rolls, outside), &json!({})).await;
    if rolls == Rolls::AllAtOnce {
        let spec = json!({"terminationGracePeriodSeconds": 1, "containers": [client::container(&[client::Host::service("web")])]});
        let client =
            json!({"metadata": {"name": "client", "labels": {"app": "client"}}, "spec": spec});
        create::<Pod>(&ground, client).await;
    }
    all_settled(&ground, target).await;
    ground
}

/// The same without a pod that runs: no node is good enough.
pub async fn unstarted(name: &str, target: &str, outside: &client::Host) -> Ground {
    let ground = Ground::bare(name, json!({"firedrill.dev/enabled": "true"})).await;
    let nowhere = json!({"nodeSelector": {"nowhere": "true"}});
    let mut web = web(kind(target), Rolls::ByDefault, outside);
    merge(&mut web["spec"]["template"]["spec"], nowhere.clone());
    furnish(&ground, kind(target), web, &nowhere).await;
    ground
}

/// Creates `web` and what it depends on, whose pods are also like `pods`.
async fn furnish(ground: &Ground, of: Kind, web: Value, pods: &Value) {
    let settings = json!({"metadata": {"name": "settings"}, "data": {"colour": "green"}});
    create::<ConfigMap>(ground, settings).await;
    dynamic(ground, of, web).await;
    for (kind, name) in [(Kind::Deployment, "db"), (Kind::StatefulSet, "store")] {
        let script = format!("mkdir -p /tmp/w; echo ok > /tmp/w/index.html; {}", client::ANSWERS);
        let mut pod = json!({"terminationGracePeriodSeconds": 1, "containers": [{
            "name": "c", "image": "registry.local/busybox:1", "imagePullPolicy": "Never", "command": ["sh", "-c", script],
            "readinessProbe": {"tcpSocket": {"port": client::ECHO}, "periodSeconds": 1}}]});
        merge(&mut pod, pods.clone());
        let mut spec = workload(name, kind, &pod);
        spec["replicas"] = json!(1);
        dynamic(ground, kind, object(kind, name, &spec)).await;
    }
    for name in ["web", "db", "store"] {
        let ports = json!([{"name": "http", "port": 80, "targetPort": 8080}, {"name": "echo", "port": client::ECHO}]);
        let spec = json!({"selector": {"app": name}, "ports": ports});
        create::<Service>(ground, json!({"metadata": {"name": name}, "spec": spec})).await;
    }
    let elsewhere = format!("db.{}.svc.cluster.local", ground.namespace);
    let spec = json!({"type": "ExternalName", "externalName": elsewhere});
    create::<Service>(ground, json!({"metadata": {"name": "outside"}, "spec": spec})).await;
}

pub async fn create<K>(ground: &Ground, value: Value)
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + serde::Serialize
        + serde::de::DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    let object = serde_json::from_value(value).unwrap();
    ground.api::<K>().create(&PostParams::default(), &object).await.unwrap();
}

async fn dynamic(ground: &Ground, kind: Kind, value: Value) {
    let api: Api<DynamicObject> = objects::api(&ground.client, kind, Some(&ground.namespace));
    api.create(&PostParams::default(), &serde_json::from_value(value).unwrap()).await.unwrap();
}

/// Waits until `web` of that kind and all that it depends on is as wanted.
pub async fn all_settled(ground: &Ground, target: &str) {
    for (kind, name) in
        [(kind(target), "web"), (Kind::Deployment, "db"), (Kind::StatefulSet, "store")]
    {
        settled(ground, kind, name).await;
    }
}

/// Waits until every pod is made from the present template and ready.
pub async fn settled(ground: &Ground, kind: Kind, name: &str) {
    eventually("the workload is ready", 90, async || {
        let object = read(ground, kind, name).await?;
        let (spec, status) = (&object["spec"], &object["status"]);
        let (desired, ready, updated) = match kind {
            Kind::DaemonSet => ("desiredNumberScheduled", "numberReady", "updatedNumberScheduled"),
            _ => ("replicas", "readyReplicas", "updatedReplicas"),
        };
        let wanted = if kind == Kind::DaemonSet {
            status[desired].as_i64()?
        } else {
            spec["replicas"].as_i64()?
        };
        let current = status["observedGeneration"] == object["metadata"]["generation"];
        let whole =
            status[ready].as_i64() == Some(wanted) && status[updated].as_i64() == Some(wanted);
        let alone = kind == Kind::DaemonSet || status["replicas"].as_i64() == Some(wanted);
        (current && whole && alone && wanted > 0).then_some(())
    })
    .await;
}

pub async fn read(ground: &Ground, kind: Kind, name: &str) -> Option<Value> {
    let found = objects::read(&ground.client, kind, &ground.namespace, name).await.ok()??;
    Some(found.value)
}
