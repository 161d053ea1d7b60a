//! What is missing is told before anything is broken: by `doctor` as the operator sees it, and of an alert
//! that no rule can fire wherever its experiment is looked at.

use crate::support::{
    Ground, Operator, Reaper, delete, eventually, spec,
    terminal::{File, firedrill},
};
use firedrill::api::{Experiment, ExperimentRun, names};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use serde_json::json;

use super::{POLLING, Stopped};

/// The exit code of `doctor` and the lines with which it fails.
fn doctor(ground: &Ground) -> (Option<i32>, Vec<String>) {
    let output = firedrill(&ground.namespace, &["doctor"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let failed = text.lines().filter(|line| line.starts_with("x ")).map(str::to_owned);
    (output.status.code(), failed.collect())
}

#[track_caller]
fn fails(ground: &Ground, what: &str, words: &str) {
    let (code, failed) = doctor(ground);
    assert_eq!(code, Some(4), "{failed:?}");
    let says = |line: &&String| line.starts_with(&format!("x {what} ")) && line.contains(words);
    assert!(failed.iter().any(|line| says(&line)), "{words:?} is missing in {failed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_tells_what_the_operator_misses_and_ends_with_4() {
    let ground = Ground::new("doctor").await;
    let operator = Operator::start(POLLING);
    let reaper = Reaper::start();
    assert_eq!(doctor(&ground), (Some(0), vec![]));
    {
        let _stopped = Stopped::now(&["prometheus"]);
        fails(&ground, "alert sources", "Prometheus cannot be reached: connection refused");
    }
    drop(reaper);
    let leases: Api<Lease> = Api::namespaced(ground.client.clone(), names::REAPER);
    delete(&leases, names::REAPER).await;
    fails(&ground, "reaper", "no reaper was ever seen here: start one with `firedrill reaper`");
    drop(operator);
    fails(&ground, "operator", "no operator has renewed its Lease");
    fails(&ground, "reaper", "not known");
    let _operator = Operator::start("{alertmanager: {url: 'http://nobody.invalid:9093'}}");
    fails(&ground, "alert sources", "Alertmanager cannot be reached");
    let runs = ground.api::<ExperimentRun>().list(&ListParams::default()).await.unwrap();
    assert!(runs.items.is_empty(), "what asked the operator is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_no_rule_can_fire_is_told_with_the_nearest_name() {
    let ground = Ground::new("typo").await;
    ground.rule("WebGone", 0).await;
    let _operator = Operator::start(POLLING);
    let says = "spec.detection.alerts[0]: no alerting rule of Prometheus can fire \
                {alertname=\"WebGon\"}; did you mean WebGone?";
    let change =
        json!({"detection": {"alerts": ["{alertname=\"WebGon\"}"]}, "guards": {"minReady": 2}});
    let file = File::experiment("typo", change);
    let plan = firedrill(&ground.namespace, &["plan", "-f", file.path()]);
    let plan = String::from_utf8(plan.stdout).unwrap();
    assert!(plan.contains(&format!("  warnings  ! {says}")), "{plan}");
    let run = firedrill(&ground.namespace, &["run", "-f", file.path(), "--yes"]);
    let warned = String::from_utf8(run.stderr).unwrap();
    assert_eq!(warned, format!("warning: {says}\n"));
    let mut meant = spec();
    for (name, alert, expected) in [("typo", "WebGon", Some(says)), ("meant", "WebGone", None)] {
        meant["detection"]["alerts"] = json!([format!("{{alertname=\"{alert}\"}}")]);
        let experiment = json!({"metadata": {"name": name}, "spec": meant});
        let experiments = ground.api::<Experiment>();
        let experiment = serde_json::from_value(experiment).unwrap();
        experiments.create(&PostParams::default(), &experiment).await.unwrap();
        let ready = eventually("it is judged", 20, async || {
            let conditions = experiments.get(name).await.ok()?.status?.conditions;
            conditions.into_iter().find(|condition| condition.type_ == "Ready")
        })
        .await;
        let message = expected
            .map_or_else(|| "the spec is valid".to_owned(), |says| format!("valid, but {says}"));
        assert_eq!((ready.status.as_str(), ready.message), ("True", message));
    }
}
