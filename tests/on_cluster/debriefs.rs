//! From a missed objective to its proof, with real alerts: what people do, what counts, and what nobody may write.

mod gaming;
mod scheduled;

use std::{process::Command, time::Duration};

use firedrill::api::{
    Debrief, DebriefStatus, Experiment, ExperimentRun, ExperimentRunSpec, conditions,
    debrief::{Stage, condition},
    run::Verdict,
};
use k8s_openapi::api::{events::v1::Event, rbac::v1::RoleBinding};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use crate::support::{Ground, Web, audit::Audit, eventually, merge, spec};

/// Experiment `kill` on the ground, which expects alert `Gone` within ten seconds.
async fn experiment(ground: &Ground) {
    let mut spec = spec();
    let soon = json!({"within": "10s", "alerts": ["{alertname=\"Gone\"}"]});
    merge(&mut spec, json!({"detection": soon}));
    create(ground, &spec).await;
}

/// Experiment `kill` as it is given.
async fn create(ground: &Ground, spec: &Value) {
    let experiment = json!({"metadata": {"name": "kill"}, "spec": spec});
    let experiment: Experiment = serde_json::from_value(experiment).unwrap();
    ground.api::<Experiment>().create(&PostParams::default(), &experiment).await.unwrap();
}

/// Runs it once more, until that is over; its alert of before is waited for to end.
async fn run(ground: &Ground) -> ExperimentRun {
    run_as(ground, ExperimentRunSpec::of("kill")).await
}

async fn run_as(ground: &Ground, spec: ExperimentRunSpec) -> ExperimentRun {
    let mut run = ExperimentRun::new("", spec);
    (run.metadata.name, run.metadata.generate_name) = (None, Some("kill-".into()));
    let run = ground.api::<ExperimentRun>().create(&PostParams::default(), &run).await.unwrap();
    ground.finished(&run).await
}

