//! What would close a debrief without a proof: each such run does not count and says why, and each such write is refused.

use firedrill::api::{
    debrief::{Attempt, Objective, Question},
    run::Reason,
};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::ResourceQuota};
use kube::api::ValidationDirective;

use super::*;
use crate::support::{delete, verdict};

/// Which field is laxer or other, how the spec changes, and what the attempt says of it.
type Trick = (&'static str, Value, &'static str);

/// What missed: everything about it that could be laxer is as hard as it can be in a short run.
fn hard() -> Value {
    let mut hard = spec();
    merge(
        &mut hard,
        json!({
            "fault": {"podKill": {"method": "Delete", "gracePeriod": "1s"}},
            "detection": {"within": "8s", "alerts": ["{alertname=\"Gone\"}"]},
            "recovery": {"stableFor": "2s"},
        }),
    );
    let probes = hard["steadyState"].as_array_mut().unwrap();
    probes.push(
        json!({"name": "listens", "tcp": {"service": "web", "port": 80, "interval": "500ms"}}),
    );
    hard
}

/// A ground on which experiment `kill` has missed, and the name of its debrief.
async fn missed(name: &str, spec: &Value) -> (Ground, String) {
    let ground = Ground::with(name, &Web { warm_up: 10, ..Web::default() }).await;
    ground.rule("Gone", 40).await;
    create(&ground, spec).await;
    let missed = run(&ground).await.status.unwrap();
    assert_eq!(missed.verdict, Some(Verdict::ObjectiveMissed), "{:?}", missed.summary);
    (ground, missed.debrief.unwrap())
}

/// Holds the meeting, with one item that turns the objectives to Yes.
async fn held(ground: &Ground, debrief: &str, objectives: &[Objective], state: &str) {
    let item = item("a1", "Mend it", json!({"state": state, "turnsYes": objectives}));
    let now = jiff::Timestamp::now().to_string();
    let held = json!({"impact": {"none": true}, "meeting": {"heldAt": now}, "actionItems": [item]});
    write(ground, debrief, held).await;
}

/// The same, and the item is done.
async fn mended(ground: &Ground, debrief: &str, objectives: &[Objective]) {
    ground.rule("Gone", 0).await;
    super::told(ground, 0).await;
    held(ground, debrief, objectives, "Done").await;
    at_stage(ground, debrief, Stage::Verifying).await;
}

/// Runs that spec in place of the Experiment's, and waits until the debrief has judged it.
async fn tried(ground: &Ground, debrief: &str, spec: Value) -> (Attempt, DebriefStatus) {
    let template = serde_json::from_value(spec).unwrap();
    let run = ExperimentRunSpec { template: Some(template), ..ExperimentRunSpec::of("kill") };
    let over = run_as(ground, run).await;
    let of_run = |status: &DebriefStatus| {
        status.attempts.iter().find(|attempt| *attempt.uid == *over.uid()).cloned()
    };
    let is_judged = |debrief: &Debrief| debrief.status.as_ref().and_then(of_run).is_some();
    let what = format!("{} is judged: {:?}", over.name_any(), over.status);
    let status = ground.becomes(&what, 20, debrief, is_judged).await.status.unwrap();
    (of_run(&status).unwrap(), status)
}

fn question(status: &DebriefStatus, objective: Objective) -> &Question {
    status.questions.iter().find(|question| question.objective == objective).unwrap()
}

/// Tries one trick after the other on one debrief, then what missed itself, which alone counts.
async fn none_of(
    ground: &Ground,
    (debrief, objective): (&str, Objective),
    hard: &Value,
    tricks: &[Trick],
) {
    for (what, change, words) in tricks {
        let mut laxer = hard.clone();
        merge(&mut laxer, change.clone());
        let (attempt, status) = tried(ground, debrief, laxer).await;
        let is_told = attempt.refused.iter().any(|refused| refused.starts_with(words));
        assert!(is_told, "{what}: {:?}", attempt.refused);
        let question = question(&status, objective);
        assert_eq!(question.passes, 0, "{what} counts: {attempt:?}");
        println!("refused: {what}: {}", attempt.refused.join("; "));
    }
    let (attempt, status) = tried(ground, debrief, hard.clone()).await;
    assert_eq!((attempt.refused, question(&status, objective).passes), (Vec::new(), 1));
    println!("{}: {} laxer runs refused, and what missed counts", ground.namespace, tricks.len());
}

