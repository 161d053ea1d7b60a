//! What firedrill's own tokens can delete.

use firedrill::api::names;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::{Value, json};

use super::{
    POLICY, Tally,
    armed::{ARMED, REVOKED},
    place,
    tokens::own,
};
use crate::support::{Ground, eventually};

#[tokio::test]
async fn our_own_tokens_delete_only_what_a_revert_deletes() {
    let ground = Ground::bare("deletes", json!({})).await;
    let own = own().await;
    let mut tally = Tally::default();
    let cases = [
        stuck_pods(&ground).await,
        replica_sets(&ground).await,
        controller_revisions(&ground).await,
        policies(&ground).await,
    ]
    .concat();
    for (what, path, deletable) in cases {
        for identity in &own {
            let answer = identity.would_delete(&path).await;
            // Only the reaper takes revoked policies away; the operator has no right to.
            let may = !(path.contains("networkpolicies") && identity.name == names::OPERATOR);
            let holds = match (deletable, may) {
                (true, true) => answer.is_done(),
                (_, false) => answer.code == 403,
                (false, true) => answer.is_refusal(POLICY),
            };
            tally.expect(holds, || format!("{}: {what}: {answer:?}", identity.name));
        }
    }
    tally.conclude("deletions as a revert needs them, and no other");
}

/// What is deleted, where it is, and whether that may be.
type Case = (&'static str, String, bool);

/// A pod of a `StatefulSet` that is ready, one that is not, and one of a Deployment that is not.
async fn stuck_pods(ground: &Ground) -> Vec<Case> {
    let workload = |kind: &str, command: &str| {
        let container = json!({
            "name": "web", "image": "registry.local/busybox:1", "imagePullPolicy": "Never", "command": ["sleep", "600"],
            "readinessProbe": {"exec": {"command": [command]}, "periodSeconds": 1},
        });
        json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": {},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": command}}, "template": {
                "metadata": {"labels": {"app": command, "kind": kind}},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}},
        })
    };
    let named = |mut object: Value| {
        object["spec"]["serviceName"] = json!("none");
        object
    };
    place(ground, "apis/apps/v1", "statefulsets", "ready", named(workload("StatefulSet", "true")))
        .await;
    place(ground, "apis/apps/v1", "statefulsets", "stuck", named(workload("StatefulSet", "false")))
        .await;
    place(ground, "apis/apps/v1", "deployments", "plain", workload("Deployment", "false")).await;
    let pods: Api<Pod> = ground.api();
    let path = |name: &str| format!("api/v1/namespaces/{}/pods/{name}", ground.namespace);
    let labels = ListParams::default().labels("kind=Deployment");
    let plain = eventually("the Deployment has a pod", 30, async || {
        Some(pods.list(&labels).await.ok()?.items.first()?.name_any())
    })
    .await;
    eventually("the StatefulSets have pods, one ready", 60, async || {
        let ready = pods.get("ready-0").await.ok()?.status?.conditions?;
        let ready = ready.iter().any(|found| found.type_ == "Ready" && found.status == "True");
        (ready && pods.get("stuck-0").await.is_ok()).then_some(())
    })
    .await;
    vec![
        ("a stuck pod of a StatefulSet", path("stuck-0"), true),
        ("a ready pod of a StatefulSet", path("ready-0"), false),
        ("a pod of a Deployment", path(&plain), false),
    ]
}

async fn replica_sets(ground: &Ground) -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, name, replicas, at, deletable) in [
        (
            "the ReplicaSet of a bad rollout",
            "faulty",
            0,
            Some("/spec/template/spec/containers/name=web/image"),
            true,
        ),
        (
            "a ReplicaSet of a Deployment that was scaled",
            "scaled",
            0,
            Some("/spec/replicas"),
            false,
        ),
        ("somebody's ReplicaSet", "other", 0, None, false),
        (
            "a ReplicaSet that has pods",
            "serving",
            1,
            Some("/spec/template/spec/containers/name=web/image"),
            false,
        ),
    ] {
        let annotations = at.map_or_else(|| json!({}), |at| json!({"firedrill.dev/at-image": at}));
        let set = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"annotations": annotations},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"set": name}}, "template": {
                "metadata": {"labels": {"set": name}},
                "spec": {"nodeSelector": {"nowhere": "true"}, "containers": [{"name": "web", "image": "registry.local/pause:3.10"}]}}},
        });
        cases.push((
            what,
            place(ground, "apis/apps/v1", "replicasets", name, set).await,
            deletable,
        ));
    }
    cases
}

async fn controller_revisions(ground: &Ground) -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, name, at, deletable) in [
        (
            "the ControllerRevision of a bad rollout",
            "faulty",
            Some("/spec/template/spec/containers/name=web/image"),
            true,
        ),
        (
            "a ControllerRevision of a StatefulSet that was scaled",
            "scaled",
            Some("/spec/replicas"),
            false,
        ),
        ("somebody's ControllerRevision", "other", None, false),
    ] {
        let annotations = at.map_or_else(|| json!({}), |at| json!({"firedrill.dev/at-image": at}));
        let revision = json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"annotations": annotations},
            "revision": 1, "data": {"spec": {}},
        });
        let placed = place(ground, "apis/apps/v1", "controllerrevisions", name, revision).await;
        cases.push((what, placed, deletable));
    }
    cases
}

async fn policies(ground: &Ground) -> Vec<Case> {
    let mut cases = Vec::new();
    let revoked = json!({"firedrill.dev/fault": REVOKED, "firedrill.dev/run": "run"});
    let armed = json!({"firedrill.dev/fault": ARMED, "firedrill.dev/run": "run"});
    let inert = json!({"role": "web", "firedrill.dev/inert": "true"});
    for (what, name, labels, pods, deletable) in [
        ("a revoked policy", "revoked", revoked.clone(), inert.clone(), true),
        ("an armed policy", "armed", armed, json!({"role": "web"}), false),
        (
            "a policy that is called revoked and works",
            "working",
            revoked,
            json!({"role": "web"}),
            false,
        ),
        ("somebody's policy", "other", json!({}), inert.clone(), false),
        ("a policy of no run", "stray", json!({"firedrill.dev/fault": REVOKED}), inert, false),
    ] {
        let policy = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"labels": labels},
            "spec": {"podSelector": {"matchLabels": pods}, "policyTypes": ["Egress"]},
        });
        let path =
            place(ground, "apis/networking.k8s.io/v1", "networkpolicies", name, policy).await;
        cases.push((what, path, deletable));
    }
    cases
}
