//! Every kind of armed target as faults leave it, what restores it, and what must not pass instead.

use serde_json::{Value, json};

use super::rollouts;
use crate::support;

/// The mark of the fault that every row carries.
pub const ARMED: &str = "11111111-2222-3333-4444-555555555555.1.armed";
/// The same fault's tombstone.
pub const REVOKED: &str = "11111111-2222-3333-4444-555555555555.1.revoked";
/// Where the faulted container is.
pub const WEB: &str = "/spec/template/spec/containers/0";

/// One armed target.
pub struct Row {
    /// Fault, variant and kind.
    pub name: String,
    /// Path of the resource's API below the server, without the namespace.
    pub api: &'static str,
    /// The resource.
    pub resource: &'static str,
    /// The object, armed.
    pub object: Value,
    /// JSON Patch that puts the faulted fields back.
    pub restore: Vec<Value>,
    /// JSON Patches that put something else there, each with what it is.
    pub instead: Vec<(&'static str, Value)>,
}

/// An edit of a fault: slug, pointer below the container or the object, pre-image, our value.
pub type Edit = (&'static str, String, Value, Value);

impl Row {
    /// The patch that revokes the mark and takes our annotations away.
    pub fn disarm(&self) -> Vec<Value> {
        let annotations = self.object["metadata"]["annotations"].as_object().unwrap();
        let ours = annotations.keys().filter(|name| name.starts_with("firedrill.dev/"));
        let remove = ours.map(|name| {
            json!({"op": "remove", "path": format!("/metadata/annotations/{}", name.replace('/', "~1"))})
        });
        let mark =
            json!({"op": "add", "path": "/metadata/labels/firedrill.dev~1fault", "value": REVOKED});
        std::iter::once(mark).chain(remove).collect()
    }

    /// The whole revert.
    pub fn revert(&self) -> Vec<Value> {
        [self.disarm(), self.restore.clone()].concat()
    }
}

/// Every row of the contract, on every kind that it is for.
pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> =
        ["deployments", "statefulsets", "daemonsets"].into_iter().flat_map(rollouts::of).collect();
    rows.extend(["deployments", "statefulsets"].map(scaled));
    rows.extend([blackhole(), external_name(), egress()]);
    rows
}

/// A workload with no pods, whose container `web` has these fields too.
pub fn workload(resource: &str, web: Value) -> Value {
    let mut container =
        json!({"name": "web", "image": "registry.local/busybox:1", "resources": {}});
    support::merge(&mut container, web);
    let mut spec = json!({
        "selector": {"matchLabels": {"app": "row"}},
        "template": {
            "metadata": {"labels": {"app": "row"}},
            "spec": {
                "nodeSelector": {"nowhere": "true"},
                "containers": [container, {"name": "side", "image": "registry.local/pause:3.10"}],
            },
        },
    });
    let kind = match resource {
        "deployments" => "Deployment",
        "statefulsets" => {
            spec["serviceName"] = json!("row");
            "StatefulSet"
        }
        _ => "DaemonSet",
    };
    if resource != "daemonsets" {
        spec["replicas"] = json!(0);
    }
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {}, "spec": spec})
}

/// Marks `object` as armed with these edits; pointers are those of the object.
pub fn arm(mut object: Value, edits: &[Edit]) -> Value {
    let metadata = &mut object["metadata"];
    metadata["labels"] =
        json!({"app": "row", "firedrill.dev/fault": ARMED, "firedrill.dev/run": "row"});
    metadata["annotations"] =
        json!({"note": "kept", "firedrill.dev/deadline": "2026-01-01T00:00:00.000000Z"});
    for (slug, at, was, set) in edits {
        metadata["annotations"][format!("firedrill.dev/at-{slug}")] = json!(at);
        metadata["annotations"][format!("firedrill.dev/was-{slug}")] = json!(was.to_string());
        metadata["annotations"][format!("firedrill.dev/set-{slug}")] = json!(set.to_string());
    }
    object
}

fn scaled(resource: &'static str) -> Row {
    let replicas = |count: i32| json!({"op": "add", "path": "/spec/replicas", "value": count});
    Row {
        name: format!("dependencyOutage scaleToZero of {resource}"),
        api: "apis/apps/v1",
        resource,
        object: arm(
            workload(resource, json!({})),
            &[("replicas", "/spec/replicas".to_owned(), json!(3), json!(0))],
        ),
        restore: vec![replicas(3)],
        instead: vec![("more replicas", replicas(30))],
    }
}

fn blackhole() -> Row {
    let key = "/spec/selector/firedrill.dev~1blackhole";
    let spec = json!({"selector": {"app": "row", "firedrill.dev/blackhole": "run"}, "ports": [{"port": 80}]});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": spec});
    Row {
        name: "dependencyOutage blackhole".to_owned(),
        api: "api/v1",
        resource: "services",
        object: arm(service, &[("selector", key.to_owned(), Value::Null, json!("run"))]),
        restore: vec![json!({"op": "remove", "path": key})],
        instead: vec![("another blackhole", json!({"op": "add", "path": key, "value": "evil"}))],
    }
}

fn external_name() -> Row {
    let name = |name: &str| json!({"op": "add", "path": "/spec/externalName", "value": name});
    let spec = json!({"type": "ExternalName", "externalName": "firedrill.invalid", "ports": [{"port": 80}]});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": spec});
    let edit = (
        "external-name",
        "/spec/externalName".to_owned(),
        json!("db.example.com"),
        json!("firedrill.invalid"),
    );
    Row {
        name: "dependencyOutage externalName".to_owned(),
        api: "api/v1",
        resource: "services",
        object: arm(service, &[edit]),
        restore: vec![name("db.example.com")],
        instead: vec![("another name", name("evil.example.com"))],
    }
}

fn egress() -> Row {
    let key = "/spec/podSelector/matchLabels/firedrill.dev~1inert";
    let spec = json!({"podSelector": {"matchLabels": {"role": "row"}}, "policyTypes": ["Egress"], "egress": [{}]});
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {}, "spec": spec});
    let revoked_at = json!({"op": "add", "path": "/metadata/annotations/firedrill.dev~1revoked-at", "value": "2026-01-01T00:00:00.000000Z"});
    Row {
        name: "dependencyOutage egress".to_owned(),
        api: "apis/networking.k8s.io/v1",
        resource: "networkpolicies",
        object: arm(policy, &[("inert", key.to_owned(), json!("true"), Value::Null)]),
        restore: vec![json!({"op": "add", "path": key, "value": "true"}), revoked_at],
        instead: vec![(
            "another sort of inert",
            json!({"op": "add", "path": key, "value": "false"}),
        )],
    }
}
