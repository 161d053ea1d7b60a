//! The gate `PassedBefore`: what runs in the namespace that the operator's configuration names counts, and nothing else.

use firedrill::{
    api::{
        Experiment, ExperimentRun, ExperimentRunSpec, GameDay, GameDayRun, GameDayRunSpec,
        game_day_run::{DayReason, Gate, Outcome},
        names,
        run::Verdict,
    },
    cli::grants::Grants,
};
use kube::{
    ResourceExt,
    api::{ListParams, PostParams},
};
use serde_json::{Value, json};

use crate::support::{Ground, Operator, merge, spec, turn, verdict};

/// Creates the Experiment `kill` with this over it.
async fn experiment(ground: &Ground, change: Value) {
    let mut spec = spec();
    merge(&mut spec, change);
    let experiment = Experiment::new("kill", serde_json::from_value(spec).unwrap());
    ground.api::<Experiment>().create(&PostParams::default(), &experiment).await.unwrap();
}

/// Runs the Experiment `kill`, as `firedrill run kill` does, and waits for its end.
async fn run(ground: &Ground, name: &str) -> ExperimentRun {
    let mut run = ExperimentRun::new(name, ExperimentRunSpec::of("kill"));
    run.metadata.labels = Some([(names::EXPERIMENT.to_owned(), "kill".to_owned())].into());
    run.metadata.finalizers = Some(vec![names::FINALIZER.to_owned()]);
    let run = ground.api::<ExperimentRun>().create(&PostParams::default(), &run).await.unwrap();
    ground.finished(&run).await
}

/// What the gate says on a day that looks at its gates alone, and how that day ends.
async fn judged(ground: &Ground, name: &str) -> (Option<Outcome>, Option<DayReason>, String) {
    let spec = GameDayRunSpec { dry_run: true, ..GameDayRunSpec::of("p") };
    let day = GameDayRun::new(name, spec);
    ground.api::<GameDayRun>().create(&PostParams::default(), &day).await.unwrap();
    let day = ground.becomes("the day is over", 60, name, GameDayRun::is_over).await;
    let status = day.status.unwrap();
    let gate = status.gates.iter().find(|gate| gate.name == Gate::PassedBefore).unwrap();
    (status.outcome, status.reason, gate.detail.clone())
}

#[tokio::test]
async fn what_passed_in_the_predecessor_opens_the_gate_and_nothing_else_does() {
    let (here, staging) = (Ground::new("shop").await, Ground::new("staging").await);
    let orphan = Ground::bare("orphan", json!({"firedrill.dev/enabled": "true"})).await;
    for ground in [&here, &orphan] {
        let operator = names::OPERATOR_NAMESPACE;
        Grants::scheduled(&ground.namespace, operator).apply(&ground.client).await.unwrap();
        experiment(ground, json!({})).await;
        let plan = json!({
            "startAt": "2999-01-01T10:00:00Z", "goNoGo": {"passedBefore": {"within": "1h"}, "steadyFor": "10s", "noFiring": [], "alertsExist": false},
            "steps": [{"name": "one", "experiment": "kill"}],
        });
        let plan = GameDay::new("p", serde_json::from_value(plan).unwrap());
        ground.api::<GameDay>().create(&PostParams::default(), &plan).await.unwrap();
    }
    experiment(&staging, json!({"fault": {"podKill": {"method": "Delete"}}})).await;
    let _turn = turn().await;
    let (ours, theirs) = (here.namespace.as_str(), staging.namespace.as_str());
    let named = format!("{{predecessors: {{{ours}: {theirs}}}, ");
    let _operator = Operator::start(&super::POLLING.replacen('{', &named, 1));
    let refused = (Some(Outcome::NoGo), Some(DayReason::PassedBefore));

    let (outcome, reason, words) = judged(&orphan, "alone").await;
    assert_eq!((outcome, reason), refused);
    let remedy = format!("as in `predecessors: {{{}: NAMESPACE}}`", orphan.namespace);
    assert!(words.contains(&remedy), "{words}");

    let (outcome, reason, words) = judged(&here, "first").await;
    assert_eq!((outcome, reason), refused);
    assert!(words.contains(&format!("firedrill run kill -n {theirs}")), "{words}");

    // A run here is none there.
    assert_eq!(verdict(&run(&here, "here").await).0, Some(Verdict::Passed));
    let (outcome, reason, words) = judged(&here, "second").await;
    assert_eq!((outcome, reason), refused, "{words}");

    assert_eq!(verdict(&run(&staging, "other").await).0, Some(Verdict::Passed));
    let (outcome, reason, words) = judged(&here, "third").await;
    assert_eq!((outcome, reason), refused);
    let told = format!(
        "Experiment kill has another target or fault in namespace {theirs}, where run other passed"
    );
    assert!(words.starts_with(&told), "{words}");

    let api = staging.api::<Experiment>();
    api.delete("kill", &kube::api::DeleteParams::default()).await.unwrap();
    experiment(&staging, json!({})).await;
    assert_eq!(verdict(&run(&staging, "same").await).0, Some(Verdict::Passed));
    let (outcome, reason, words) = judged(&here, "fourth").await;
    assert_eq!((outcome, reason), (Some(Outcome::Done), Some(DayReason::DryRun)), "{words}");
    assert!(
        words.starts_with(&format!("run same passed with this fault in namespace {theirs} at ")),
        "{words}"
    );
    let runs = here.api::<ExperimentRun>().list(&ListParams::default()).await.unwrap();
    assert_eq!(runs.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["here"]);
}
