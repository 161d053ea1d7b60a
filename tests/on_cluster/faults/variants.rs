//! Every way to break something, on every kind of target that takes it: read off the schema of the
//! CRD, so that a new one without a case fails.

use firedrill::{
    api::{Experiment, fault::Fault, union},
    faults,
};
use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

/// One fault in one variant, and what its clients must see of it.
#[derive(Clone)]
pub struct Variant {
    pub name: String,
    /// The value of `spec.fault`.
    pub fault: Value,
    /// Whom the clients ask meanwhile.
    pub asked: Asked,
    /// What becomes of connections that were open before.
    pub kept: Kept,
}

impl Variant {
    /// Whether it is there until it is reverted.
    pub fn lasts(&self) -> bool {
        let fault: Fault = serde_json::from_value(self.fault.clone()).unwrap();
        faults::behaviour(&fault).means.arming().is_some()
    }
}

/// Whom clients ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The target, from a pod of its own.
    Target,
    /// A host on which the target depends, from the target's own pods.
    Dependency(&'static str),
}

/// What becomes of connections that were open before the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    GoesOn,
    /// It is closed, or nothing comes any more.
    Breaks,
}

/// All variants of a fault; `range` are addresses outside of the cluster at which somebody answers.
pub fn of(fault: &str, range: &str) -> Vec<Variant> {
    let leaves = leaves(&schema()["properties"]["fault"]["properties"][fault]);
    leaves.into_iter().flat_map(|leaf| samples(&format!("{fault}.{leaf}"), range)).collect()
}

/// The faults that a target of that kind (its key in the spec) takes.
pub fn faults(target: &str) -> Vec<String> {
    let schema = schema();
    let all = schema["properties"]["fault"]["properties"].as_object().unwrap().keys();
    all.filter(|fault| takes(&schema, fault, target)).cloned().collect()
}

/// The kinds of target, as the spec calls them.
pub fn targets() -> Vec<String> {
    schema()["properties"]["target"]["properties"].as_object().unwrap().keys().cloned().collect()
}

fn schema() -> Value {
    let crd = serde_json::to_value(Experiment::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

fn rules(schema: &Value) -> impl Iterator<Item = &Map<String, Value>> {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules.filter_map(Value::as_object)
}

/// Whether no rule of the schema refuses that fault on that kind.
fn takes(schema: &Value, fault: &str, target: &str) -> bool {
    let refusal = format!("!has(self.fault.{fault}) || !has(self.target.{target})");
    !rules(schema).any(|rule| rule["rule"] == *refusal)
}

/// The fields of a fault of which a spec has exactly one, with what is chosen within them.
fn leaves(fault: &Value) -> Vec<String> {
    let choices = union::members(fault).expect("a fault says what it chooses from");
    let within = |choice: &str| {
        let inner = &fault["properties"][choice];
        assert!(!inner.is_null(), "{choice} is no field");
        match union::members(inner) {
            Some(fields) => fields.iter().map(|field| format!("{choice}.{field}")).collect(),
            None => vec![choice.to_owned()],
        }
    };
    choices.into_iter().flat_map(within).collect()
}

/// What is tried of one choice.
fn samples(leaf: &str, range: &str) -> Vec<Variant> {
    let kill = |words: &str, fault: Value| {
        variant(leaf, words, json!({"podKill": fault}), Asked::Target, Kept::Breaks)
    };
    let roll = |words: &str, fault: Value| {
        variant(leaf, words, json!({"badRollout": fault}), Asked::Target, Kept::Breaks)
    };
    let cut = |host: &'static str, mut fault: Value, kept: Kept| {
        if leaf.contains("egress") || leaf.contains("externalName") {
            fault["observe"] = observe(host);
        }
        variant(leaf, "", json!({"dependencyOutage": fault}), Asked::Dependency(host), kept)
    };
    match leaf {
        "podKill.count" => vec![
            kill("evicted", json!({"count": 1, "method": "Evict"})),
            kill("deleted", json!({"count": 1, "method": "Delete", "order": "Oldest"})),
        ],
        "podKill.percent" => vec![
            kill("evicted", json!({"percent": 100, "method": "Evict", "order": "Newest"})),
            kill("deleted", json!({"percent": 100, "method": "Delete"})),
        ],
        "badRollout.image" => vec![roll("", json!({"image": "firedrill.invalid/none"}))],
        "badRollout.command" => vec![roll("", json!({"command": ["/bin/false"]}))],
        "badRollout.env" => vec![
            roll("changed", json!({"env": {"name": "MODE", "value": "crash"}})),
            roll("removed", json!({"env": {"name": "MODE"}})),
            roll("added", json!({"env": {"name": "CRASH", "value": "yes"}})),
        ],
        "badRollout.configMapKey" => vec![roll("", json!({"configMapKey": {"env": "SETTING"}}))],
        "badRollout.readinessProbe" => vec![roll("", json!({"readinessProbe": {}}))],
        "badRollout.resources" => vec![roll("", json!({"resources": {}}))],
        "dependencyOutage.egress.service" => {
            vec![cut("db", json!({"egress": {"service": "db"}}), Kept::GoesOn)]
        }
        "dependencyOutage.egress.cidr" => {
            vec![cut("range", json!({"egress": {"cidr": range}}), Kept::GoesOn)]
        }
        "dependencyOutage.blackhole" => {
            vec![cut("db", json!({"blackhole": {"service": "db"}}), Kept::GoesOn)]
        }
        "dependencyOutage.externalName" => {
            vec![cut("outside", json!({"externalName": {"service": "outside"}}), Kept::GoesOn)]
        }
        "dependencyOutage.scaleToZero.deployment" => {
            vec![cut("db", json!({"scaleToZero": {"deployment": "db"}}), Kept::Breaks)]
        }
        "dependencyOutage.scaleToZero.statefulSet" => {
            vec![cut("store", json!({"scaleToZero": {"statefulSet": "store"}}), Kept::Breaks)]
        }
        other => panic!("{other} has no case here"),
    }
}

fn variant(leaf: &str, words: &str, fault: Value, asked: Asked, kept: Kept) -> Variant {
    Variant { name: format!("{leaf} {words}").trim_end().to_owned(), fault, asked, kept }
}

/// A page of the target that passes on whether that host answers.
pub fn observe(host: &str) -> Value {
    json!({"name": "observe", "http": {"service": "web", "port": 80, "path": format!("/cgi-bin/{host}"), "interval": "200ms"}})
}