/// Waits until Prometheus tells that the rule waits so long, also to whoever has asked less than a second ago.
async fn told(ground: &Ground, wait_seconds: u32) {
    eventually("Prometheus has taken up the rule", 20, async || {
        let url = format!(
            "http://127.0.0.1:9090/api/v1/rules?type=alert&rule_group[]={}",
            ground.namespace
        );
        let answer = Command::new("curl").args(["-sfg", &url]).output().ok()?;
        let told: Value = serde_json::from_slice(&answer.stdout).ok()?;
        let rule = &told["data"]["groups"][0]["rules"][0];
        (rule["duration"] == json!(wait_seconds)).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
}

async fn write(ground: &Ground, name: &str, spec: Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    ground.api::<Debrief>().patch(name, &PatchParams::default(), &patch).await.unwrap();
}

async fn at_stage(ground: &Ground, name: &str, stage: Stage) -> DebriefStatus {
    let is = |debrief: &Debrief| {
        debrief.status.as_ref().is_some_and(|status| status.stage == Some(stage))
    };
    ground.becomes(&format!("it is {stage}"), 30, name, is).await.status.unwrap()
}

fn item(id: &str, title: &str, more: Value) -> Value {
    let mut item = json!({"id": id, "title": title, "turnsYes": ["Detection"], "type": "Detect",
        "horizon": "Immediate", "ownerTeam": "team-web"});
    merge(&mut item, more);
    item
}

#[tokio::test]
async fn a_miss_is_carried_to_its_proof_and_the_next_one_names_what_was_dropped() {
    let ground = Ground::with("proof", &Web { warm_up: 14, ..Web::default() }).await;
    let audit = Audit::begin();
    ground.rule("Gone", 40).await;
    experiment(&ground).await;
    let missed = run(&ground).await.status.unwrap();
    assert_eq!(missed.verdict, Some(Verdict::ObjectiveMissed), "{:?}", missed.summary);
    let name = missed.debrief.unwrap();
    let status = at_stage(&ground, &name, Stage::AwaitingDebrief).await;
    assert_eq!(status.missed.as_deref(), Some("Detection"));
    let open = async |name: Option<&str>| {
        let what = format!("the experiment says that {name:?} is open");
        let is = |experiment: &Experiment| {
            experiment.status.as_ref().is_some_and(|status| status.open_debrief.as_deref() == name)
        };
        ground.becomes(&what, 20, "kill", is).await;
    };
    open(Some(&name)).await;

    let now = || jiff::Timestamp::now().to_string();
    let items = |state: &str| {
        json!([
            item("a1", "Shorten the rule's wait", json!({"state": state})),
            item(
                "a2",
                "Two clusters",
                json!({"state": "Dropped", "dropReason": "the alert is enough", "turnsYes": []})
            ),
        ])
    };
    let held = json!({"impact": {"none": true}, "meeting": {"heldAt": now()}, "actionItems": items("Open")});
    write(&ground, &name, held).await;
    let status = at_stage(&ground, &name, Stage::Acting).await;
    assert_eq!(status.items_finished.as_deref(), Some("1/2"));
    // The real fix: the rule waits no longer.
    ground.rule("Gone", 0).await;
    told(&ground, 0).await;
    write(&ground, &name, json!({"actionItems": items("Done")})).await;
    let status = at_stage(&ground, &name, Stage::Verifying).await;
    assert_eq!(status.items[0].done_at.is_some(), status.items[1].done_at.is_none());
    for _ in 0..2 {
        let passed = run(&ground).await;
        let status = passed.status.as_ref().unwrap();
        assert_eq!(status.verdict, Some(Verdict::Passed), "{:?}", status.summary);
    }
    let status = at_stage(&ground, &name, Stage::Closed).await;
    let changed: Vec<_> =
        status.attempts.iter().map(|attempt| attempt.changed.as_slice()).collect();
    assert!(changed.iter().all(|changed| changed.contains(&"rule Gone".to_owned())), "{changed:?}");
    let closed = conditions::get(&status.conditions, condition::CLOSED).unwrap();
    assert_eq!((closed.status.as_str(), closed.reason.as_str()), ("True", "Proven"));
    open(None).await;

    ground.rule("Gone", 40).await;
    let missed = run(&ground).await.status.unwrap();
    let second = missed.debrief.unwrap();
    assert_eq!(
        Some(second.as_str()),
        name.strip_suffix("-1").map(|miss| format!("{miss}-2")).as_deref()
    );
    let recurs = ground.api::<Debrief>().get(&second).await.unwrap().spec.recurrence_of.unwrap();
    assert_eq!((recurs.name, recurs.ended_at), (name, status.ended_at));
    assert_eq!(recurs.left, ["item a2 was dropped: Two clusters (the alert is enough)"]);
    open(Some(&second)).await;
    // A run that was to prove it, and missed once more, joins what it was to prove.
    let verifies = Some(firedrill::api::Name(second.clone()));
    let missed = run_as(&ground, ExperimentRunSpec { verifies, ..ExperimentRunSpec::of("kill") });
    assert_eq!(missed.await.status.unwrap().debrief.as_ref(), Some(&second));
    let events: Api<Event> = ground.api();
    let told = events.list(&ListParams::default()).await.unwrap().items;
    let mut reasons: Vec<_> = told
        .iter()
        .filter(|event| event.action.as_deref() == Some("Remind"))
        .filter_map(|event| event.reason.clone())
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["DebriefEnded", "DebriefOpened", "DebriefOpened"]);
    let of_debriefs = audit
        .writes(|write| write.namespace == ground.namespace && write.resource == "debriefs/status");
    assert!(
        !of_debriefs.is_empty()
            && of_debriefs.iter().all(|write| write.user.ends_with(":firedrill-operator")),
        "{of_debriefs:?}"
    );
}

/// A client of that user.
async fn acting(user: &str) -> Client {
    let kubeconfig =
        Kubeconfig::read_from(std::env::var("FIREDRILL_TEST_CLUSTER").unwrap()).unwrap();
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.auth_info.impersonate = Some(user.to_owned());
    Client::try_from(config).unwrap()
}

/// A client of somebody who has the role `edit` on the ground.
async fn editor(ground: &Ground) -> Client {
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "editor"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "editor"}],
    }))
    .unwrap();
    ground.api::<RoleBinding>().create(&PostParams::default(), &binding).await.unwrap();
    let client = acting("editor").await;
    let debriefs: Api<Debrief> = Api::namespaced(client.clone(), &ground.namespace);
    eventually("the rights are there", 20, async || {
        debriefs.list(&ListParams::default()).await.ok()
    })
    .await;
    client
}

fn incident(name: &str, more: Value) -> Debrief {
    let mut debrief = json!({
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "Debrief", "metadata": {"name": name},
        "spec": {"title": "Customers could not pay", "severity": "Minor", "source": {"kind": "Incident"},
            "resolvedAt": "2026-11-24T11:30:00Z",
            "incident": {"startedAt": "2026-11-24T10:00:00Z", "noticedAt": "2026-11-24T10:02:00Z", "noticedBy": "Customer"}},
    });
    merge(&mut debrief, more);
    serde_json::from_value(debrief).unwrap()
}

