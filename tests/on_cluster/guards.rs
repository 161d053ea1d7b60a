//! Each guard refuses alone, says so with numbers, and nothing is touched.

use crate::support::{Ground, Web, verdict};
use firedrill::api::{
    ExperimentRun,
    run::{FactName, Guard, GuardResult, Reason, Verdict},
};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Service, policy::v1::PodDisruptionBudget};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

/// Runs with `change` and expects that guard alone to refuse, with words that contain `says`.
async fn refused(ground: &Ground, change: Value, guard: Guard, reason: Reason, says: &str) {
    let before = ground.pod_uids().await;
    // A refusal for good comes before the steady state could be seen: do not ask for one.
    let mut spec = json!({"template": {"guards": {"steadyFor": "0s"}}});
    crate::support::merge(&mut spec, change);
    let run = ground.run(spec).await;
    let run = ground.finished(&run).await;
    let expected = match guard {
        Guard::Steady | Guard::AlertsQuiet => Verdict::Inconclusive,
        _ => Verdict::Error,
    };
    assert_eq!(verdict(&run), (Some(expected), Some(reason)));
    let status = run.status.unwrap();
    let plan = status.journal.unwrap();
    // A refusal for good comes before those that wait have been asked.
    let judged = |result: &&GuardResult| guard.opens_with_time() || !result.name.opens_with_time();
    let closed: Vec<_> =
        plan.guards.iter().filter(|result| !result.passed).filter(judged).collect();
    assert_eq!(closed.iter().map(|result| result.name).collect::<Vec<_>>(), [guard]);
    assert!(closed[0].detail.contains(says), "{:?} lacks {says:?}", closed[0].detail);
    assert!(status.summary.unwrap().contains(&format!("guard {guard}")));
    assert!(plan.victims.is_empty(), "nothing was journaled");
    assert_eq!(ground.pod_uids().await, before, "nothing was touched");
}

fn soon() -> Value {
    json!({"startWithin": "2s"})
}

#[tokio::test]
async fn a_namespace_that_has_not_opted_in() {
    let ground = Ground::bare("optin", json!({})).await;
    ground.deploy(&Web::default()).await;
    refused(&ground, json!({}), Guard::Enabled, Reason::Enabled, "firedrill enable").await;
}

#[tokio::test]
async fn a_protected_namespace() {
    let labels = json!({"firedrill.dev/enabled": "true", "firedrill.dev/protected": "true"});
    let ground = Ground::bare("protected", labels).await;
    ground.deploy(&Web::default()).await;
    refused(
        &ground,
        json!({}),
        Guard::NotProtected,
        Reason::NotProtected,
        "firedrill.dev/protected",
    )
    .await;
}

#[tokio::test]
async fn more_pods_than_the_operator_allows() {
    let ground = Ground::with("caps", &Web { replicas: 11, warm_up: 0, probe: false }).await;
    let change = json!({"template": {"fault": {"podKill": {"count": 11}}}});
    refused(&ground, change, Guard::Caps, Reason::Caps, "the operator allows 10").await;
}

#[tokio::test]
async fn more_probes_in_a_second_than_the_operator_allows_the_namespace() {
    let ground = Ground::with("probes", &Web { warm_up: 0, ..Web::default() }).await;
    let probe = |number: i32| json!({"name": format!("p{number}"), "http": {"service": "web", "port": 80, "path": "/index.html", "interval": "100ms"}});
    let probes: Vec<_> = (0..8).map(probe).collect();
    let run = async |steady: &str| {
        let template = json!({"steadyState": probes, "guards": {"steadyFor": steady}});
        ground.run(json!({"startWithin": "10m", "template": template})).await
    };
    let says = async |run: &ExperimentRun, guard: Guard, words: &str| {
        let says = |run: &ExperimentRun| {
            let conditions = run.status.iter().flat_map(|status| &status.conditions);
            conditions
                .into_iter()
                .any(|found| found.reason == guard.to_string() && found.message.contains(words))
        };
        ground.becomes(words, 20, &run.name_any(), says).await
    };
    let first = run("9m").await;
    says(&first, Guard::Steady, "probe p").await;
    let second = run("9m").await;
    says(&second, Guard::Steady, "probe p").await;
    let third = run("1s").await;
    let words = "its probes send 80 requests a second and those of other runs of the namespace 160, the operator allows 200 (caps.probesPerSecond)";
    says(&third, Guard::Concurrency, words).await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let waiting = ground.api::<ExperimentRun>().get(&third.name_any()).await.unwrap();
    let journaled = waiting.status.unwrap().fact(FactName::Journaled).cloned();
    assert_eq!(journaled, None, "it has no steady state, as it does not probe");
    crate::support::delete(&ground.api::<ExperimentRun>(), &first.name_any()).await;
    ground.seen(&third, FactName::Injected).await;
    ground.finished(&third).await;
}

#[tokio::test]
async fn a_target_that_is_not_there() {
    let ground = Ground::bare("absent", json!({"firedrill.dev/enabled": "true"})).await;
    let workload = json!([{"name": "whole", "workload": {}}]);
    let change = json!({"template": {"steadyState": workload, "guards": {"steadyFor": "0s"}}});
    refused(&ground, change, Guard::TargetFound, Reason::TargetFound, "there is no deployment/web")
        .await;
}

#[tokio::test]
async fn a_percentage_that_rounds_down_to_nothing() {
    let ground = Ground::new("percent").await;
    let kill = json!({"count": null, "percent": 10});
    let change = json!({"template": {"fault": {"podKill": kill}}});
    refused(&ground, change, Guard::TargetFound, Reason::TargetFound, "rounds down to 0").await;
}

