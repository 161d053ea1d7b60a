//! The run, its target, and what the API server makes of each write.

use std::collections::BTreeMap;

use firedrill::{
    api::{
        ExperimentRun, ExperimentSpec, names,
        run::{ExperimentRunSpec, ExperimentRunStatus},
    },
    core::{revert::leftovers::Revision, stage},
    faults::{
        Call, Kind, Object,
        call::{Change, Exact},
    },
};
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
    jiff::Timestamp,
};
use serde_json::{Value, json};

use super::patch;

/// UID of the run.
pub const RUN: &str = "0d1c77ae-0001";
const SOUND: &str = "registry/web:1";
const BROKEN: &str = "registry.invalid/web:2";
const IMAGE: &str = "/spec/template/spec/containers/0/image";

/// The target, and whether its controller has made a ReplicaSet of the broken template.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub object: Value,
    pub has_faulty_set: bool,
}

/// One write, by whomever.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// The status of the run that has that version.
    Status(String, Box<ExperimentRunStatus>),
    /// The finalizers of the run that has that version.
    Finalizers(String, Vec<String>),
    /// A call of the fault.
    Call(Call),
    /// A person deletes the run.
    Delete,
    /// Somebody else changes something else of the target.
    Touch,
    /// Somebody else restores the target's field.
    Mend,
}

/// What the API server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    Accepted,
    Changed,
    Gone,
    /// Nothing: the request or its answer was lost.
    Unknown,
}

impl Write {
    /// Whether it is a write of the run, and not of the target.
    pub const fn is_of_run(&self) -> bool {
        matches!(self, Self::Status(..) | Self::Finalizers(..) | Self::Delete)
    }

    /// It in a few words.
    pub fn name(&self) -> String {
        match self {
            Self::Status(_, status) => format!("status {:?}", stage::read(status)),
            Self::Finalizers(_, names) if names.is_empty() => "finalizer off".to_owned(),
            Self::Finalizers(..) => "finalizer on".to_owned(),
            Self::Call(Call::Arm(_)) => "arm".to_owned(),
            Self::Call(Call::Disarm(_)) => "disarm".to_owned(),
            Self::Call(_) => "remove the faulty ReplicaSet".to_owned(),
            Self::Delete => "delete".to_owned(),
            Self::Touch => "touch".to_owned(),
            Self::Mend => "mend".to_owned(),
        }
    }
}

/// The experiment that is run.
pub fn experiment() -> ExperimentSpec {
    let spec = json!({
        "hypothesis": "a broken rollout is held back", "owner": "team",
        "target": {"deployment": "web"}, "fault": {"badRollout": {"image": BROKEN}},
        "duration": "5m", "steadyState": [{"name": "self", "workload": {}}],
        "detection": {"alerts": ["alertname=\"Down\""]},
        "guards": {"minReady": 0, "steadyFor": "0s"},
    });
    serde_json::from_value(spec).unwrap()
}

/// The run as a person has just created it.
pub fn run() -> ExperimentRun {
    let spec = json!({"experiment": "bad-rollout", "startWithin": "24h"});
    let spec: ExperimentRunSpec = serde_json::from_value(spec).unwrap();
    let mut run = ExperimentRun::new("bad-rollout-1", spec);
    run.metadata = ObjectMeta {
        namespace: Some("shop".to_owned()),
        uid: Some(RUN.to_owned()),
        resource_version: Some("1".to_owned()),
        ..run.metadata
    };
    run
}

/// The number of the run's present version.
pub fn version(run: &ExperimentRun) -> u8 {
    run.metadata.resource_version.as_ref().unwrap().parse().unwrap()
}

impl Target {
    pub fn new() -> Self {
        let none: BTreeMap<String, String> = BTreeMap::new();
        let object = json!({
            "metadata": {
                "name": "web", "namespace": "shop", "uid": "web-uid", "resourceVersion": "1",
                "generation": 1, "labels": none, "annotations": none,
            },
            "spec": {"template": {"spec": {"containers": [{"name": "web", "image": SOUND}]}}},
            "status": {"observedGeneration": 1},
        });
        Self { object, has_faulty_set: false }
    }

