//! Every variant of `badRollout` as it leaves a workload.

use serde_json::{Value, json};

use super::armed::{Edit, Row, WEB, arm, workload};

/// Every variant on one kind of workload.
pub fn of(resource: &'static str) -> Vec<Row> {
    [
        commands(resource),
        variables(resource),
        lost_variables(resource),
        probes(resource),
        ports(resource),
        requests(resource),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What a variant changes in the container `web`, and how that is restored.
struct Variant<'a> {
    name: &'a str,
    web: Value,
    edits: &'a [Edit],
    restore: Vec<Value>,
    instead: Vec<(&'static str, Value)>,
}

impl Variant<'_> {
    fn row(self, resource: &'static str) -> Row {
        Row {
            name: format!("badRollout {} of {resource}", self.name),
            api: "apis/apps/v1",
            resource,
            object: arm(workload(resource, self.web), self.edits),
            restore: self.restore,
            instead: self.instead,
        }
    }
}

fn at(path: &str) -> String {
    format!("/spec/template/spec/containers/name=web{path}")
}

fn add(path: &str, value: impl Into<Value>) -> Value {
    json!({"op": "add", "path": format!("{WEB}{path}"), "value": value.into()})
}

fn remove(path: &str) -> Value {
    json!({"op": "remove", "path": format!("{WEB}{path}")})
}

fn mode(value: &str) -> Value {
    json!({"name": "MODE", "value": value})
}

fn other() -> Value {
    json!({"name": "OTHER", "value": "1"})
}

fn key(key: &str) -> Value {
    json!({"name": "KEY", "valueFrom": {"configMapKeyRef": {"name": "map", "key": key}}})
}

fn commands(resource: &'static str) -> Vec<Row> {
    let (image, command) =
        ("registry.local/busybox:1", json!(["sh", "-c", "echo \"a\\b\" 'c'\n\tü / ~1"]));
    let variants = [
        Variant {
            name: "image",
            web: json!({"image": "firedrill.invalid/none"}),
            edits: &[("image", at("/image"), json!(image), json!("firedrill.invalid/none"))],
            restore: vec![add("/image", image)],
            instead: vec![("another image", add("/image", "registry.local/busybox:2"))],
        },
        Variant {
            name: "command",
            web: json!({"command": ["false"]}),
            edits: &[("command", at("/command"), command.clone(), json!(["false"]))],
            restore: vec![add("/command", command)],
            instead: vec![
                ("another command", add("/command", json!(["sh", "-c", "evil"]))),
                ("no command", remove("/command")),
            ],
        },
        Variant {
            name: "command where there was none",
            web: json!({"command": ["false"]}),
            edits: &[("command", at("/command"), Value::Null, json!(["false"]))],
            restore: vec![remove("/command")],
            instead: vec![],
        },
    ];
    variants.into_iter().map(|variant| variant.row(resource)).collect()
}

/// A variable that the fault set or changed.
fn variables(resource: &'static str) -> Vec<Row> {
    let hard = "g\"o\\d\n";
    let variants = [
        Variant {
            name: "changed env",
            web: json!({"env": [other(), mode("bad")]}),
            edits: &[("env", at("/env/name=MODE/value"), json!(hard), json!("bad"))],
            restore: vec![add("/env/1/value", hard)],
            instead: vec![
                ("another value", add("/env/1/value", "evil")),
                ("another variable's value", add("/env/0/value", "evil")),
                ("no variable", remove("/env/1")),
                ("no value", remove("/env/1/value")),
            ],
        },
        Variant {
            name: "env that had no value",
            web: json!({"env": [other(), mode("bad")]}),
            edits: &[("env", at("/env/name=MODE/value"), Value::Null, json!("bad"))],
            restore: vec![remove("/env/1/value")],
            instead: vec![("another value", add("/env/1/value", "evil"))],
        },
        Variant {
            name: "env that was absent",
            web: json!({"env": [other(), mode("bad")]}),
            edits: &[("env", at("/env/name=MODE"), Value::Null, mode("bad"))],
            restore: vec![remove("/env/1")],
            instead: vec![("another variable less", remove("/env/0"))],
        },
        Variant {
            name: "env where there was none",
            web: json!({"env": [mode("bad")]}),
            edits: &[("env", at("/+env/name=MODE"), Value::Null, mode("bad"))],
            restore: vec![remove("/env")],
            instead: vec![("another variable", add("/env", json!([other()])))],
        },
    ];
    variants.into_iter().map(|variant| variant.row(resource)).collect()
}

/// A variable that the fault took away, or that reads from an absent key.
fn lost_variables(resource: &'static str) -> Vec<Row> {
    let key_at = "/env/name=KEY/valueFrom/configMapKeyRef/key";
    let reference = "/env/1/valueFrom/configMapKeyRef";
    let secret = json!({"secretKeyRef": {"name": "evil", "key": "limit"}});
    let variants = [
        Variant {
            name: "removed env",
            web: json!({"env": [other()]}),
            edits: &[("env", at("/env/[0]name=MODE"), mode("good"), Value::Null)],
            restore: vec![add("/env/0", mode("good"))],
            instead: vec![
                ("another value", add("/env/0/value", "evil")),
                ("the variable twice", add("/env/0", mode("good"))),
                ("another source", add("/env/0", key("evil"))),
            ],
        },
        Variant {
            name: "configMapKey",
            web: json!({"env": [other(), key("absent")]}),
            edits: &[("config-map-key", at(key_at), json!("limit"), json!("absent"))],
            restore: vec![add(&format!("{reference}/key"), "limit")],
            instead: vec![
                ("another key", add(&format!("{reference}/key"), "evil")),
                ("another map", add(&format!("{reference}/name"), "evil")),
                ("an optional key", add(&format!("{reference}/optional"), true)),
                ("a secret", add("/env/1/valueFrom", secret)),
            ],
        },
    ];
    variants.into_iter().map(|variant| variant.row(resource)).collect()
}

fn probes(resource: &'static str) -> Vec<Row> {
    let ours = json!({"tcpSocket": {"port": 1}});
    let (exec, test) = ("/readinessProbe/exec/command", json!(["test", "-f", "/a\"b"]));
    let variants = [
        Variant {
            name: "readinessProbe where there was none",
            web: json!({"readinessProbe": ours}),
            edits: &[("readiness-probe", at("/readinessProbe"), Value::Null, ours)],
            restore: vec![remove("/readinessProbe")],
            instead: vec![],
        },
        Variant {
            name: "readinessProbe by exec",
            web: json!({"readinessProbe": {"exec": {"command": ["false"]}}}),
            edits: &[("readiness-probe", at(exec), test.clone(), json!(["false"]))],
            restore: vec![add(exec, test)],
            instead: vec![
                ("another command", add(exec, json!(["evil"]))),
                ("another period", add("/readinessProbe/periodSeconds", 7)),
            ],
        },
    ];
    variants.into_iter().map(|variant| variant.row(resource)).collect()
}

/// A readiness probe that asks a port, by number or name.
fn ports(resource: &'static str) -> Vec<Row> {
    let ways = [
        ("httpGet", json!({"path": "/", "port": 1}), json!(8080)),
        ("httpGet", json!({"path": "/", "port": 1}), json!("http")),
        ("tcpSocket", json!({"port": 1}), json!(8080)),
        ("grpc", json!({"port": 1}), json!(8080)),
    ];
    let row = |(by, probe, was): (&str, Value, Value)| {
        let port = format!("/readinessProbe/{by}/port");
        let mut instead = vec![
            ("another port", add(&port, 6)),
            ("another period", add("/readinessProbe/periodSeconds", 7)),
        ];
        if by == "httpGet" {
            instead.push(("another path", add("/readinessProbe/httpGet/path", "/evil")));
        }
        Variant {
            name: &format!("readinessProbe by {by}, port {was}"),
            web: json!({"readinessProbe": {by: probe}}),
            edits: &[("readiness-probe", at(&port), was.clone(), json!(1))],
            restore: vec![add(&port, was)],
            instead,
        }
        .row(resource)
    };
    ways.into_iter().map(row).collect()
}

fn requests(resource: &'static str) -> Vec<Row> {
    let (limit, request) = ("limits/firedrill.dev~1none", "requests/firedrill.dev~1none");
    let edits = |sign: &str| -> [Edit; 2] {
        let edit =
            |slug, path| (slug, at(&format!("/resources/{sign}{path}")), Value::Null, json!("1"));
        [edit("limit", limit), edit("request", request)]
    };
    let only = json!({"firedrill.dev/none": "1"});
    let beside = json!({"firedrill.dev/none": "1", "cpu": "1"});
    let variants = [
        Variant {
            name: "resources",
            web: json!({"resources": {"limits": beside, "requests": beside}}),
            edits: &edits(""),
            restore: vec![
                remove(&format!("/resources/{limit}")),
                remove(&format!("/resources/{request}")),
            ],
            instead: vec![
                ("another limit", add("/resources/limits/cpu", "2")),
                ("another request", add("/resources/requests/cpu", "500m")),
            ],
        },
        Variant {
            name: "resources where there were none",
            web: json!({"resources": {"limits": only, "requests": only}}),
            edits: &edits("+"),
            restore: vec![remove("/resources/limits"), remove("/resources/requests")],
            instead: vec![],
        },
    ];
    variants.into_iter().map(|variant| variant.row(resource)).collect()
}
