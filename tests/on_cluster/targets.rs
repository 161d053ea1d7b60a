//! Whole runs on targets unlike the demo shop: without probes, alone, behind a budget, scaled by an
//! autoscaler, with names that come back, one per node, and named by their Service.

use crate::support::{Ground, Web, eventually, verdict};
use firedrill::api::{
    ExperimentRun,
    run::{FactName, Reason, RecoveredBy, Verdict},
};
use k8s_openapi::api::{
    apps::v1::{DaemonSet, StatefulSet},
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{Pod, Service},
    policy::v1::PodDisruptionBudget,
};
use kube::api::PostParams;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const HEALED: (Option<Verdict>, Option<Reason>) =
    (Some(Verdict::Passed), Some(Reason::HealedBeforeObjective));

async fn create<K>(ground: &Ground, object: Value)
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + serde::Serialize
        + std::fmt::Debug,
{
    let object = serde_json::from_value(object).unwrap();
    ground.api::<K>().create(&PostParams::default(), &object).await.unwrap();
}

/// Waits until so many pods are ready.
async fn settled(ground: &Ground, pods: usize) {
    let ready = |pod: &Pod| {
        let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
        conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
    };
    eventually("the pods are ready", 60, async || {
        (ground.pods().await.iter().filter(|pod| ready(pod)).count() == pods).then_some(())
    })
    .await;
}

/// What a StatefulSet and a DaemonSet have in common: a page that comes two seconds late.
fn workload() -> Value {
    let script =
        "mkdir -p /tmp/w; echo ok > /tmp/w/index.html; sleep 2; exec httpd -f -p 8080 -h /tmp/w";
    json!({
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "nodeSelector": {"ground/real": "true"},
                    "containers": [{
                        "name": "web", "image": "registry.local/busybox:1", "imagePullPolicy": "Never",
                        "command": ["sh", "-c", script],
                        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
                    }],
                },
            },
        },
    })
}

async fn serve(ground: &Ground) {
    let spec = json!({"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]});
    create::<Service>(ground, json!({"metadata": {"name": "web"}, "spec": spec})).await;
    settled(ground, 2).await;
}

/// Runs to the end; every victim is gone, each was journaled, and nobody had to do anything.
async fn heals(ground: &Ground, change: Value) -> ExperimentRun {
    let before = ground.pod_uids().await;
    let run = ground.run(json!({"template": change})).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), HEALED, "{:?}", run.status.as_ref().unwrap().summary);
    let status = run.status.as_ref().unwrap();
    assert_eq!(status.recovery.as_ref().unwrap().by, Some(RecoveredBy::Automatic));
    let after = ground.pod_uids().await;
    for victim in &status.journal.as_ref().unwrap().victims {
        assert!(before.contains(&victim.uid) && !after.contains(&victim.uid), "{victim:?}");
    }
    run
}

#[tokio::test]
async fn a_single_pod_without_probes_is_back_when_users_are_served_not_when_it_says_so() {
    let web = Web { replicas: 1, warm_up: 5, probe: false };
    let ground = Ground::with("single", &web).await;
    // Nothing tells when a pod without a probe serves but the service itself.
    let run = heals(&ground, json!({"fault": {"podKill": {"count": 1}}})).await;
    let status = run.status.unwrap();
    let at = |name| status.fact(name).unwrap().at;
    assert!(at(FactName::Restored) < at(FactName::Mitigated), "it was ready before it served");
    assert_eq!(at(FactName::Recovered), at(FactName::Mitigated));
}

#[tokio::test]
async fn a_disruption_budget_that_allows_one_lets_one_go() {
    let ground = Ground::with("allows", &Web { replicas: 3, warm_up: 0, probe: true }).await;
    let selector = json!({"matchLabels": {"app": "web"}});
    let spec = json!({"minAvailable": 2, "selector": selector});
    create::<PodDisruptionBudget>(&ground, json!({"metadata": {"name": "web"}, "spec": spec}))
        .await;
    eventually("the budget is counted", 20, async || {
        let budget = ground.api::<PodDisruptionBudget>().get("web").await.ok()?;
        (budget.status?.disruptions_allowed == 1).then_some(())
    })
    .await;
    let kill = json!({"fault": {"podKill": {"count": 1}}, "tolerates": true,
        "steadyState": [{"name": "answers", "http": {"service": "web", "port": 80, "path": "/index.html", "interval": "200ms", "failureThreshold": 5}}]});
    let run = ground.run(json!({"template": kill})).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Passed), Some(Reason::Tolerated)));
    let guards = run.status.unwrap().journal.unwrap().guards;
    let asked = "the API server asks the disruption budgets at the eviction";
    assert!(guards.iter().any(|guard| guard.detail == asked), "{guards:?}");
}

#[tokio::test]
async fn an_autoscaler_that_adds_a_pod_meanwhile_does_not_hide_the_recovery() {
    let ground = Ground::with("scaled", &Web { warm_up: 6, ..Web::default() }).await;
    let run = ground.run(json!({})).await;
    ground.seen(&run, FactName::Injected).await;
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let spec = json!({"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 4});
    create::<HorizontalPodAutoscaler>(&ground, json!({"metadata": {"name": "web"}, "spec": spec}))
        .await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), HEALED);
    ground.ready(3).await;
}

#[tokio::test]
async fn a_stateful_sets_pods_come_back_under_the_same_names() {
    let ground = Ground::bare("stateful", json!({"firedrill.dev/enabled": "true"})).await;
    let mut set = workload();
    let rest =
        json!({"spec": {"replicas": 2, "serviceName": "web", "podManagementPolicy": "Parallel"}});
    crate::support::merge(&mut set, rest);
    create::<StatefulSet>(&ground, set).await;
    serve(&ground).await;
    let run = heals(&ground, json!({"target": {"deployment": null, "statefulSet": "web"}})).await;
    let plan = run.status.unwrap().journal.unwrap();
    let mut names: Vec<_> = plan.victims.iter().map(|victim| victim.name.clone()).collect();
    names.sort();
    assert_eq!(names, ["web-0", "web-1"]);
    assert_eq!(
        plan.workloads.iter().map(|owner| owner.kind.as_str()).collect::<Vec<_>>(),
        ["StatefulSet"]
    );
    settled(&ground, 2).await;
}

#[tokio::test]
async fn a_daemon_sets_pods_come_back_on_their_nodes() {
    let ground = Ground::bare("daemon", json!({"firedrill.dev/enabled": "true"})).await;
    create::<DaemonSet>(&ground, workload()).await;
    serve(&ground).await;
    let run = heals(&ground, json!({"target": {"deployment": null, "daemonSet": "web"}})).await;
    let plan = run.status.unwrap().journal.unwrap();
    let mut nodes: Vec<_> = plan.victims.iter().filter_map(|victim| victim.node.clone()).collect();
    nodes.sort();
    assert_eq!(nodes, ["n1", "n2"]);
}

#[tokio::test]
async fn a_service_as_target_stands_for_the_pods_that_it_selects() {
    let ground = Ground::new("service").await;
    let run = heals(&ground, json!({"target": {"deployment": null, "service": "web"}})).await;
    let plan = run.status.unwrap().journal.unwrap();
    assert_eq!(plan.count, Some(2), "as many pods as it selected are to be back");
}