    pub fn object(&self) -> Object {
        Object { kind: Kind::Deployment, value: self.object.clone() }
    }

    /// Whether the field holds the faulty value.
    pub fn is_broken(&self) -> bool {
        self.object.pointer(IMAGE).is_some_and(|image| image == BROKEN)
    }

    /// The mark, as it is written.
    pub fn mark(&self) -> Option<&str> {
        self.object["metadata"]["labels"][names::FAULT].as_str()
    }

    /// The revisions whose template holds the fault.
    pub fn faulty_revisions(&self) -> Vec<Revision> {
        let exact = Exact {
            name: "web-broken".to_owned(),
            uid: "web-broken-uid".to_owned(),
            resource_version: "1".to_owned(),
            grace_seconds: None,
        };
        let replicas = i64::from(self.is_broken());
        let revision = Revision { exact, hash: Some("broken".to_owned()), replicas };
        Some(revision).filter(|_| self.has_faulty_set).into_iter().collect()
    }

    /// A write has gone through: the API server numbers it, and the controller acts on it.
    fn settle(&mut self, old: &Value) {
        let count = |value: &Value| value.as_str().unwrap().parse::<u32>().unwrap() + 1;
        let version = count(&self.object["metadata"]["resourceVersion"]);
        self.object["metadata"]["resourceVersion"] = json!(version.to_string());
        if self.object["spec"] != old["spec"] {
            let generation = self.object["metadata"]["generation"].as_u64().unwrap() + 1;
            self.object["metadata"]["generation"] = json!(generation);
            self.object["status"]["observedGeneration"] = json!(generation);
        }
        self.has_faulty_set |= self.is_broken();
    }
}

/// What the API server makes of a write, and what it says.
pub fn apply(
    write: &Write,
    run: Option<&ExperimentRun>,
    target: &Target,
) -> (Option<ExperimentRun>, Target, Answer) {
    if write.is_of_run() {
        let (run, answer) = to_run(write, run);
        (run, target.clone(), answer)
    } else {
        let mut changed = target.clone();
        let answer = to_target(write, &mut changed);
        let target = if answer == Answer::Accepted { changed } else { target.clone() };
        (run.cloned(), target, answer)
    }
}

fn to_run(write: &Write, run: Option<&ExperimentRun>) -> (Option<ExperimentRun>, Answer) {
    let Some(run) = run else {
        return (None, Answer::Gone);
    };
    let mut changed = run.clone();
    let metadata = &mut changed.metadata;
    metadata.resource_version = Some((version(run) + 1).to_string());
    match write {
        Write::Status(version, _) | Write::Finalizers(version, _)
            if run.metadata.resource_version.as_ref() != Some(version) =>
        {
            return (Some(run.clone()), Answer::Changed);
        }
        Write::Status(_, status) => changed.status = Some(ExperimentRunStatus::clone(status)),
        Write::Finalizers(_, finalizers) => metadata.finalizers = Some(finalizers.clone()),
        _ => metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH)),
    }
    let metadata = &changed.metadata;
    let is_held = metadata.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty());
    let is_gone = metadata.deletion_timestamp.is_some() && !is_held;
    (Some(changed).filter(|_| !is_gone), Answer::Accepted)
}

fn to_target(write: &Write, target: &mut Target) -> Answer {
    let old = target.object.clone();
    match write {
        Write::Call(Call::Arm(Change { patch, .. }) | Call::Disarm(Change { patch, .. })) => {
            if patch::json(&mut target.object, &json!(patch)).is_none() {
                return Answer::Changed;
            }
        }
        Write::Mend => *target.object.pointer_mut(IMAGE).unwrap() = json!(SOUND),
        Write::Touch => target.object["metadata"]["annotations"]["touched"] = json!("yes"),
        Write::Call(Call::DeleteReplicaSet(_)) if target.has_faulty_set => {
            target.has_faulty_set = false;
            return Answer::Accepted;
        }
        Write::Call(Call::DeleteReplicaSet(_)) => return Answer::Gone,
        other => panic!("no write of a target that is a Deployment: {other:?}"),
    }
    target.settle(&old);
    Answer::Accepted
}
