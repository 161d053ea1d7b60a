//! Which alerts keep a run waiting, and which are told beside what was noticed.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{Ground, Operator, Web, eventually, state, terminal::firedrill, verdict};
use firedrill::api::{
    ExperimentRun,
    run::{FactName, Guard, Reason, Verdict, condition},
};
use kube::ResourceExt;
use serde_json::json;

use super::{is_on, is_over, monitoring};

/// Alertmanager notifies the operator that the test runs; afterwards the one that it notified before.
struct Webhook(String);

impl Webhook {
    fn here() -> Self {
        let address = "http://127.0.0.1:9480/v1/alertmanager";
        monitoring(&["reload"], Some(("WEBHOOK", address)));
        let token = state().join("mon/token");
        let listens =
            format!("webhook: {{listen: '127.0.0.1:9480', tokenFile: {}}}", token.display());
        Self(super::POLLING.replace("{prometheus", &format!("{{{listens}, prometheus")))
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        monitoring(&["reload"], None);
    }
}

/// Waits until the run says that it waits for quiet alerts in these words.
async fn waits(ground: &Ground, run: &ExperimentRun, words: &str) {
    let says = |run: &ExperimentRun| {
        run.status.iter().flat_map(|status| &status.conditions).any(|found| {
            let waits = found.type_ == condition::INJECTED;
            waits && found.reason == Guard::AlertsQuiet.to_string() && found.message.contains(words)
        })
    };
    ground.becomes(words, 60, &run.name_any(), says).await;
}

/// Puts another text into the ground's rules; an alert whose rule keeps its name and labels goes on.
fn change_rules(ground: &Ground, change: impl Fn(&str) -> String) {
    let path = state().join(format!("mon/rules/{}.yml", ground.namespace));
    let rules = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, change(&rules)).unwrap();
    let reload = ["-sf", "-XPOST", "http://127.0.0.1:9090/-/reload"];
    assert!(Command::new("curl").args(reload).status().unwrap().success());
}

/// Waits until Alertmanager has notified of that alert of the ground: it tells all its receivers at once.
async fn is_notified(ground: &Ground, alert: &str) {
    eventually("the alert is notified", 30, async || {
        let told = std::fs::read_to_string(state().join("mon/alerts.jsonl")).ok()?;
        let of_it = |line: &&str| line.contains(alert) && line.contains(&ground.namespace);
        told.lines().rfind(of_it).map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_run_that_waits_for_an_alert_starts_when_it_is_over_although_it_was_notified() {
    let ground = Ground::with("notified", &Web { warm_up: 14, ..Web::default() }).await;
    ground.rule("WebGone", 6).await;
    let gone = format!("absent(up{{namespace=\"{}\"}} == 1)", ground.namespace);
    let webhook = Webhook::here();
    let _operator = Operator::start(&webhook.0);
    change_rules(&ground, |rules| rules.replace(&gone, "vector(1)"));
    let detection =
        json!({"within": "30s", "until": "Notified", "alerts": ["{alertname=\"WebGone\"}"]});
    let run = ground.run(json!({"startWithin": "3m", "template": {"detection": detection}})).await;
    waits(&ground, &run, "WebGone is already pending").await;
    waits(&ground, &run, "WebGone is already firing").await;
    is_notified(&ground, "WebGone").await;
    change_rules(&ground, |rules| rules.replace("vector(1)", &gone));
    is_over("WebGone", ("namespace", &ground.namespace)).await;
    let over = Instant::now();
    ground.seen(&run, FactName::Journaled).await;
    assert!(over.elapsed() < Duration::from_secs(10), "it started {:?} later", over.elapsed());
    let ended = ground.finished(&run).await;
    assert_eq!(verdict(&ended).0, Some(Verdict::Passed), "{:?}", ended.status);
    let notified = ended.status.as_ref().and_then(|status| status.fact(FactName::Notified));
    assert_eq!(notified.unwrap().source, "webhook", "what a run under way is told still counts");
}

#[tokio::test]
async fn alerts_of_other_namespaces_and_those_that_were_on_before_are_neither_told_nor_advised() {
    let ground = Ground::with("aside", &Web { warm_up: 10, ..Web::default() }).await;
    ground.rule("WebGone", 0).await;
    let namespace = &ground.namespace;
    let on = |alert: &str, of: &str| {
        format!(
            "  - {{alert: {alert}, expr: vector(1), labels: {{namespace: {of}, ground: {namespace}}}}}\n"
        )
    };
    // Rarely evaluated, so that its first sample after the journal is one after the injection; the last one
    // fires with the fault, elsewhere.
    let others = [
        format!("- name: {namespace}-others\n  interval: 5s\n  rules:\n"),
        on("Foreign", "elsewhere"),
        on("Always", namespace),
        format!(
            "  - {{alert: Echo, expr: 'absent(up{{namespace=\"{namespace}\"}} == 1)', labels: {{namespace: elsewhere}}}}\n"
        ),
    ];
    change_rules(&ground, |rules| format!("{rules}{}", others.concat()));
    let ours = ("ground", namespace.as_str());
    let both = async || (is_on("Foreign", ours) && is_on("Always", ours)).then_some(());
    eventually("both are on", 30, both).await;
    let _operator = Operator::start(super::POLLING);
    let run = ground.run(json!({"template": {"detection": {"within": "5s"}}})).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::ObjectiveMissed), Some(Reason::DetectionMissed)));
    let status = run.status.unwrap();
    let told = status.detection.unwrap().also_fired;
    let told: Vec<&str> = told.iter().map(|alert| alert.labels["alertname"].as_str()).collect();
    assert!(told.contains(&"WebGone") && told.iter().all(|name| *name == "WebGone"), "{told:?}");
    let page = firedrill(namespace, &["debrief", "show", &status.debrief.unwrap()]);
    let page = String::from_utf8(page.stdout).unwrap();
    let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("`WebGone` did fire: where it is what calls people, let it count"),
        "{page}"
    );
    for name in ["Foreign", "Always", "Echo"] {
        assert!(!page.contains(name), "{name} has nothing to do with it:\n{page}");
    }
}