#[tokio::test]
async fn people_write_what_they_know_and_nobody_makes_up_a_measurement() {
    let ground = Ground::bare("incident", json!({})).await;
    let debriefs: Api<Debrief> = Api::namespaced(editor(&ground).await, &ground.namespace);
    let create = async |debrief: &Debrief| {
        debriefs.create(&PostParams::default(), debrief).await.map_err(|error| error.to_string())
    };
    create(&incident("incident-20261124-x7k2p", json!({}))).await.unwrap();
    let status = at_stage(&ground, "incident-20261124-x7k2p", Stage::AwaitingDebrief).await;
    assert_eq!(status.missed.as_deref(), Some("Detection,Recovery"));
    let forged = create(&incident("kill-0123abcd-1", json!({}))).await.unwrap_err();
    assert!(forged.contains("has the form of a debrief that a run opens"), "{forged}");
    let of_a_run = json!({"spec": {"recurrenceOf": {"name": "kill-0123abcd-1"}}});
    let forged = create(&incident("made-up", of_a_run)).await.unwrap_err();
    assert!(forged.contains("may not write what a run has measured"), "{forged}");
    let status = Patch::Merge(json!({"status": {"endedAt": "2026-11-24T12:00:00Z"}}));
    let forged =
        debriefs.patch_status("incident-20261124-x7k2p", &PatchParams::default(), &status).await;
    assert!(forged.unwrap_err().to_string().contains("forbidden"));
    let deleted = debriefs.delete("incident-20261124-x7k2p", &DeleteParams::default()).await;
    assert!(deleted.unwrap_err().to_string().contains("forbidden"));
}

#[tokio::test]
async fn what_was_settled_stays_and_each_refusal_names_its_field() {
    let ground = Ground::bare("settled", json!({})).await;
    let debriefs: Api<Debrief> = ground.api();
    let mut debrief = incident("one", json!({}));
    debrief.spec.action_items =
        serde_json::from_value(json!([item("a1", "Page sooner", json!({}))])).unwrap();
    debriefs.create(&PostParams::default(), &debrief).await.unwrap();
    let passes = debriefs.get("one").await.unwrap().spec.policy.passes;
    assert_eq!(passes, 2, "the policy is written down with the debrief");
    let change = async |spec: Value| {
        let patch = Patch::Merge(json!({"spec": spec}));
        debriefs
            .patch("one", &PatchParams::default(), &patch)
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let long = "x".repeat(20);
    for (spec, words) in [
        (json!({"policy": {"passes": 1}}), "spec.policy: Invalid value"),
        (json!({"policy": {"spacing": "0s"}}), "settled when the debrief opened"),
        (json!({"actionItems": []}), "an item is never removed"),
        (json!({"actionItems": [item("a2", "Another", json!({}))]}), "an item is never removed"),
        (
            json!({"actionItems": [item("a1", "Page sooner", json!({"state": "Dropped"}))]}),
            "has a dropReason",
        ),
        (
            json!({"actionItems": [item("a1", "x", json!({"steps": {"verify": true}}))]}),
            "the steps come in order",
        ),
        (
            json!({"actionItems": [item("a1", "x", json!({"state": "Done", "steps": {"add": true}}))]}),
            "are not all done",
        ),
        (json!({"incident": {"startedAt": "2026-11-24T10:30:00Z"}}), "is written once"),
        (json!({"incident": {"noticedBy": "Alert"}}), "is written once"),
        (json!({"fingerprint": "01234567"}), "written once"),
        (json!({"source": {"kind": "ExperimentRun"}}), "the source is written once"),
        (
            json!({"acceptedRisk": {"reason": "short", "reviewAt": "2026-12-24T10:00:00Z"}}),
            "spec.acceptedRisk.reason",
        ),
        (json!({"dismissal": {"reason": "none"}}), "spec.dismissal.reason"),
        (json!({"impact": {"none": true, "complaints": 3}}), "say what it meant"),
        (json!({"impact": {}}), "say what it meant"),
        (json!({"meeting": {"heldAt": "yesterday"}}), "spec.meeting.heldAt"),
    ] {
        let refused = change(spec.clone()).await.expect_err(&spec.to_string());
        assert!(refused.contains(words), "{spec}: {refused}");
    }
    for spec in [
        json!({"actionItems": [item("a1", "Page sooner", json!({"state": "Done"})), item("a2", "Another", json!({}))]}),
        json!({"incident": {"experiment": "kill"}}),
        json!({"title": "Paying failed"}),
        json!({"dismissal": {"reason": long}}),
    ] {
        change(spec).await.unwrap();
    }
    at_stage(&ground, "one", Stage::Dismissed).await;
}

#[tokio::test]
async fn nobody_says_afterwards_which_debrief_a_run_verifies() {
    let ground = Ground::bare("verifies", json!({})).await;
    let run = ground.run(json!({"verifies": "one", "dryRun": true})).await;
    let patch = Patch::Merge(json!({"spec": {"verifies": "another"}}));
    let runs = ground.api::<ExperimentRun>();
    let refused = runs.patch(&run.name_any(), &PatchParams::default(), &patch).await.unwrap_err();
    assert!(refused.to_string().contains("a run's spec cannot be changed"), "{refused}");
}
