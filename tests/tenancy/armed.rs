//! Every kind of armed target as faults leave it, what restores it, and what must not pass instead.

use serde_json::{Value, json};

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
type Edit = (&'static str, String, Value, Value);

impl Row {
    /// The patch that revokes the mark and takes our annotations away.
    pub fn disarm(&self) -> Vec<Value> {
        let annotations = self.object["metadata"]["annotations"].as_object().unwrap();
        let ours = annotations.keys().filter(|name| name.starts_with("firedrill.dev/"));
        let remove = ours.map(|name| {
            json!({"op": "remove", "path": format!("/metadata/annotations/{}", name.replace('/', "~1"))})
        });
        let mark = json!({"op": "replace", "path": "/metadata/labels/firedrill.dev~1fault", "value": REVOKED});
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
        ["deployments", "statefulsets", "daemonsets"].into_iter().flat_map(rollouts).collect();
    rows.extend(["deployments", "statefulsets"].map(scaled));
    rows.extend([blackhole(), external_name(), egress()]);
    rows
}

/// A workload with no pods, whose container `web` has these fields too.
fn workload(resource: &str, web: Value) -> Value {
    let mut container =
        json!({"name": "web", "image": "registry.local/busybox:1", "resources": {}});
    super::support::merge(&mut container, web);
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
fn arm(mut object: Value, edits: &[Edit]) -> Value {
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

fn rollouts(resource: &'static str) -> Vec<Row> {
    let at = |path: &str| format!("/spec/template/spec/containers/name=web{path}");
    let row = |variant: &str,
               web: Value,
               edits: &[Edit],
               restore: Vec<Value>,
               instead: Vec<(&'static str, Value)>| Row {
        name: format!("badRollout {variant} of {resource}"),
        api: "apis/apps/v1",
        resource,
        object: arm(workload(resource, web), edits),
        restore,
        instead,
    };
    let add = |path: &str, value: Value| json!({"op": "add", "path": format!("{WEB}{path}"), "value": value});
    let remove = |path: &str| json!({"op": "remove", "path": format!("{WEB}{path}")});
    let hard = json!(["sh", "-c", "echo \"a\\b\" 'c'\n\tü / ~1"]);
    let mode = |value: &str| json!({"name": "MODE", "value": value});
    let key = |key: &str| json!({"name": "KEY", "valueFrom": {"configMapKeyRef": {"name": "map", "key": key}}});
    let other = json!({"name": "OTHER", "value": "1"});
    let none = json!({"firedrill.dev/none": "1"});
    let more = |rest: &str| json!({"firedrill.dev/none": "1", "cpu": rest});
    let mut rows = vec![
        row(
            "image",
            json!({"image": "firedrill.invalid/none"}),
            &[(
                "image",
                at("/image"),
                json!("registry.local/busybox:1"),
                json!("firedrill.invalid/none"),
            )],
            vec![add("/image", json!("registry.local/busybox:1"))],
            vec![("another image", add("/image", json!("registry.local/busybox:2")))],
        ),
        row(
            "command",
            json!({"command": ["false"]}),
            &[("command", at("/command"), hard.clone(), json!(["false"]))],
            vec![add("/command", hard)],
            vec![
                ("another command", add("/command", json!(["sh", "-c", "evil"]))),
                ("no command", remove("/command")),
            ],
        ),
        row(
            "command where there was none",
            json!({"command": ["false"]}),
            &[("command", at("/command"), Value::Null, json!(["false"]))],
            vec![remove("/command")],
            vec![],
        ),
        row(
            "changed env",
            json!({"env": [other, mode("bad")]}),
            &[("env", at("/env/name=MODE/value"), json!("g\"o\\d\n"), json!("bad"))],
            vec![add("/env/1/value", json!("g\"o\\d\n"))],
            vec![
                ("another value", add("/env/1/value", json!("evil"))),
                ("another variable's value", add("/env/0/value", json!("evil"))),
                ("no variable", remove("/env/1")),
                ("no value", remove("/env/1/value")),
            ],
        ),
        row(
            "env that had no value",
            json!({"env": [other, mode("bad")]}),
            &[("env", at("/env/name=MODE/value"), Value::Null, json!("bad"))],
            vec![remove("/env/1/value")],
            vec![("another value", add("/env/1/value", json!("evil")))],
        ),
        row(
            "env that was absent",
            json!({"env": [other, mode("bad")]}),
            &[("env", at("/env/name=MODE"), Value::Null, mode("bad"))],
            vec![remove("/env/1")],
            vec![("another variable less", remove("/env/0"))],
        ),
        row(
            "env where there was none",
            json!({"env": [mode("bad")]}),
            &[("env", at("/+env/name=MODE"), Value::Null, mode("bad"))],
            vec![remove("/env")],
            vec![("another variable", add("/env", json!([other])))],
        ),
        row(
            "removed env",
            json!({"env": [other]}),
            &[("env", at("/env/name=MODE"), mode("good"), Value::Null)],
            vec![add("/env/0", mode("good"))],
            vec![
                ("another value", add("/env/0/value", json!("evil"))),
                ("the variable twice", add("/env/0", mode("good"))),
                ("another source", add("/env/0", key("evil"))),
            ],
        ),
        row(
            "configMapKey",
            json!({"env": [other, key("absent")]}),
            &[(
                "config-map-key",
                at("/env/name=KEY/valueFrom/configMapKeyRef/key"),
                json!("limit"),
                json!("absent"),
            )],
            vec![add("/env/1/valueFrom/configMapKeyRef/key", json!("limit"))],
            vec![
                ("another key", add("/env/1/valueFrom/configMapKeyRef/key", json!("evil"))),
                ("another map", add("/env/1/valueFrom/configMapKeyRef/name", json!("evil"))),
                ("an optional key", add("/env/1/valueFrom/configMapKeyRef/optional", json!(true))),
                (
                    "a secret",
                    add(
                        "/env/1/valueFrom",
                        json!({"secretKeyRef": {"name": "evil", "key": "limit"}}),
                    ),
                ),
            ],
        ),
        row(
            "readinessProbe where there was none",
            json!({"readinessProbe": {"tcpSocket": {"port": 1}}}),
            &[(
                "readiness-probe",
                at("/readinessProbe"),
                Value::Null,
                json!({"tcpSocket": {"port": 1}}),
            )],
            vec![remove("/readinessProbe")],
            vec![],
        ),
        row(
            "readinessProbe by exec",
            json!({"readinessProbe": {"exec": {"command": ["false"]}}}),
            &[(
                "readiness-probe",
                at("/readinessProbe/exec/command"),
                json!(["test", "-f", "/a\"b"]),
                json!(["false"]),
            )],
            vec![add("/readinessProbe/exec/command", json!(["test", "-f", "/a\"b"]))],
            vec![
                ("another command", add("/readinessProbe/exec/command", json!(["evil"]))),
                ("another period", add("/readinessProbe/periodSeconds", json!(7))),
            ],
        ),
        row(
            "resources",
            json!({"resources": {"limits": more("1"), "requests": more("1")}}),
            &[
                ("limit", at("/resources/limits/firedrill.dev~1none"), Value::Null, json!("1")),
                ("request", at("/resources/requests/firedrill.dev~1none"), Value::Null, json!("1")),
            ],
            vec![
                remove("/resources/limits/firedrill.dev~1none"),
                remove("/resources/requests/firedrill.dev~1none"),
            ],
            vec![
                ("another limit", add("/resources/limits/cpu", json!("2"))),
                ("another request", add("/resources/requests/cpu", json!("500m"))),
            ],
        ),
        row(
            "resources where there were none",
            json!({"resources": {"limits": none, "requests": none}}),
            &[
                ("limit", at("/resources/+limits/firedrill.dev~1none"), Value::Null, json!("1")),
                (
                    "request",
                    at("/resources/+requests/firedrill.dev~1none"),
                    Value::Null,
                    json!("1"),
                ),
            ],
            vec![remove("/resources/limits"), remove("/resources/requests")],
            vec![],
        ),
    ];
    for (by, probe, was) in [
        ("httpGet", json!({"path": "/", "port": 1}), json!(8080)),
        ("httpGet", json!({"path": "/", "port": 1}), json!("http")),
        ("tcpSocket", json!({"port": 1}), json!(8080)),
        ("grpc", json!({"port": 1}), json!(8080)),
    ] {
        let port = format!("/readinessProbe/{by}/port");
        let mut instead = vec![
            ("another port", add(&port, json!(6))),
            ("another period", add("/readinessProbe/periodSeconds", json!(7))),
        ];
        if by == "httpGet" {
            instead.push(("another path", add("/readinessProbe/httpGet/path", json!("/evil"))));
        }
        rows.push(row(
            &format!("readinessProbe by {by}, port {was}"),
            json!({"readinessProbe": {by: probe}}),
            &[("readiness-probe", at(&port), was.clone(), json!(1))],
            vec![add(&port, was)],
            instead,
        ));
    }
    rows
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
