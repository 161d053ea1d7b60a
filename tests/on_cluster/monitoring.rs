//! What becomes of runs when Prometheus or Alertmanager go midway, and that the demo measures and does
//! not script. One after the other: all tests here share the one monitoring of the cluster.

mod alerts;
mod polls;
mod sources;

use std::process::Command;

use crate::support::{
    Ground, Operator, Reaper, Web, eventually,
    terminal::{File, firedrill},
    verdict,
};
use firedrill::api::{
    Experiment,
    run::{FactName, Reason, Verdict},
};
use kube::api::PostParams;
use serde_json::json;

const POLLING: &str =
    "{prometheus: {url: 'http://127.0.0.1:9090'}, alertmanager: {url: 'http://127.0.0.1:9093'}}";
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn monitoring(arguments: &[&str], setting: Option<(&str, &str)>) {
    let mut command = Command::new(format!("{ROOT}/tests/cluster/monitoring.sh"));
    command.args(arguments).envs(setting);
    assert!(command.status().unwrap().success(), "monitoring.sh {arguments:?}");
}

/// Parts of the monitoring that are stopped; started again at the end.
struct Stopped(&'static [&'static str]);

impl Stopped {
    fn now(parts: &'static [&'static str]) -> Self {
        monitoring(&[&["stop"], parts].concat(), None);
        Self(parts)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        monitoring(&[&["start"], self.0].concat(), None);
    }
}

/// A run whose alert never fires, of which `parts` of the monitoring are stopped after the impact.
async fn without(name: &str, parts: &'static [&'static str]) -> (Option<Verdict>, Option<Reason>) {
    let ground = Ground::with(name, &Web { warm_up: 8, ..Web::default() }).await;
    let _operator = Operator::start(POLLING);
    let run = ground.run(json!({"template": {"detection": {"within": "5s"}}})).await;
    ground.seen(&run, FactName::ImpactStarted).await;
    let _stopped = Stopped::now(parts);
    let run = ground.finished(&run).await;
    verdict(&run)
}

#[tokio::test]
async fn the_run_completes_when_prometheus_goes_midway_and_alertmanager_is_enough() {
    let ended = without("noprometheus", &["prometheus"]).await;
    assert_eq!(ended, (Some(Verdict::ObjectiveMissed), Some(Reason::DetectionMissed)));
}

#[tokio::test]
async fn the_run_completes_when_alertmanager_goes_midway_and_prometheus_is_enough() {
    let ended = without("noalertmanager", &["alertmanager"]).await;
    assert_eq!(ended, (Some(Verdict::ObjectiveMissed), Some(Reason::DetectionMissed)));
}

#[tokio::test]
async fn the_run_completes_when_both_go_midway_and_silence_proves_nothing() {
    let ended = without("neither", &["prometheus", "alertmanager"]).await;
    assert_eq!(ended, (Some(Verdict::Inconclusive), Some(Reason::SourceLost)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_does_not_answer_is_named_before_anything_is_broken() {
    let ground = Ground::new("named").await;
    let _operator = Operator::start(POLLING);
    let _stopped = Stopped::now(&["prometheus"]);
    let (file, config) = (File::experiment("named", json!({})), File::of("named-config", POLLING));
    let before = ground.pod_uids().await;
    let plan = ["plan", "-f", file.path()];
    for command in [&plan[..], &["doctor"], &["doctor", "--config", config.path()]] {
        let output = firedrill(&ground.namespace, command);
        let text = String::from_utf8(output.stdout).unwrap();
        let names =
            |line: &str| line.to_lowercase().contains("prometheus") && line.contains("refused");
        assert!(text.lines().any(names), "{command:?}: {text}");
    }
    let experiments = ground.api::<Experiment>();
    let experiment = json!({"metadata": {"name": "kill"}, "spec": crate::support::spec()});
    let experiment = serde_json::from_value(experiment).unwrap();
    experiments.create(&PostParams::default(), &experiment).await.unwrap();
    let ready = eventually("it is judged", 20, async || {
        let conditions = experiments.get("kill").await.ok()?.status?.conditions;
        conditions.into_iter().find(|condition| condition.type_ == "Ready")
    })
    .await;
    assert_eq!(ready.status, "True", "a silent source is a warning");
    assert!(ready.message.contains("Prometheus cannot be reached"), "{}", ready.message);
    assert_eq!(ground.pod_uids().await, before);
}

/// Waits until Alertmanager has heard that the alert is over: where its rule is taken away before, it
/// goes on for minutes.
async fn is_over(alert: &str, label: (&str, &str)) {
    eventually("the alert is over", 30, async || (!is_on(alert, label)).then_some(())).await;
}

/// Whether Alertmanager has the alert with that label.
fn is_on(alert: &str, (label, value): (&str, &str)) -> bool {
    let filter = format!("filter=alertname=\"{alert}\"&filter={label}=\"{value}\"");
    let url = format!("http://127.0.0.1:9093/api/v2/alerts?{filter}");
    let answer = Command::new("curl").args(["-sf", "-g", &url]).output().unwrap();
    String::from_utf8(answer.stdout).unwrap().trim() != "[]"
}

/// Runs an experiment of the demo; its exit code and its last lines.
fn demo(file: &str) -> (Option<i32>, String) {
    let path = format!("{ROOT}/experiments/demo/{file}");
    let output = firedrill("shop", &["run", "-f", &path, "--wait", "--yes"]);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// The monitoring with other rules than the demo's; the demo's are back at the end.
struct Rules {
    _file: File,
}

impl Rules {
    fn of(text: &str) -> Self {
        let file = File::of("rules.yml", text);
        monitoring(&["reload"], Some(("RULES", file.path())));
        Self { _file: file }
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        monitoring(&["reload"], None);
    }
}

#[tokio::test]
async fn without_the_slow_rules_wait_the_demos_third_experiment_passes() {
    let rules = std::fs::read_to_string(format!("{ROOT}/experiments/demo/rules.yml")).unwrap();
    assert_eq!(rules.matches("for: 25s\n").count(), 1, "the slow rule waits");
    let _rules = Rules::of(&rules.replace("    for: 25s\n", ""));
    let _operator = Operator::start(POLLING);
    let _reaper = Reaper::start();
    let (code, text) = demo("3-alert-waits-too-long.yaml");
    assert!(text.contains("Passed: noticed after"), "{text}");
    assert_eq!(code, Some(0));
    is_over("StorefrontErrors", ("namespace", "shop")).await;
}

#[test]
fn with_monitoring_stopped_the_demos_second_experiment_is_inconclusive() {
    let _operator = Operator::start(POLLING);
    let _reaper = Reaper::start();
    let _stopped = Stopped::now(&["prometheus", "alertmanager"]);
    let (code, text) = demo("2-noticed-in-time.yaml");
    assert!(text.contains("Inconclusive (SourceLost)"), "{text}");
    assert_eq!(code, Some(3));
}
