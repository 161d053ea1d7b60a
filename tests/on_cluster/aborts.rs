//! Each condition for an early end, alone: the fault is reverted at once, the verdict names the
//! condition, and the audit log has no harmful call after that.
//!
//! Beside one operator and one reaper that `make test` has started.

use std::process::Command;

use crate::support::{Ground, Web, verdict};
use firedrill::api::{
    ExperimentRun, Moment,
    run::{Fact, FactName, Reason, Verdict},
};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Service};
use kube::Api;
use serde_json::{Value, json};

/// Makes an alert fire in Alertmanager, for this namespace alone.
fn fire(ground: &Ground, name: &str) {
    let alert = json!([{"labels": {"alertname": name, "namespace": ground.namespace}}]);
    let status = Command::new("curl")
        .args(["-sf", "-H", "Content-Type: application/json", "-d", &alert.to_string()])
        .arg("http://127.0.0.1:9093/api/v2/alerts")
        .status()
        .unwrap();
    assert!(status.success(), "Alertmanager did not take the alert");
}

/// The calls of faults in this namespace by the audit log, at or after `since`.
fn harm(ground: &Ground, since: Option<Moment>) -> Vec<Value> {
    let runner = format!("system:serviceaccount:{}:firedrill-runner", ground.namespace);
    let log = std::fs::read_to_string(crate::support::state().join("log/audit.jsonl")).unwrap();
    let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let harmful = |event: &Value| {
        let reads = ["get", "list", "watch"].iter().any(|verb| event["verb"] == *verb);
        let at: Moment = serde_json::from_value(event["requestReceivedTimestamp"].clone()).unwrap();
        event["impersonatedUser"]["username"] == *runner
            && !reads
            && since.is_none_or(|since| at >= since)
    };
    events.filter(harmful).collect()
}

/// Waits for the end of a run that one of its conditions ended, as the condition `says`; gives the
/// start of the revert and its end.
async fn aborted(ground: &Ground, run: &ExperimentRun, says: &str) -> (Fact, Fact) {
    let run = ground.finished(run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Aborted), Some(Reason::Guard)));
    let status = run.status.unwrap();
    let fact = |name| status.fact(name).cloned().unwrap();
    let (started, reverted) = (fact(FactName::RevertStarted), fact(FactName::Reverted));
    assert!(started.detail.contains(says), "{:?} lacks {says:?}", started.detail);
    let summary = status.summary.unwrap();
    assert!(summary.contains(says), "{summary:?} lacks {says:?}");
    let took = reverted.at.timestamp().duration_since(started.at.timestamp()).as_secs_f64();
    assert!(took < 3.0, "the revert took {took}s");
    assert!(!harm(ground, None).is_empty(), "the audit log has the injection");
    assert_eq!(harm(ground, Some(started.at)), Vec::<Value>::new());
    (started, reverted)
}

fn guards(change: Value) -> Value {
    let mut guards = json!({"minReady": 0, "steadyFor": "1s"});
    crate::support::merge(&mut guards, change);
    guards
}

async fn image(ground: &Ground) -> Option<String> {
    let deployments: Api<Deployment> = ground.api();
    let pod = deployments.get("web").await.unwrap().spec.unwrap().template.spec.unwrap();
    pod.containers[0].image.clone()
}

#[tokio::test]
async fn an_alert_that_fires_takes_a_bad_rollout_back() {
    let ground = Ground::new("abortalert").await;
    let before = image(&ground).await;
    let run = ground
        .run(json!({"template": {
            "fault": {"podKill": null, "badRollout": {"image": "firedrill.invalid/none"}},
            "guards": guards(json!({"abortOn": ["{alertname=\"TooMuch\"}"]})),
        }}))
        .await;
    ground.seen(&run, FactName::EffectObserved).await;
    assert_ne!(image(&ground).await, before);
    let fired = jiff::Timestamp::now();
    fire(&ground, "TooMuch");
    let says = format!("{{alertname=\"TooMuch\",namespace=\"{}\"}}", ground.namespace);
    let (started, _) = aborted(&ground, &run, &says).await;
    let took = started.at.timestamp().duration_since(fired).as_secs_f64();
    assert!(took < 3.0, "it took {took}s from the alert to the revert");
    assert_eq!(image(&ground).await, before);
}

