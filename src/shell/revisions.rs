//! What a workload remembers of its templates: the `ReplicaSets` of a Deployment, the
//! `ControllerRevisions` of a StatefulSet or a DaemonSet. Their controllers copy the workload's
//! annotations onto them, so those that a fault made are known.

use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use kube::{Api, Client, Resource, ResourceExt, api::ListParams};
use serde_json::{Value, json};

use super::objects;
use crate::{
    api::{names, run::FieldChange},
    core::revert::leftovers::Revision,
    faults::{Kind, Object, arming, call::Exact},
    shell::call::{Error, Namespaced, call},
};

/// A revision that carries a fault's annotations, with its template where a workload has it.
pub struct Marked {
    revision: Revision,
    template: Object,
}

impl Marked {
    /// What its annotations say was changed.
    #[must_use]
    pub fn recorded(&self) -> Vec<FieldChange> {
        arming::recorded(&self.template)
    }
}

/// Those whose template holds one of these changes; what lies outside of it (the replicas) breaks no
/// revision.
#[must_use]
pub fn faulty(marked: Vec<Marked>, fields: &[FieldChange]) -> Vec<Revision> {
    let of_template = |change: &&FieldChange| change.at.starts_with("/spec/template/");
    let fields: Vec<FieldChange> = fields.iter().filter(of_template).cloned().collect();
    let holds = |marked: &Marked| arming::holds_any(&marked.template, &fields);
    marked.into_iter().filter(holds).map(|marked| marked.revision).collect()
}

/// The revisions of `object` that carry a fault's annotations; none of what has no template.
///
/// # Errors
/// What the API server says.
pub async fn marked(client: &Client, object: &Object) -> Result<Vec<Marked>, Error> {
    match object.kind {
        Kind::Deployment if object.value["spec"]["selector"].is_null() => Ok(Vec::new()),
        Kind::Deployment => {
            let sets = owned::<ReplicaSet>(client, object).await?;
            Ok(sets.iter().map(|set| marked_by(object.kind, set, json!(set))).collect())
        }
        Kind::StatefulSet | Kind::DaemonSet => {
            let revisions = owned::<ControllerRevision>(client, object).await?;
            let mark = |revision: &ControllerRevision| {
                let data = revision.data.as_ref().map(|data| data.0.clone()).unwrap_or_default();
                let value = json!({"metadata": revision.metadata, "spec": data["spec"]});
                marked_by(object.kind, revision, value)
            };
            Ok(revisions.iter().map(mark).collect())
        }
        Kind::Service | Kind::NetworkPolicy => Ok(Vec::new()),
    }
}

fn marked_by<K: Resource>(kind: Kind, found: &K, value: Value) -> Marked {
    let number = |path| value.pointer(path).and_then(Value::as_i64);
    // A ReplicaSet that does not say it should have one.
    let wanted = number("/spec/replicas").unwrap_or(1).max(number("/status/replicas").unwrap_or(0));
    let exact = Exact {
        name: found.name_any(),
        uid: found.uid().unwrap_or_default(),
        resource_version: found.resource_version().unwrap_or_default(),
        grace_seconds: None,
    };
    let hash = found.labels().get("controller-revision-hash").cloned();
    Marked {
        revision: Revision { exact, hash, replicas: wanted },
        template: Object { kind, value },
    }
}

async fn owned<K: Namespaced>(client: &Client, object: &Object) -> Result<Vec<K>, Error> {
    let params = ListParams::default().labels(&objects::pod_selector(object));
    let revisions: Api<K> = Api::namespaced(client.clone(), object.namespace());
    let listed = call("list the revisions", revisions.list(&params)).await?;
    let ours = |found: &K| {
        found.owner_references().iter().any(|owner| owner.uid == object.uid())
            && found.annotations().keys().any(|name| names::is_of_fault(name))
    };
    Ok(listed.items.into_iter().filter(ours).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_set_without_replicas_is_faulty_only_where_its_template_is() {
        let set = json!({"metadata": {"name": "db-1"}, "spec": {"replicas": 0, "template": {"spec": {
            "containers": [{"name": "db", "image": "bad"}]}}}});
        let set: ReplicaSet = serde_json::from_value(set).unwrap();
        let faulty = |name, at, was, set_to| {
            let change = FieldChange::new(name, at, &was, &set_to);
            let marked = marked_by(Kind::Deployment, &set, json!(set));
            super::faulty(vec![marked], &[change]).len()
        };
        assert_eq!(faulty("replicas", "/spec/replicas", json!(1), json!(0)), 0);
        let image = "/spec/template/spec/containers/name=db/image";
        assert_eq!(faulty("image", image, json!("good"), json!("bad")), 1);
        let silent = marked_by(Kind::Deployment, &set, json!({"spec": {}}));
        assert_eq!(silent.revision.replicas, 1);
    }
}