#[tokio::test]
async fn no_smaller_fault_proves_anything() {
    let hard = hard();
    let (ground, debrief) = missed("gaming-fault", &hard).await;
    let mut other: Deployment = ground.api().get("web").await.unwrap();
    let labels = json!({"app": "other"});
    other.metadata = serde_json::from_value(json!({"name": "other"})).unwrap();
    let mut other = serde_json::to_value(other).unwrap();
    other["spec"]["selector"]["matchLabels"] = labels.clone();
    other["spec"]["template"]["metadata"] = json!({"labels": labels});
    let other = serde_json::from_value(other).unwrap();
    ground.api::<Deployment>().create(&PostParams::default(), &other).await.unwrap();
    mended(&ground, &debrief, &[Objective::Detection]).await;
    let kill = |fault: Value| json!({"fault": {"podKill": fault}});
    none_of(
        &ground,
        (&debrief, Objective::Detection),
        &hard,
        &[
            (
                "another target",
                json!({"target": {"deployment": "other"}}),
                "target: deployment/other",
            ),
            ("fewer pods", kill(json!({"count": 1})), "fault.podKill.count: 1 of 2 pods"),
            ("eviction", kill(json!({"method": "Evict"})), "fault.podKill.method: Evict"),
            (
                "more time to end",
                kill(json!({"gracePeriod": "3s"})),
                "fault.podKill.gracePeriod: 3s",
            ),
            ("a shorter fault", json!({"duration": "50s"}), "duration: 50s"),
        ],
    )
    .await;
}