#[tokio::test]
async fn a_probe_that_keeps_failing_takes_an_outage_back() {
    let ground = Ground::new("abortprobe").await;
    let services: Api<Service> = ground.api();
    let selector = async || services.get("web").await.unwrap().spec.unwrap().selector;
    let before = selector().await;
    let run = ground
        .run(json!({"template": {
            "fault": {"podKill": null, "dependencyOutage": {"blackhole": {"service": "web"}}},
            "guards": guards(json!({"abortWhenProbeFailsFor": "4s"})),
        }}))
        .await;
    let run = ground.seen(&run, FactName::ImpactStarted).await;
    assert_ne!(selector().await, before);
    let (started, _) = aborted(&ground, &run, "probe answers has failed for 4").await;
    let impact = run.status.unwrap().fact(FactName::ImpactStarted).unwrap().at;
    let after = started.at.timestamp().duration_since(impact.timestamp()).as_secs_f64();
    assert!((4.0..4.5).contains(&after), "the revert began {after}s after the failure");
    assert_eq!(selector().await, before);
}

#[tokio::test]
async fn an_alert_that_fires_ends_a_kill_that_is_repeated() {
    let ground = Ground::with("abortrounds", &Web { warm_up: 0, ..Web::default() }).await;
    let run = ground
        .run(json!({"template": {
            "fault": {"podKill": {"count": 1, "every": "2s"}}, "tolerates": true,
            "guards": guards(json!({"abortOn": ["alertname=\"TooMuch\""]})),
        }}))
        .await;
    ground.seen(&run, FactName::Injected).await;
    fire(&ground, "TooMuch");
    aborted(&ground, &run, "TooMuch fired").await;
}

#[tokio::test]
async fn an_alert_that_is_expected_too_is_measured_before_it_ends_the_run() {
    let ground = Ground::with("abortnoticed", &Web { warm_up: 8, ..Web::default() }).await;
    ground.rule("WebDown", 0).await;
    let alert = format!("{{alertname=\"WebDown\",namespace=\"{}\"}}", ground.namespace);
    let run = ground
        .run(json!({"template": {
            "detection": {"alerts": [alert]},
            "guards": guards(json!({"abortOn": [alert]})),
        }}))
        .await;
    aborted(&ground, &run, "WebDown fired").await;
    let status = ground.finished(&run).await.status.unwrap();
    let firing = status.fact(FactName::Firing).expect("the alert was measured");
    assert!(firing.at <= status.fact(FactName::RevertStarted).unwrap().at);
}

#[tokio::test]
async fn an_alert_that_fires_before_keeps_the_run_from_starting() {
    let ground = Ground::new("abortbefore").await;
    fire(&ground, "TooMuch");
    let before = ground.pod_uids().await;
    let abort = guards(json!({"abortOn": ["{alertname=\"TooMuch\"}"]}));
    let run = ground.run(json!({"startWithin": "4s", "template": {"guards": abort}})).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Inconclusive), Some(Reason::AlertAlreadyFiring)));
    let summary = run.status.unwrap().summary.unwrap();
    assert!(summary.contains("TooMuch is already firing (guards.abortOn)"), "{summary}");
    assert_eq!(ground.pod_uids().await, before);
    assert_eq!(harm(&ground, None), Vec::<Value>::new());
}

#[tokio::test]
async fn a_plan_shows_what_would_end_the_run_early() {
    let ground = Ground::new("abortplan").await;
    let abort = json!({"abortOn": ["{alertname=\"TooMuch\"}"], "abortWhenProbeFailsFor": "30s"});
    let run = ground.run(json!({"dryRun": true, "template": {"guards": guards(abort)}})).await;
    let plan = ground.finished(&run).await.status.unwrap().journal.unwrap();
    let shown = plan.guards.iter().map(|guard| guard.detail.as_str());
    let expected =
        "ends early when {alertname=\"TooMuch\"} fires, or when a probe has failed for 30s";
    assert!(shown.clone().any(|detail| detail == expected), "{:?}", plan.guards);
}
