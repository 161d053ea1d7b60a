//! The objects of a namespace before and after a run: what a revert must have restored.

use std::collections::{BTreeMap, BTreeSet};

use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, ListParams},
    core::ApiResource,
};
use serde_json::Value;

const FAULT: &str = "firedrill.dev/fault";
/// The annotations of an armed target begin like this.
const ARMED: [&str; 4] =
    ["firedrill.dev/deadline", "firedrill.dev/at-", "firedrill.dev/was-", "firedrill.dev/set-"];

/// Everything in a namespace at one time.
#[derive(Default)]
pub struct Snapshot {
    /// Every object that no other one controls, without what the server writes, by kind and name.
    objects: BTreeMap<String, Value>,
    /// The UIDs of all pods.
    pub pods: BTreeSet<String>,
    /// What still carries a fault, whoever controls it.
    pub armed: Vec<String>,
    /// Policies of ours that select nothing any more; the reaper deletes them later.
    tombstones: BTreeSet<String>,
}

impl Snapshot {
    pub async fn take(client: &Client, kinds: &[ApiResource], namespace: &str) -> Self {
        let mut snapshot = Self::default();
        for kind in kinds {
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, kind);
            for object in api.list(&ListParams::default()).await.unwrap() {
                snapshot.add(&kind.kind, &object);
            }
        }
        snapshot
    }

    fn add(&mut self, kind: &str, object: &DynamicObject) {
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
        let is_controlled = object.owner_references().iter().any(|of| of.controller == Some(true));
        if !is_controlled {
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
                (before != now).then(|| format!("{name} changed from {before} to {now}"))
            }
            (Some(_), None) => Some(format!("{name} is gone")),
            (None, _) => (!after.tombstones.contains(*name)).then(|| format!("{name} is new")),
        };
        names.iter().filter_map(change).collect()
    }
}

/// What the mark of a fault says at its end.
fn state(object: &DynamicObject) -> Option<&str> {
    object.labels().get(FAULT)?.rsplit('.').next()
}

/// Whether something is left of a fault. A Deployment's controller copies its annotations to the
/// ReplicaSet in use and never takes them away there; of a faulty one that is not in use nothing may stay,
/// because an undo returns to it.
fn is_armed(kind: &str, object: &DynamicObject) -> bool {
    let armed = |name: &String| ARMED.iter().any(|prefix| name.starts_with(prefix));
    let is_in_use = kind == "ReplicaSet" && object.data["spec"]["replicas"] != 0;
    state(object) == Some("armed") || !is_in_use && object.annotations().keys().any(armed)
}

/// The object without its status, its versions and our tombstone.
fn essence(object: &DynamicObject) -> Value {
    let mut object = object.clone();
    if is_revoked(&object) {
        object.labels_mut().remove(FAULT);
    }
    object.annotations_mut().remove("deployment.kubernetes.io/revision");
    let metadata = &mut object.metadata;
    (metadata.managed_fields, metadata.resource_version, metadata.generation) = (None, None, None);
    metadata.labels.take_if(|labels| labels.is_empty());
    metadata.annotations.take_if(|annotations| annotations.is_empty());
    let mut value = serde_json::to_value(&object).unwrap();
    for of_the_answer in ["status", "kind", "apiVersion"] {
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