#[tokio::test]
async fn no_laxer_objective_proves_anything() {
    let hard = hard();
    let (ground, debrief) = missed("gaming-objectives", &hard).await;
    mended(&ground, &debrief, &[Objective::Detection]).await;
    none_of(
        &ground,
        (&debrief, Objective::Detection),
        &hard,
        &[
            ("more time to notice", json!({"detection": {"within": "9s"}}), "detection.within: 9s"),
            ("a later clock", json!({"detection": {"from": "Impact"}}), "detection.from: Impact"),
            (
                "more time to recover",
                json!({"recovery": {"within": "41s"}}),
                "recovery.within: 41s",
            ),
            ("a shorter calm", json!({"recovery": {"stableFor": "1s"}}), "recovery.stableFor: 1s"),
            (
                "our own end of the fault",
                json!({"recovery": {"countFaultEnded": true}}),
                "recovery.countFaultEnded: true",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn no_other_probe_no_wide_matcher_and_no_run_before_the_fix_proves_anything() {
    let hard = hard();
    let (ground, debrief) = missed("gaming-probes", &hard).await;
    held(&ground, &debrief, &[Objective::Detection], "Open").await;
    at_stage(&ground, &debrief, Stage::Acting).await;
    ground.rule("Gone", 0).await;
    super::told(&ground, 0).await;
    let (early, status) = tried(&ground, &debrief, hard.clone()).await;
    let early_lacks = &question(&status, Objective::Detection).lacks;
    assert_eq!(early.refused, [""; 0]);
    assert!(early_lacks.starts_with("item a1 is to be done first"), "{early_lacks}");
    mended(&ground, &debrief, &[Objective::Detection]).await;
    let probes = hard["steadyState"].as_array().unwrap().clone();
    let (mut gone, mut changed) = (probes.clone(), probes);
    gone.pop();
    changed[0]["http"]["interval"] = json!("5s");
    let wide = json!(["{alertname=\"Gone\"}", "{namespace=~\".+\"}"]);
    none_of(
        &ground,
        (&debrief, Objective::Detection),
        &hard,
        &[
            ("a probe gone", json!({"steadyState": gone}), "steadyState[listens]: gone"),
            (
                "a probe changed",
                json!({"steadyState": changed}),
                "steadyState[answers]: another probe",
            ),
            (
                "any alert",
                json!({"detection": {"alerts": wide}}),
                "detection.alerts: {namespace=~\".+\"}",
            ),
        ],
    )
    .await;
}

/// What was promised to be tolerated, and told by a notification, is not asked by less.
#[tokio::test]
async fn what_was_to_be_tolerated_and_told_is_asked_again() {
    let mut hard = hard();
    merge(&mut hard, json!({"tolerates": true, "detection": {"until": "Notified"}}));
    let (ground, debrief) = missed("gaming-tolerance", &hard).await;
    let status = at_stage(&ground, &debrief, Stage::AwaitingDebrief).await;
    assert_eq!(status.missed.as_deref(), Some("Detection,Tolerance"));
    mended(&ground, &debrief, &[Objective::Detection, Objective::Tolerance]).await;
    merge(&mut hard, json!({"tolerates": false, "detection": {"until": "Firing"}}));
    let (attempt, status) = tried(&ground, &debrief, hard).await;
    let words =
        ["tolerates: false, and it was true", "detection.until: Firing, and it was Notified"];
    assert_eq!(attempt.refused, words);
    assert!(status.questions.iter().all(|question| question.passes == 0), "{status:?}");
    println!("refused: {}", attempt.refused.join("; "));
}

/// No pod comes back while a quota forbids it, which no state tells: it is gone, and pods are only restarted.
#[tokio::test]
async fn a_mere_restart_needs_twice_the_passes() {
    let mut hard = hard();
    merge(&mut hard, json!({"recovery": {"within": "15s"}}));
    let ground = Ground::with("gaming-restart", &Web { warm_up: 10, ..Web::default() }).await;
    ground.rule("Gone", 0).await;
    super::told(&ground, 0).await;
    create(&ground, &hard).await;
    let none = json!({"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
    let none: ResourceQuota = serde_json::from_value(none).unwrap();
    let quotas: Api<ResourceQuota> = ground.api();
    quotas.create(&PostParams::default(), &none).await.unwrap();
    let missed = run(&ground).await.status.unwrap();
    delete(&quotas, "none").await;
    assert_eq!(missed.verdict, Some(Verdict::NotRecovered), "{:?}", missed.summary);
    let debrief = missed.debrief.unwrap();
    let again = json!({"spec": {"template": {"metadata": {"annotations": {
        "kubectl.kubernetes.io/restartedAt": jiff::Timestamp::now().to_string()}}}}});
    let deployments: Api<Deployment> = ground.api();
    deployments.patch("web", &PatchParams::default(), &Patch::Strategic(again)).await.unwrap();
    ground.ready(2).await;
    write(&ground, &debrief, json!({"resolvedAt": jiff::Timestamp::now().to_string()})).await;
    held(&ground, &debrief, &[Objective::Recovery], "Done").await;
    at_stage(&ground, &debrief, Stage::Verifying).await;
    for passes in 1..=2 {
        let (attempt, status) = tried(&ground, &debrief, hard.clone()).await;
        let question = question(&status, Objective::Recovery);
        assert_eq!(attempt.changed, [""; 0]);
        assert_eq!((question.passes, question.needed), (passes, 4), "{question:?}");
        assert!(question.lacks.contains("twice as many, as nothing has changed that can be seen"));
    }
}

#[tokio::test]
async fn no_write_proves_anything() {
    let (ground, name) = missed("gaming-writes", &hard()).await;
    held(&ground, &name, &[Objective::Detection], "Open").await;
    at_stage(&ground, &name, Stage::Acting).await;
    let debriefs: Api<Debrief> = Api::namespaced(editor(&ground).await, &ground.namespace);
    let strict = PatchParams {
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::default()
    };
    let typed = item("a1", "Mend it", json!({"state": "Done", "doneAt": "2026-01-01T00:00:00Z"}));
    let changes = [
        (json!({"evidence": {"pods": 1}}), "the evidence is written once"),
        (
            json!({"evidence": {"spec": {"detection": {"within": "1h"}}}}),
            "the evidence is written once",
        ),
        (json!({"evidence": null, "fingerprint": null}), "the evidence is written once"),
        (json!({"fingerprint": "01234567"}), "the fingerprint is written once"),
        (json!({"source": {"runRef": {"uid": "another"}}}), "the source is written once"),
        (json!({"policy": {"passes": 1}}), "the policy was settled"),
        (json!({"policy": {"spacing": "2s"}}), "the policy was settled"),
        (json!({"policy": {"timeZone": "Asia/Tokyo"}}), "the policy was settled"),
        (json!({"actionItems": []}), "an item is never removed"),
        (json!({"actionItems": [typed]}), "unknown field \"spec.actionItems[0].doneAt\""),
    ];
    let mut refused = 0;
    for (spec, words) in &changes {
        let patch = Patch::Merge(json!({"spec": spec}));
        let error = debriefs.patch(&name, &strict, &patch).await.expect_err(words).to_string();
        assert!(error.contains(words), "{spec}: {error}");
        refused += 1;
    }
    for status in [
        json!({"stage": "Closed", "endedAt": "2026-11-24T12:00:00Z"}),
        json!({"items": [{"id": "a1", "doneAt": "2026-01-01T00:00:00Z"}]}),
        json!({"questions": [{"objective": "Detection", "passes": 2, "needed": 2}]}),
    ] {
        let patch = Patch::Merge(json!({"status": status}));
        let error = debriefs.patch_status(&name, &strict, &patch).await.unwrap_err().to_string();
        assert!(error.contains("forbidden"), "{error}");
        refused += 1;
    }
    let real = debriefs.get(&name).await.unwrap();
    let mut forged = Debrief::new("made-up", real.spec.clone());
    forged.spec.policy.passes = 1;
    let error = debriefs.create(&PostParams::default(), &forged).await.unwrap_err().to_string();
    assert!(error.contains("may not write what a run has measured"), "{error}");

    refused += 1;

    // A run says from the beginning what it is, and whether people knew of it a day alone tells.
    let day = Some(firedrill::api::Name("none".into()));
    let verifies = Some(firedrill::api::Name(name.clone()));
    let spec = ExperimentRunSpec {
        unannounced: true,
        verifies,
        game_day: day,
        ..ExperimentRunSpec::of("kill")
    };
    let made_up = run_as(&ground, spec).await;
    assert_eq!(verdict(&made_up), (Some(Verdict::Error), Some(Reason::GameDay)));
    let runs = ground.api::<ExperimentRun>();
    for spec in [json!({"unannounced": false}), json!({"verifies": "another"})] {
        let patch = Patch::Merge(json!({"spec": spec}));
        let error = runs.patch(&made_up.name_any(), &strict, &patch).await.unwrap_err().to_string();
        assert!(error.contains("a run's spec cannot be changed"), "{error}");
        refused += 1;
    }

    // A risk is accepted for a while alone.
    let far = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 200);
    let risk = json!({"acceptedRisk": {"reason": "We shall look at it one day.", "reviewAt": far.to_string()}});
    debriefs.patch(&name, &strict, &Patch::Merge(json!({"spec": risk}))).await.unwrap();
    let is_told = |debrief: &Debrief| {
        let status = debrief.status.as_ref();
        let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
        conditions.iter().any(|condition| condition.message.contains("is more than 90 days ahead"))
    };
    let told = ground.becomes("the risk is not accepted", 20, &name, is_told).await;
    assert_eq!(told.status.unwrap().stage, Some(Stage::Acting));
    println!("{}: {refused} writes refused, and two proved nothing", ground.namespace);
}