#[tokio::test]
async fn too_few_ready_pods_would_be_left() {
    let ground = Ground::new("minready").await;
    let change = json!({"template": {"guards": {"minReady": 1}}});
    refused(&ground, change, Guard::MinReady, Reason::MinReady, "needs 1, would leave 0").await;
}

#[tokio::test]
async fn too_many_pods_would_be_unavailable() {
    let ground = Ground::new("maxunavailable").await;
    let change = json!({"template": {"guards": {"maxUnavailable": "50%"}}});
    refused(&ground, change, Guard::MaxUnavailable, Reason::MaxUnavailable, "allows 1 of 2").await;
}

#[tokio::test]
async fn a_disruption_budget_that_allows_nothing() {
    let ground = Ground::new("budget").await;
    budget(&ground, 2).await;
    let change = soon();
    refused(
        &ground,
        change,
        Guard::DisruptionBudget,
        Reason::DisruptionBudget,
        "allows 0 evictions",
    )
    .await;
}

async fn budget(ground: &Ground, min_available: i32) {
    let budget = json!({
        "metadata": {"name": "web"},
        "spec": {"minAvailable": min_available, "selector": {"matchLabels": {"app": "web"}}},
    });
    let budgets = ground.api::<PodDisruptionBudget>();
    budgets.create(&PostParams::default(), &serde_json::from_value(budget).unwrap()).await.unwrap();
    crate::support::eventually("the budget is counted", 20, async || {
        let budget = budgets.get("web").await.ok()?;
        (budget.status?.current_healthy == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_single_eviction_that_the_api_server_refuses() {
    let ground = Ground::new("evict").await;
    budget(&ground, 2).await;
    let before = ground.pod_uids().await;
    let change = json!({"startWithin": "2s", "template": {"fault": {"podKill": {"count": 1}}}});
    let run = ground.run(change).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Error), Some(Reason::DisruptionBudget)));
    assert!(run.status.unwrap().summary.unwrap().contains("needs 2 healthy pods and has 2"));
    assert_eq!(ground.pod_uids().await, before);
}

#[tokio::test]
async fn a_rollout_that_is_under_way() {
    let ground = Ground::new("rollout").await;
    let broken = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "firedrill.invalid/none"}]}}}});
    let deployments = ground.api::<Deployment>();
    deployments.patch("web", &PatchParams::default(), &Patch::Strategic(broken)).await.unwrap();
    crate::support::eventually("the rollout has begun", 20, async || {
        let status = deployments.get("web").await.ok()?.status?;
        (status.updated_replicas == Some(1)).then_some(())
    })
    .await;
    let change = soon();
    refused(&ground, change, Guard::NoRollout, Reason::NoRollout, "a rollout is under way").await;
}

#[tokio::test]
async fn a_service_that_is_not_healthy_before() {
    let ground = Ground::new("steady").await;
    let probe = json!([{"name": "answers", "http": {"service": "web", "port": 80, "path": "/missing", "interval": "200ms"}}]);
    let change = json!({"startWithin": "2s", "template": {"steadyState": probe, "guards": {"steadyFor": "1s"}}});
    refused(&ground, change, Guard::Steady, Reason::BaselineNotSteady, "HTTP 404").await;
}

#[tokio::test]
async fn a_service_that_the_operator_cannot_reach() {
    let ground = Ground::new("unreachable").await;
    let nobody = json!({"spec": {"selector": {"app": "nobody"}}});
    let services = ground.api::<Service>();
    services.patch("web", &PatchParams::default(), &Patch::Merge(nobody)).await.unwrap();
    let change = json!({"startWithin": "3s", "template": {"guards": {"steadyFor": "1s"}}});
    let remedy = ":80; where the operator runs outside of the cluster's network";
    refused(&ground, change, Guard::Steady, Reason::BaselineNotSteady, remedy).await;
}

#[tokio::test]
async fn another_run_with_the_same_pods_through_a_service() {
    let ground = Ground::with("free", &Web { warm_up: 12, ..Web::default() }).await;
    let first = ground.run(json!({})).await;
    ground.seen(&first, firedrill::api::run::FactName::Injected).await;
    let workload = json!([{"name": "whole", "workload": {}}]);
    let other = json!({"startWithin": "1s", "template": {
        "target": {"deployment": null, "service": "web"}, "steadyState": workload, "guards": {"steadyFor": "0s"}}});
    let second = ground.run(other).await;
    let second = ground.finished(&second).await;
    // Its pods are warming up, so other guards may refuse too; this one must.
    let plan = second.status.unwrap().journal.unwrap();
    let free = plan.guards.iter().find(|result| result.name == Guard::TargetFree).unwrap();
    assert!(!free.passed && free.detail.contains("has the same target"), "{free:?}");
    ground.finished(&first).await;
}

#[tokio::test]
async fn twenty_runs_at_once_on_one_target_and_one_injects() {
    let ground = Ground::with("twenty", &Web { warm_up: 8, ..Web::default() }).await;
    let mut runs = Vec::new();
    for _ in 0..20 {
        runs.push(ground.run(json!({"startWithin": "4s"})).await);
    }
    let mut injected = 0;
    for run in &runs {
        let run = ground.finished(run).await;
        let fact = firedrill::api::run::FactName::Injected;
        injected += u32::from(run.status.unwrap().fact(fact).is_some());
    }
    assert_eq!(injected, 1);
}
