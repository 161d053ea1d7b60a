//! The objects of a namespace before and after a run: what a revert must have restored.

#![allow(dead_code, reason = "the suites and the matrix each use their part")]

use std::collections::{BTreeMap, BTreeSet};

use kube::{
    Api, Client, Discovery, ResourceExt,
    api::{DynamicObject, ListParams},
    core::ApiResource,
    discovery::{Scope, verbs},
};
use serde_json::Value;

const GROUP: &str = "firedrill.dev";
const FAULT: &str = "firedrill.dev/fault";
/// The annotations of an armed target begin like this.
const ARMED: [&str; 4] =
    ["firedrill.dev/deadline", "firedrill.dev/at-", "firedrill.dev/was-", "firedrill.dev/set-"];

/// Every kind of object that a namespace can hold and that somebody may miss.
pub async fn kinds(client: &Client) -> Vec<ApiResource> {
    let found = Discovery::new(client.clone()).run_aggregated().await.unwrap();
    let all = found.groups().flat_map(kube::discovery::ApiGroup::recommended_resources);
    let kinds = all.filter(|(kind, can)| {
        // Events and Leases are heartbeats and reports, and our own resources are judged apart.
        can.scope == Scope::Namespaced
            && can.supports_operation(verbs::LIST)
            && kind.group != GROUP
            && !matches!(kind.kind.as_str(), "Event" | "Lease" | "Endpoints")
    });
    kinds.map(|(kind, _)| kind).collect()
}

/// Whether an object of that kind must be as it was before.
pub type Counts = fn(&str, &DynamicObject) -> bool;

/// What no other object controls.
pub fn is_free(_: &str, object: &DynamicObject) -> bool {
    !object.owner_references().iter().any(|of| of.controller == Some(true))
}

/// Annotations by which controllers count.
const NUMBERS: [&str; 3] = [
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deprecated.daemonset.template.generation",
];

/// Everything in a namespace at one time.
#[derive(Default)]
pub struct Snapshot {
    /// Every object that counts, without what the server writes, by kind and name.
    objects: BTreeMap<String, Value>,
    /// The UIDs of all pods.
    pub pods: BTreeSet<String>,
    /// What still carries a fault, whoever controls it.
    pub armed: Vec<String>,
    /// Policies of ours that select nothing any more; the reaper deletes them later.
    tombstones: BTreeSet<String>,
}

impl Snapshot {
    pub async fn take(
        client: &Client,
        kinds: &[ApiResource],
        namespace: &str,
        counts: Counts,
    ) -> Self {
        let mut snapshot = Self::default();
        for kind in kinds {
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, kind);
            for object in api.list(&ListParams::default()).await.unwrap() {
                snapshot.add(&kind.kind, &object, counts);
            }
        }
        snapshot
    }

    fn add(&mut self, kind: &str, object: &DynamicObject, counts: Counts) {
        let name = format!("{kind} {}", object.name_any());
        if kind == "Pod" {
            self.pods.extend(object.uid());
        }
        if is_armed(kind, object) {
            self.armed.push(name.clone());
        }
        if kind == "NetworkPolicy" && is_revoked(object) && is_inert(object) {
            self.tombstones.insert(name.clone());
        }
        if counts(kind, object) {
            self.objects.insert(name, essence(object));
        }
    }

    /// From now on an object of that name is not expected to be there.
    pub fn without(&mut self, name: &str) {
        self.objects.remove(name);
    }

    /// From now on the object is expected to be like this.
    pub fn with(&mut self, name: &str, object: &DynamicObject) {
        self.objects.insert(name.to_owned(), essence(object));
    }

    /// The object as it is expected to be.
    pub fn object(&self, name: &str) -> Option<DynamicObject> {
        serde_json::from_value(self.objects.get(name)?.clone()).ok()
    }

    /// From now on one field of an object that was there is expected to be like this.
    pub fn with_field(&mut self, name: &str, pointer: &str, value: Value) {
        if let Some(field) = self.objects.get_mut(name).and_then(|of| of.pointer_mut(pointer)) {
            *field = value;
        }
    }

    /// What is not as it was; a tombstone may stay a while.
    pub fn changes(&self, after: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.objects.keys().chain(after.objects.keys()).collect();
        let change = |name: &&String| match (self.objects.get(*name), after.objects.get(*name)) {
            (Some(before), Some(now)) => {
                let is_tombstone =
                    self.tombstones.contains(*name) && after.tombstones.contains(*name);
                (before != now && !is_tombstone)
                    .then(|| format!("{name} changed from {before} to {now}"))
            }
            (Some(_), None) => Some(format!("{name} is gone")),
            (None, _) => (!after.tombstones.contains(*name)).then(|| format!("{name} is new")),
        };
        names.iter().filter_map(change).collect()
    }
}

/// Whether an annotation is one of an armed target.
fn is_of_armed(name: &str) -> bool {
    ARMED.iter().any(|prefix| name.starts_with(prefix))
}

/// What the mark of a fault says at its end.
fn state(object: &DynamicObject) -> Option<&str> {
    object.labels().get(FAULT)?.rsplit('.').next()
}

/// Whether something is left of a fault. A Deployment's controller copies its annotations to the
/// ReplicaSet in use and never takes them away there; of a faulty one that is not in use nothing may stay,
/// because an undo returns to it.
fn is_armed(kind: &str, object: &DynamicObject) -> bool {
    let is_in_use = kind == "ReplicaSet" && object.data["spec"]["replicas"] != 0;
    state(object) == Some("armed")
        || !is_in_use && object.annotations().keys().any(|name| is_of_armed(name))
}

/// The object without its status, its versions, what its controller numbers and our tombstone.
fn essence(object: &DynamicObject) -> Value {
    let mut object = object.clone();
    // A Deployment's controller copies its annotations to the ReplicaSet in use, for good.
    if object.data["spec"]["replicas"] != 0 && object.metadata.owner_references.is_some() {
        object.annotations_mut().retain(|name, _| !is_of_armed(name));
    }
    if is_revoked(&object) {
        object.labels_mut().remove(FAULT);
    }
    object.annotations_mut().retain(|name, _| !NUMBERS.contains(&name.as_str()));
    let metadata = &mut object.metadata;
    (metadata.managed_fields, metadata.resource_version, metadata.generation) = (None, None, None);
    metadata.labels.take_if(|labels| labels.is_empty());
    metadata.annotations.take_if(|annotations| annotations.is_empty());
    let mut value = serde_json::to_value(&object).unwrap();
    for of_the_answer in ["status", "kind", "apiVersion", "revision"] {
        value.as_object_mut().map(|fields| fields.remove(of_the_answer));
    }
    value
}

fn is_revoked(object: &DynamicObject) -> bool {
    state(object) == Some("revoked")
}

fn is_inert(policy: &DynamicObject) -> bool {
    policy.data.pointer("/spec/podSelector/matchLabels/firedrill.dev~1inert").is_some()
}
