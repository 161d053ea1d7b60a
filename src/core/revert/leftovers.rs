//! What a rollout leaves behind although its template is restored: a ReplicaSet or ControllerRevision
//! to which `kubectl rollout undo` would return, and pods that a StatefulSet never replaces by itself.

use crate::{
    core::signals::pods::Pod,
    faults::{Call, Kind, Object, call::Exact},
};

/// What a rollout left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leftovers {
    /// Nothing.
    None,
    /// This can be removed now.
    Remove(Vec<Call>),
    /// Its controller is still at it.
    Settling,
}

/// A revision of a workload: a ReplicaSet, or a ControllerRevision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The object itself.
    pub exact: Exact,
    /// How a DaemonSet's pods name it.
    pub hash: Option<String>,
    /// The replicas that a ReplicaSet has or should have.
    pub replicas: i64,
}

/// What is left of a fault on `object`, where `revisions` are those whose template holds it, and
/// `pods` are the object's own.
#[must_use]
pub fn find(object: &Object, revisions: &[Revision], pods: &[Pod]) -> Leftovers {
    if revisions.is_empty() && object.kind != Kind::StatefulSet {
        return Leftovers::None;
    }
    if lags(object) {
        return Leftovers::Settling;
    }
    let unused = revisions.iter().filter(|revision| !is_used(object, revision, pods));
    let remove = |revision: &Revision| match object.kind {
        Kind::Deployment => Call::DeleteReplicaSet(revision.exact.clone()),
        _ => Call::DeleteControllerRevision(revision.exact.clone()),
    };
    let mut calls: Vec<Call> = unused.map(remove).collect();
    calls.extend(stuck_pods(object, pods));
    if !calls.is_empty() {
        Leftovers::Remove(calls)
    } else if revisions.is_empty() {
        Leftovers::None
    } else {
        Leftovers::Settling
    }
}

fn is_used(object: &Object, revision: &Revision, pods: &[Pod]) -> bool {
    if object.kind == Kind::Deployment {
        return revision.replicas > 0;
    }
    let name = &revision.exact.name;
    let status = &object.value["status"];
    status["currentRevision"] == *name
        || status["updateRevision"] == *name
        || pods
            .iter()
            .filter_map(Pod::revision)
            .any(|of| of == name || Some(of) == revision.hash.as_ref())
}

/// Whether the controller has not seen the restored template yet.
fn lags(object: &Object) -> bool {
    object.value["status"]["observedGeneration"] != object.value["metadata"]["generation"]
}

/// A StatefulSet does not replace a pod that never became ready; deleting it does.
fn stuck_pods(object: &Object, pods: &[Pod]) -> Vec<Call> {
    if object.kind != Kind::StatefulSet {
        return Vec::new();
    }
    let wanted = object.value["status"]["updateRevision"].as_str();
    let stuck = pods
        .iter()
        .filter(|pod| !pod.ready && !pod.ending && pod.revision().map(String::as_str) != wanted);
    let exact = |pod: &Pod| Exact {
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        resource_version: pod.resource_version.clone(),
        grace_seconds: None,
    };
    stuck.map(|pod| Call::FreePod(exact(pod))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::signals::pods::tests::pod;
    use serde_json::json;

    fn revision(replicas: i64) -> Revision {
        let exact = Exact {
            name: "web-1".into(),
            uid: "u".into(),
            resource_version: "7".into(),
            grace_seconds: None,
        };
        Revision { exact, hash: Some("1".into()), replicas }
    }

    fn object(kind: Kind, observed: i64) -> Object {
        let value = json!({"metadata": {"generation": 3}, "status": {"observedGeneration": observed, "updateRevision": "good"}});
        Object { kind, value }
    }

    #[test]
    fn a_replica_set_is_removed_once_it_is_empty() {
        let deployment = object(Kind::Deployment, 3);
        assert_eq!(find(&deployment, &[revision(1)], &[]), Leftovers::Settling);
        let removed = find(&deployment, &[revision(0)], &[]);
        assert_eq!(removed, Leftovers::Remove(vec![Call::DeleteReplicaSet(revision(0).exact)]));
        assert_eq!(find(&deployment, &[], &[]), Leftovers::None);
    }

    #[test]
    fn a_controller_revision_is_removed_once_no_pod_is_made_from_it() {
        let made_from = |label: &str| {
            let mut pod = pod(0, true);
            pod.labels.insert("controller-revision-hash".into(), label.into());
            pod
        };
        let removed = Leftovers::Remove(vec![Call::DeleteControllerRevision(revision(0).exact)]);
        for (kind, used) in [(Kind::StatefulSet, "web-1"), (Kind::DaemonSet, "1")] {
            let workload = object(kind, 3);
            assert_eq!(find(&workload, &[revision(0)], &[made_from(used)]), Leftovers::Settling);
            assert_eq!(find(&workload, &[revision(0)], &[made_from("other")]), removed);
            assert_eq!(find(&object(kind, 2), &[revision(0)], &[]), Leftovers::Settling);
        }
    }

    #[test]
    fn a_stateful_set_is_freed_of_unready_pods_of_the_old_template_once_it_has_seen_the_new_one() {
        let mut stuck = pod(0, false);
        stuck.labels.insert("controller-revision-hash".into(), "bad".into());
        let mut well = pod(1, true);
        well.labels.insert("controller-revision-hash".into(), "bad".into());
        let pods = [stuck, well];
        assert_eq!(find(&object(Kind::StatefulSet, 2), &[], &pods), Leftovers::Settling);
        match find(&object(Kind::StatefulSet, 3), &[], &pods) {
            Leftovers::Remove(calls) => {
                let uids: Vec<_> = calls.iter().map(Call::uid).collect();
                assert_eq!(uids, ["uid-0"]);
            }
            other => panic!("{other:?}"),
        }
    }
}
