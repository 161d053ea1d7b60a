//! What a rollout leaves behind although its template is restored: a ReplicaSet to which
//! `kubectl rollout undo` would return, and pods that a StatefulSet never replaces by itself.

use super::pods::Pod;
use crate::faults::{Call, Kind, Object, call::Exact};

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

/// What is left of a fault on `object`, where `sets` are the `ReplicaSets` whose template holds it,
/// with their replicas, and `pods` are the object's own.
#[must_use]
pub fn of(object: &Object, sets: &[(Exact, i64)], pods: &[Pod]) -> Leftovers {
    let empty = sets.iter().filter(|(_, replicas)| *replicas == 0);
    let mut calls: Vec<Call> = empty.map(|(set, _)| Call::DeleteReplicaSet(set.clone())).collect();
    calls.extend(stuck_pods(object, pods));
    if !calls.is_empty() {
        Leftovers::Remove(calls)
    } else if sets.is_empty() && !lags(object) {
        Leftovers::None
    } else {
        Leftovers::Settling
    }
}

/// Whether the controller of a StatefulSet has not seen the restored template yet.
fn lags(object: &Object) -> bool {
    object.kind == Kind::StatefulSet
        && object.value["status"]["observedGeneration"] != object.value["metadata"]["generation"]
}

/// A StatefulSet does not replace a pod that never became ready; deleting it does.
fn stuck_pods(object: &Object, pods: &[Pod]) -> Vec<Call> {
    if object.kind != Kind::StatefulSet || lags(object) {
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
    use crate::core::pods::tests::pod;
    use serde_json::json;

    fn set(replicas: i64) -> (Exact, i64) {
        let exact = Exact {
            name: "web-1".into(),
            uid: "u".into(),
            resource_version: "7".into(),
            grace_seconds: None,
        };
        (exact, replicas)
    }

    fn object(kind: Kind, observed: i64) -> Object {
        let value = json!({"metadata": {"generation": 3}, "status": {"observedGeneration": observed, "updateRevision": "good"}});
        Object { kind, value }
    }

    #[test]
    fn a_replica_set_is_removed_once_it_is_empty() {
        let deployment = object(Kind::Deployment, 3);
        assert_eq!(of(&deployment, &[set(1)], &[]), Leftovers::Settling);
        let removed = of(&deployment, &[set(0)], &[]);
        assert_eq!(removed, Leftovers::Remove(vec![Call::DeleteReplicaSet(set(0).0)]));
        assert_eq!(of(&deployment, &[], &[]), Leftovers::None);
    }

    #[test]
    fn a_stateful_set_is_freed_of_unready_pods_of_the_old_template_once_it_has_seen_the_new_one() {
        let mut stuck = pod(0, false);
        stuck.labels.insert("controller-revision-hash".into(), "bad".into());
        let mut well = pod(1, true);
        well.labels.insert("controller-revision-hash".into(), "bad".into());
        let pods = [stuck, well];
        assert_eq!(of(&object(Kind::StatefulSet, 2), &[], &pods), Leftovers::Settling);
        match of(&object(Kind::StatefulSet, 3), &[], &pods) {
            Leftovers::Remove(calls) => {
                let uids: Vec<_> = calls.iter().map(Call::uid).collect();
                assert_eq!(uids, ["uid-0"]);
            }
            other => panic!("{other:?}"),
        }
    }
}
