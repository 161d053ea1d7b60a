//! What must not pass in place of a revert: each patch differs from it in one thing.

use serde_json::{Value, json};

use super::armed::{ARMED, REVOKED, Row, WEB};

impl Row {
    /// Patches that must be refused, each with what is wrong with it; every one is valid otherwise.
    pub fn wrong(&self) -> Vec<(String, Vec<Value>)> {
        let mut wrong = self.wrong_marks();
        let beside = |op: &Value| [self.revert(), vec![op.clone()]].concat();
        for (what, op) in wrong_metadata().iter().chain(&self.wrong_fields()).chain(&self.instead) {
            wrong.push(((*what).to_owned(), beside(op)));
        }
        let kept = self.revert().into_iter().filter(|op| {
            op["path"].as_str().is_some_and(|path| {
                !path.starts_with("/metadata/annotations/firedrill.dev~1deadline")
            })
        });
        wrong.push(("our deadline stays".to_owned(), kept.collect()));
        wrong
    }

    fn wrong_marks(&self) -> Vec<(String, Vec<Value>)> {
        let mark = |value: &str| {
            let mut patch = self.revert();
            patch[0]["value"] = json!(value);
            patch
        };
        let mut removed = self.revert();
        removed[0] = json!({"op": "remove", "path": "/metadata/labels/firedrill.dev~1fault"});
        let rearmed = json!({"op": "replace", "path": "/metadata/labels/firedrill.dev~1fault", "value": ARMED.replace(".1.", ".2.")});
        vec![
            ("the mark stays armed".to_owned(), mark(ARMED)),
            ("the mark of another run".to_owned(), mark(&REVOKED.replacen('1', "9", 1))),
            ("the mark of another epoch".to_owned(), mark(&REVOKED.replace(".1.", ".2."))),
            ("the mark armed anew".to_owned(), vec![rearmed]),
            ("the mark is no mark".to_owned(), mark("revoked")),
            ("the mark is removed".to_owned(), removed),
        ]
    }

    /// A change of each guarded field of the spec.
    fn wrong_fields(&self) -> Vec<(&'static str, Value)> {
        match self.resource {
            "services" => vec![
                ("ports", json!({"op": "add", "path": "/spec/ports/0/port", "value": 81})),
                (
                    "selector",
                    json!({"op": "add", "path": "/spec/selector", "value": {"app": "evil"}}),
                ),
                (
                    "session affinity",
                    json!({"op": "add", "path": "/spec/sessionAffinity", "value": "ClientIP"}),
                ),
                (
                    "addresses",
                    json!({"op": "add", "path": "/spec/publishNotReadyAddresses", "value": true}),
                ),
            ],
            "networkpolicies" => vec![
                ("egress", json!({"op": "add", "path": "/spec/egress", "value": []})),
                ("ingress", json!({"op": "add", "path": "/spec/ingress", "value": [{}]})),
                (
                    "policy types",
                    json!({"op": "add", "path": "/spec/policyTypes", "value": ["Ingress", "Egress"]}),
                ),
                (
                    "pods",
                    json!({"op": "add", "path": "/spec/podSelector/matchLabels/app", "value": "evil"}),
                ),
                (
                    "pods by expression",
                    json!({"op": "add", "path": "/spec/podSelector/matchExpressions", "value": [{"key": "a", "operator": "Exists"}]}),
                ),
            ],
            _ => wrong_workload(self.resource),
        }
    }
}

fn wrong_metadata() -> Vec<(&'static str, Value)> {
    let owner = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "a"}]);
    vec![
        (
            "another label is added",
            json!({"op": "add", "path": "/metadata/labels/evil", "value": ""}),
        ),
        (
            "another label is changed",
            json!({"op": "replace", "path": "/metadata/labels/app", "value": "evil"}),
        ),
        ("another label is removed", json!({"op": "remove", "path": "/metadata/labels/app"})),
        (
            "another annotation is added",
            json!({"op": "add", "path": "/metadata/annotations/evil", "value": ""}),
        ),
        (
            "another annotation is changed",
            json!({"op": "replace", "path": "/metadata/annotations/note", "value": "evil"}),
        ),
        (
            "another annotation is removed",
            json!({"op": "remove", "path": "/metadata/annotations/note"}),
        ),
        (
            "a finalizer",
            json!({"op": "add", "path": "/metadata/finalizers", "value": ["evil.example/held"]}),
        ),
        ("an owner", json!({"op": "add", "path": "/metadata/ownerReferences", "value": owner})),
    ]
}

fn wrong_workload(resource: &str) -> Vec<(&'static str, Value)> {
    let add = |path: &str, value: Value| json!({"op": "add", "path": path, "value": value});
    let web = |path: &str, value: Value| add(&format!("{WEB}{path}"), value);
    let pod = |path: &str, value: Value| add(&format!("/spec/template{path}"), value);
    let side = json!({"name": "evil", "image": "evil"});
    let mut wrong = vec![
        ("seconds", add("/spec/minReadySeconds", json!(7))),
        ("a label of the template", pod("/metadata/labels/evil", json!(""))),
        ("an annotation of the template", pod("/metadata/annotations", json!({"evil": ""}))),
        ("the host's network", pod("/spec/hostNetwork", json!(true))),
        ("the account", pod("/spec/serviceAccountName", json!("evil"))),
        ("a volume", pod("/spec/volumes", json!([{"name": "evil", "emptyDir": {}}]))),
        ("an init container", pod("/spec/initContainers", json!([side]))),
        ("one container more", pod("/spec/containers/-", side)),
        ("one container less", json!({"op": "remove", "path": "/spec/template/spec/containers/1"})),
        ("the other container", pod("/spec/containers/1/image", json!("evil"))),
        ("image", web("/image", json!("evil"))),
        ("command", web("/command", json!(["evil"]))),
        ("arguments", web("/args", json!(["evil"]))),
        ("environment", web("/env", json!([{"name": "EVIL", "value": "1"}]))),
        ("environment from elsewhere", web("/envFrom", json!([{"secretRef": {"name": "evil"}}]))),
        ("readiness probe", web("/readinessProbe", json!({"tcpSocket": {"port": 6}}))),
        ("liveness probe", web("/livenessProbe", json!({"tcpSocket": {"port": 6}}))),
        ("limits", web("/resources/limits", json!({"cpu": "3"}))),
        ("requests", web("/resources/requests", json!({"memory": "1Mi"}))),
        (
            "an extended resource",
            web(
                "/resources",
                json!({"limits": {"firedrill.dev/none": "2"}, "requests": {"firedrill.dev/none": "2"}}),
            ),
        ),
        ("privileges", web("/securityContext", json!({"privileged": true}))),
    ];
    if resource != "daemonsets" {
        wrong.push(("replicas", add("/spec/replicas", json!(1))));
    }
    wrong
}
