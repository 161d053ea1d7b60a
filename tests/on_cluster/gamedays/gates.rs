//! The gates that look at the cluster and at the alert sources, each closed by the real thing.

use std::process::Command;

use firedrill::api::{
    Experiment, GameDayRun, GameDayRunSpec,
    game_day_run::{DayReason, Gate, Outcome},
};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{distant, outcome, over, runs, scheduled};
use crate::support::{Ground, Web, eventually, state};

/// Begins a day that looks at its gates alone.
async fn gates_alone(ground: &Ground, name: &str) {
    let spec = GameDayRunSpec { dry_run: true, ..GameDayRunSpec::of("p") };
    let day = GameDayRun::new(name, spec);
    ground.api::<GameDayRun>().create(&PostParams::default(), &day).await.unwrap();
}

/// Waits until that gate is waited for, with these words.
async fn waits(ground: &Ground, day: &str, gate: Gate, words: &str) {
    ground
        .becomes(&format!("{gate} says {words}"), 60, day, |day: &GameDayRun| {
            let gates = day.status.iter().flat_map(|status| &status.gates);
            let closed = gates.clone().find(|known| known.name == gate && !known.passed);
            closed.is_some_and(|known| known.detail.contains(words)) && !day.is_over()
        })
        .await;
}

async fn change_experiment(ground: &Ground, spec: Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    ground.api::<Experiment>().patch("kill", &PatchParams::default(), &patch).await.unwrap();
}

async fn rehearsals_are_gone(ground: &Ground) {
    let gone = async || runs(ground).await.is_empty().then_some(());
    eventually("the rehearsals are taken away", 30, gone).await;
}

/// Lets Prometheus have one rule for this ground, of a critical alert `Loud` that fires while `on`.
fn loud(ground: &Ground, on: bool) {
    let namespace = &ground.namespace;
    let expr = if on { "vector(1)" } else { "vector(1) < 0" };
    let rule = format!(
        "groups:\n- name: {namespace}\n  rules:\n  - alert: Loud\n    expr: {expr}\n    labels: {{namespace: {namespace}, severity: critical}}\n"
    );
    std::fs::write(state().join(format!("mon/rules/{namespace}.yml")), rule).unwrap();
    let reload = ["-sf", "-XPOST", "http://127.0.0.1:9090/-/reload"];
    assert!(Command::new("curl").args(reload).status().unwrap().success());
}

#[tokio::test]
async fn a_critical_alert_is_waited_for_and_an_alert_that_nothing_can_fire_is_a_no_go() {
    let ground = scheduled("loud", &Web::default()).await;
    loud(&ground, true);
    eventually("the alert fires", 30, async || {
        let alerts = ["-sf", "http://127.0.0.1:9090/api/v1/alerts"];
        let alerts = Command::new("curl").args(alerts).output().unwrap().stdout;
        String::from_utf8(alerts).unwrap().contains(&ground.namespace).then_some(())
    })
    .await;
    let asked = json!({"goNoGo": {"noFiring": ["{severity=\"critical\"}"], "alertsExist": true}});
    distant(&ground, asked).await;
    gates_alone(&ground, "unheard").await;
    let unheard = over(&ground, "unheard").await;
    assert_eq!(outcome(&unheard), (Some(Outcome::NoGo), Some(DayReason::AlertsExist)));
    let summary = unheard.status.unwrap().summary.unwrap();
    let words = "no alerting rule of Prometheus can fire {alertname=\"NeverFires\"}";
    assert!(summary.contains(words), "{summary}");
    change_experiment(&ground, json!({"detection": {"alerts": ["{alertname=\"Loud\"}"]}})).await;
    gates_alone(&ground, "loud").await;
    waits(&ground, "loud", Gate::NoFiring, "1 alert of {severity=\"critical\"}: Loud").await;
    loud(&ground, false);
    let day = over(&ground, "loud").await;
    assert_eq!(outcome(&day), (Some(Outcome::Done), Some(DayReason::DryRun)), "{:?}", day.status);
    rehearsals_are_gone(&ground).await;
}

#[tokio::test]
async fn a_rollout_anywhere_in_the_namespace_is_waited_for() {
    let ground = scheduled("rolls", &Web::default()).await;
    distant(&ground, json!({})).await;
    let deployments = ground.api::<Deployment>();
    let mut other = deployments.get("web").await.unwrap();
    other.metadata = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
        name: Some("other".to_owned()),
        ..Default::default()
    };
    other.status = None;
    let spec = other.spec.as_mut().unwrap();
    let labels = [("app".to_owned(), "other".to_owned())];
    spec.selector.match_labels = Some(labels.clone().into());
    spec.template.metadata.as_mut().unwrap().labels = Some(labels.into());
    deployments.create(&PostParams::default(), &other).await.unwrap();
    ground
        .becomes("it is there", 60, "other", |other: &Deployment| {
            other.status.as_ref().is_some_and(|status| status.ready_replicas.unwrap_or(0) > 0)
        })
        .await;
    let broken = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "registry.local/none:1"}]);
    let broken = Patch::Json::<()>(serde_json::from_value(broken).unwrap());
    deployments.patch("other", &PatchParams::default(), &broken).await.unwrap();
    gates_alone(&ground, "rolls").await;
    waits(&ground, "rolls", Gate::NoRollout, "Deployment other: a rollout is under way").await;
    deployments.delete("other", &DeleteParams::default()).await.unwrap();
    let day = over(&ground, "rolls").await;
    assert_eq!(outcome(&day), (Some(Outcome::Done), Some(DayReason::DryRun)), "{:?}", day.status);
}

#[tokio::test]
async fn a_rehearsal_that_a_guard_refuses_is_a_no_go_before_anything_is_broken() {
    let ground = scheduled("rehearsed", &Web::default()).await;
    distant(&ground, json!({})).await;
    change_experiment(&ground, json!({"fault": {"podKill": {"count": 3}}})).await;
    let before = ground.pod_uids().await;
    let day = GameDayRun::new("rehearsed", GameDayRunSpec::of("p"));
    ground.api::<GameDayRun>().create(&PostParams::default(), &day).await.unwrap();
    let day = over(&ground, "rehearsed").await;
    assert_eq!(outcome(&day), (Some(Outcome::NoGo), Some(DayReason::Rehearsal)));
    let summary = day.status.unwrap().summary.unwrap();
    let words = "a dry run is refused by TargetFound: 3 pods are to be taken, deployment/web has 2";
    assert!(summary.contains(words), "{summary}");
    rehearsals_are_gone(&ground).await;
    assert_eq!(ground.pod_uids().await, before);
}
