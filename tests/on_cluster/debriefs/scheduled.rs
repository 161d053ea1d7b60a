//! Proof runs that the operator starts by itself, and who may have it do so.

use firedrill::{
    api::{
        names,
        run::{Guard, Reason},
    },
    cli::grants::Grants,
};

use super::*;
use crate::support::verdict;

/// An incident of which everything is done, and which runs of `kill` prove at any hour that is not the last of a day.
fn done() -> Debrief {
    let is_late = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).hour() >= 12;
    let zone = if is_late { "Etc/GMT+12" } else { "UTC" };
    let policy = json!({"timeZone": zone, "hours": "00:00-24:00", "spacing": "1s",
        "days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]});
    let spec = json!({"scheduleProof": true, "policy": policy, "resolvedAt": "2026-11-24T10:30:00Z",
        "incident": {"experiment": "kill"}, "impact": {"none": true},
        "meeting": {"heldAt": "2026-11-24T12:00:00Z"},
        "actionItems": [item("a1", "Page sooner", json!({"state": "Done"}))]});
    incident("unpaid", json!({"spec": spec}))
}

#[tokio::test]
async fn the_operator_proves_what_it_is_asked_to_and_breaks_nothing_else() {
    let ground = Ground::with("scheduled", &Web { warm_up: 14, ..Web::default() }).await;
    Grants::scheduled(&ground.namespace, names::OPERATOR_NAMESPACE)
        .apply(&ground.client)
        .await
        .unwrap();
    let audit = Audit::begin();
    ground.rule("Gone", 0).await;
    told(&ground, 0).await;
    experiment(&ground).await;
    let debriefs: Api<Debrief> = Api::namespaced(editor(&ground).await, &ground.namespace);
    let may_not = "may not create experimentruns in namespace";
    let refused = debriefs.create(&PostParams::default(), &done()).await.unwrap_err();
    assert!(refused.to_string().contains(may_not), "{refused}");
    let mut unasked = done();
    unasked.spec.schedule_proof = false;
    debriefs.create(&PostParams::default(), &unasked).await.unwrap();
    at_stage(&ground, "unpaid", Stage::Verifying).await;
    let asks = Patch::Merge(json!({"spec": {"scheduleProof": true}}));
    let refused = debriefs.patch("unpaid", &PatchParams::default(), &asks).await.unwrap_err();
    assert!(refused.to_string().contains(may_not), "{refused}");
    write(&ground, "unpaid", json!({"scheduleProof": true})).await;

    let is_closed = |debrief: &Debrief| {
        debrief.status.as_ref().is_some_and(|status| status.stage == Some(Stage::Closed))
    };
    let closed = ground.becomes("it is proven", 240, "unpaid", is_closed).await.status.unwrap();
    let runs = ground.api::<ExperimentRun>().list(&ListParams::default()).await.unwrap().items;
    let proof: Vec<_> = closed.attempts.iter().map(|attempt| attempt.run.clone()).collect();
    assert_eq!((proof.len(), runs.len()), (2, 2), "{closed:?}");
    assert!(runs.iter().all(|run| run.spec.scheduled && proof.contains(&run.name_any())));
    assert_eq!(closed.scheduled.as_ref().map(|run| run.number), Some(2));
    let created = audit.writes(|write| {
        write.namespace == ground.namespace
            && write.resource == "experimentruns"
            && write.verb == "create"
    });
    let starter = names::account_user(&ground.namespace, names::STARTER);
    assert!(created.iter().all(|write| write.as_whom == starter), "{created:?}");
    assert_eq!(created.iter().filter(|write| write.is_done()).count(), 2);

    // Nobody else says that a run is scheduled, and one that no debrief intends breaks nothing.
    let mut forged = ExperimentRun::new("forged", ExperimentRunSpec::of("kill"));
    forged.spec.verifies = Some("unpaid".into());
    forged.spec.scheduled = true;
    let by_admin = ground.api::<ExperimentRun>();
    let refused = by_admin.create(&PostParams::default(), &forged).await.unwrap_err();
    let words = "spec.scheduled: the operator alone creates such a run";
    assert!(refused.to_string().contains(words), "{refused}");
    let as_starter: Api<ExperimentRun> = Api::namespaced(acting(&starter).await, &ground.namespace);
    let mut larger = forged.clone();
    larger.spec.template = Some(serde_json::from_value(spec()).unwrap());
    let refused = as_starter.create(&PostParams::default(), &larger).await.unwrap_err();
    assert!(refused.to_string().contains("without template, gameDay and dryRun"), "{refused}");
    let unnamed = ExperimentRun::new("forged", ExperimentRunSpec::of("kill"));
    let refused = as_starter.create(&PostParams::default(), &unnamed).await.unwrap_err();
    assert!(refused.to_string().contains("firedrill-starter creates steps"), "{refused}");
    let before = ground.pod_uids().await;
    forged.metadata.finalizers = Some(vec![names::FINALIZER.to_owned()]);
    let forged = as_starter.create(&PostParams::default(), &forged).await.unwrap();
    let forged = ground.finished(&forged).await;
    assert_eq!(verdict(&forged), (Some(Verdict::Error), Some(Reason::Debrief)));
    let guards = forged.status.unwrap().journal.unwrap().guards;
    let said = guards.iter().find(|guard| guard.name == Guard::Debrief).unwrap();
    assert_eq!(said.detail, "debrief unpaid is Closed, and not Verifying");
    assert_eq!(ground.pod_uids().await, before);
}
