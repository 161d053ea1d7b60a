//! Whole runs on a real cluster, beside one operator that `make test` has started.

use std::process::Command;

use crate::support::{Ground, Web, delete, eventually, verdict};
use firedrill::{
    api::{
        Debrief, ExperimentRun, SafetyLever,
        run::{Answer, FactName, Reason, RecoveredBy, Verdict},
    },
    core::words::said,
};
use futures::StreamExt;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Event, Namespace, Service},
};
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_service_that_heals_by_itself_passes_and_everything_is_measured() {
    let ground = Ground::new("heals").await;
    let before = ground.pod_uids().await;
    let run = ground.run(json!({})).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Passed), Some(Reason::HealedBeforeObjective)));
    let status = run.status.unwrap();
    for name in [
        FactName::Accepted,
        FactName::Journaled,
        FactName::Injected,
        FactName::EffectObserved,
        FactName::ImpactStarted,
        FactName::Mitigated,
        FactName::Restored,
        FactName::Recovered,
        FactName::RevertStarted,
        FactName::Reverted,
        FactName::Completed,
    ] {
        let fact = status.fact(name).unwrap_or_else(|| panic!("{name:?} was not recorded"));
        assert!(fact.not_before <= fact.at, "{name:?} has its bounds the wrong way round");
    }
    let plan = status.journal.unwrap();
    let mut victims: Vec<_> = plan.victims.iter().map(|victim| victim.uid.clone()).collect();
    victims.sort();
    assert_eq!(victims, before, "the journaled victims are the pods that there were");
    let recovery = status.recovery.unwrap();
    assert_eq!((recovery.answer, recovery.by), (Answer::Yes, Some(RecoveredBy::Automatic)));
    let impact = status.impact.unwrap();
    assert!(impact.probes.failed > 0 && impact.unavailable_pod_seconds > 1.0, "{impact:?}");
    assert!(status.debrief.is_none());
    assert!(
        status
            .conditions
            .iter()
            .any(|condition| condition.type_ == "Complete" && condition.status == "True")
    );
}

#[tokio::test]
async fn an_impact_that_outlasts_the_objective_unnoticed_is_missed_and_debriefed_once() {
    let ground = Ground::with("missed", &Web { warm_up: 5, ..Web::default() }).await;
    let change = json!({"template": {"detection": {"within": "2s"}}});
    let run = ground.run(change.clone()).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::ObjectiveMissed), Some(Reason::DetectionMissed)));
    let debrief = run.status.unwrap().debrief.expect("a debrief is opened");
    ground.ready(2).await;
    let again = ground.run(change).await;
    let again = ground.finished(&again).await;
    assert_eq!(again.status.unwrap().debrief.as_ref(), Some(&debrief), "the same miss joins it");
    let is_counted = |debrief: &Debrief| {
        debrief.status.as_ref().is_some_and(|status| status.occurrences.len() == 1)
    };
    ground.becomes("the second miss is counted", 20, &debrief, is_counted).await;
    let listed = ground.api::<Debrief>().list(&ListParams::default()).await.unwrap().items;
    assert_eq!(listed.len(), 1);
    assert!(listed[0].metadata.owner_references.is_none(), "the record outlives the run");
}

#[tokio::test]
async fn an_alert_in_time_is_measured_by_its_firing() {
    let ground = Ground::with("noticed", &Web { warm_up: 8, ..Web::default() }).await;
    let alert = format!("{{alertname=\"WebDown\",namespace=\"{}\"}}", ground.namespace);
    ground.rule("WebDown", 0).await;
    let run = ground.run(json!({"template": {"detection": {"alerts": [alert]}}})).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Passed), Some(Reason::ObjectivesMet)));
    let detection = run.status.unwrap().detection.unwrap();
    let took = detection.took.unwrap();
    assert!(took.min <= took.max && took.max.as_secs_f64() < 8.0, "{took:?}");
    assert_eq!(detection.alert.unwrap().labels["alertname"], "WebDown");
    assert!(detection.chain.unwrap().condition_true.is_some());
}

#[tokio::test]
async fn a_stop_ends_the_run_and_says_so() {
    let ground = Ground::with("stopped", &Web { warm_up: 20, ..Web::default() }).await;
    let run = ground.run(json!({})).await;
    ground.seen(&run, FactName::Injected).await;
    ground.stop(&run).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Aborted), Some(Reason::Stopped)));
}

#[tokio::test]
async fn a_run_that_is_stopped_while_it_waits_breaks_nothing() {
    let ground = Ground::new("early").await;
    let before = ground.pod_uids().await;
    let run = ground.run(json!({"template": {"guards": {"steadyFor": "1m"}}})).await;
    ground.seen(&run, FactName::Accepted).await;
    ground.stop(&run).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Aborted), Some(Reason::Stopped)));
    assert_eq!(ground.pod_uids().await, before);
}

#[tokio::test]
async fn deleting_a_run_ends_it_and_nothing_hangs() {
    let ground = Ground::with("deleted", &Web { warm_up: 20, ..Web::default() }).await;
    let run = ground.run(json!({})).await;
    ground.seen(&run, FactName::Injected).await;
    delete(&ground.api::<ExperimentRun>(), &run.name_any()).await;
    gone(&ground, &run).await;
}

async fn gone(ground: &Ground, run: &ExperimentRun) {
    eventually("the run is gone", 30, async || {
        let found = ground.api::<ExperimentRun>().get_opt(&run.name_any()).await.ok()?;
        found.is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_run_completes_when_its_target_goes_midway() {
    let ground = Ground::with("notarget", &Web { warm_up: 20, ..Web::default() }).await;
    let run = ground.run(json!({"template": {"recovery": {"within": "8s"}}})).await;
    ground.seen(&run, FactName::ImpactStarted).await;
    delete(&ground.api::<Deployment>(), "web").await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::NotRecovered), Some(Reason::StillBroken)));
}

#[tokio::test]
async fn the_run_completes_when_its_service_goes_midway() {
    let ground = Ground::new("noservice").await;
    let run = ground.run(json!({"template": {"recovery": {"within": "8s"}}})).await;
    ground.seen(&run, FactName::ImpactStarted).await;
    delete(&ground.api::<Service>(), "web").await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::NotRecovered), Some(Reason::StillBroken)));
}

#[tokio::test]
async fn a_namespace_with_a_run_under_way_can_be_deleted() {
    let ground = Ground::with("nonamespace", &Web { warm_up: 20, ..Web::default() }).await;
    let run = ground.run(json!({})).await;
    ground.seen(&run, FactName::Injected).await;
    let namespaces: Api<Namespace> = Api::all(ground.client.clone());
    delete(&namespaces, &ground.namespace).await;
    eventually("the namespace is gone", 60, async || {
        namespaces.get_opt(&ground.namespace).await.ok()?.is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_names_guards_and_victims_and_touches_nothing() {
    let ground = Ground::new("dry").await;
    let before = ground.pod_uids().await;
    let run = ground.run(json!({"dryRun": true})).await;
    let run = ground.finished(&run).await;
    let status = run.status.unwrap();
    assert_eq!((status.verdict, status.reason), (None, Some(Reason::DryRun)));
    let plan = status.journal.unwrap();
    assert_eq!((plan.victims.len(), plan.guards.len()), (2, 14));
    assert!(plan.guards.iter().all(|guard| guard.passed), "{:?}", plan.guards);
    assert_eq!(ground.pod_uids().await, before);
}

#[tokio::test]
async fn deletion_takes_the_oldest_pod_and_a_percentage_rounds_down() {
    let ground = Ground::with("oldest", &Web { replicas: 3, ..Web::default() }).await;
    let pods = ground.pods().await;
    let oldest = pods.iter().map(ResourceExt::creation_timestamp).min().unwrap();
    let kill = json!({"count": null, "percent": 50, "method": "Delete", "order": "Oldest", "gracePeriod": "0s"});
    let run = ground
        .run(json!({"template": {"tolerates": true, "fault": {"podKill": kill}, "guards": {"minReady": 2}}}))
        .await;
    let run = ground.finished(&run).await;
    let plan = run.status.unwrap().journal.unwrap();
    assert_eq!(plan.victims.len(), 1, "50% of 3 is 1");
    let victim = pods.iter().find(|pod| pod.uid().as_ref() == Some(&plan.victims[0].uid)).unwrap();
    assert_eq!(victim.creation_timestamp(), oldest);
}

#[tokio::test]
async fn a_repeated_kill_takes_new_victims_each_round() {
    let ground = Ground::with("rounds", &Web { warm_up: 0, ..Web::default() }).await;
    let kill = json!({"count": 1, "every": "4s"});
    let run = ground
        .run(json!({"template": {"duration": "11s", "fault": {"podKill": kill}, "guards": {"minReady": 1}, "tolerates": true}}))
        .await;
    let run = ground.finished(&run).await;
    let plan = run.status.as_ref().unwrap().journal.clone().unwrap();
    let mut uids: Vec<_> = plan.victims.iter().map(|victim| victim.uid.clone()).collect();
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), plan.victims.len(), "no pod is taken twice");
    let rounds: Vec<_> = plan.victims.iter().map(|victim| victim.round).collect();
    assert_eq!(rounds, [1, 2, 3], "at 0s, 4s and 8s of 11s");
}

#[tokio::test]
async fn a_tolerated_fault_passes_and_users_noticed_nothing() {
    let ground = Ground::with("tolerated", &Web { replicas: 3, warm_up: 0, probe: true }).await;
    // One of three pods: the other two serve on while the Service forgets it.
    let probe = json!([{"name": "answers", "http": {"service": "web", "port": 80, "path": "/index.html", "interval": "200ms", "failureThreshold": 5}}]);
    let run = ground
        .run(json!({"template": {"tolerates": true, "steadyState": probe, "fault": {"podKill": {"count": 1}}, "guards": {"minReady": 2}}}))
        .await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Passed), Some(Reason::Tolerated)));
}

/// The events about the object with that UID, each as `reason: note`, in the order of their names.
async fn told(ground: &Ground, uid: &str) -> Vec<String> {
    let about = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
    let events = ground.api::<Event>().list(&about).await.unwrap().items;
    let ours = events
        .into_iter()
        .filter(|event| event.reporting_component.as_deref() == Some("firedrill.dev/operator"));
    let text = |text: Option<String>| text.unwrap_or_default();
    let mut told: Vec<_> =
        ours.map(|event| format!("{}: {}", text(event.reason), text(event.message))).collect();
    told.sort();
    told
}

#[tokio::test]
async fn each_run_has_events_of_its_own_on_the_target_and_on_itself() {
    let ground = Ground::new("events").await;
    let web = ground.api::<Deployment>().get("web").await.unwrap().uid().unwrap();
    let mut due = Vec::new();
    for count in [1, 2] {
        ground.ready(2).await;
        let run = ground.run(json!({"template": {"fault": {"podKill": {"count": count}}}})).await;
        let run = ground.finished(&run).await;
        let status = run.status.as_ref().unwrap();
        let said = |name| said(status.fact(name).unwrap());
        let what = format!("run {}: podKill, {count} of 2 pods", run.name_any());
        due.push(format!("FaultInjected: {what} ({})", said(FactName::Injected)));
        due.push(format!("FaultReverted: {what} is over ({})", said(FactName::RevertStarted)));
        due.sort();
        let own = format!("{}: {}", status.verdict.unwrap(), status.summary.as_ref().unwrap());
        eventually("the events are there", 10, async || {
            let of_run = told(&ground, run.uid()).await == [own.as_str()];
            (of_run && told(&ground, &web).await == due).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_was_broken_has_the_events_too_where_it_is_not_the_target() {
    let ground = Ground::new("broken").await;
    let back = json!({"metadata": {"name": "back"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}});
    let services = ground.api::<Service>();
    let back = serde_json::from_value(back).unwrap();
    let back = services.create(&PostParams::default(), &back).await.unwrap().uid().unwrap();
    let web = ground.api::<Deployment>().get("web").await.unwrap().uid().unwrap();
    let observe =
        json!({"name": "seen", "tcp": {"service": "web", "port": 80, "interval": "200ms"}});
    let mut due = 0;
    for outage in [
        json!({"blackhole": {"service": "back"}}),
        json!({"egress": {"service": "back"}, "observe": observe}),
    ] {
        let change = json!({"template": {"duration": "3s", "fault": {"podKill": null, "dependencyOutage": outage}}});
        let run = ground.finished(&ground.run(change).await).await;
        assert!(
            run.status.as_ref().unwrap().fact(FactName::Reverted).is_some(),
            "{:?}",
            run.status
        );
        due += 2;
        eventually("target and dependency have the events", 10, async || {
            let (of_back, of_web) = (told(&ground, &back).await, told(&ground, &web).await);
            let of_run = |note: &&String| note.contains(&run.name_any());
            let both = of_back.iter().filter(of_run).count() == 2;
            (both && of_back == of_web && of_back.len() == due).then_some(())
        })
        .await;
    }
}

/// What kstatus (sigs.k8s.io/cli-utils/pkg/kstatus) reads off a resource of a kind that it does not know.
fn kstatus(run: &ExperimentRun) -> &'static str {
    let status = run.status.clone().unwrap_or_default();
    let is = |type_: &str| {
        let one = status.conditions.iter().find(|condition| condition.type_ == type_);
        one.map(|condition| condition.status == "True")
    };
    let behind = status.observed_generation.is_some()
        && status.observed_generation != run.metadata.generation;
    match (behind, is("Reconciling"), is("Stalled"), is("Ready")) {
        (true, ..) | (_, Some(true), ..) => "InProgress",
        (_, _, Some(true), _) => "Failed",
        (.., Some(false)) => "InProgress",
        _ => "Current",
    }
}

#[tokio::test]
async fn people_and_tools_that_list_runs_see_where_each_stands() {
    let ground = Ground::new("stages").await;
    let run = ground.run(json!({})).await;
    assert_eq!(kstatus(&run), "InProgress", "nobody has taken it up");
    let runs: Api<ExperimentRun> = ground.api();
    let params = WatchParams::default().fields(&format!("metadata.name={}", run.name_any()));
    let version = run.resource_version().unwrap();
    let mut versions = std::pin::pin!(runs.watch(&params, &version).await.unwrap());
    let mut stages = Vec::new();
    loop {
        let Some(Ok(WatchEvent::Modified(run))) = versions.next().await else {
            panic!("the watch ended at {stages:?}")
        };
        let expected = if run.is_complete() { "Current" } else { "InProgress" };
        assert_eq!(kstatus(&run), expected, "{:?}", run.status);
        if let Some(stage) = run.status.as_ref().and_then(|status| status.stage.clone()) {
            stages.push(stage);
        }
        if run.is_complete() {
            break;
        }
    }
    stages.dedup();
    assert_eq!(stages.first().map(String::as_str), Some("Waiting:Steady"), "{stages:?}");
    let in_order = ["Waiting:Steady", "Injecting", "Injected", "Complete"];
    let seen: Vec<_> = stages.iter().filter(|stage| in_order.contains(&stage.as_str())).collect();
    assert_eq!(seen, in_order, "{stages:?}");
    let mut kubectl = Command::new("kubectl");
    kubectl.args(["-n", &ground.namespace, "get", "experimentrun", &run.name_any()]);
    kubectl.env("KUBECONFIG", std::env::var("FIREDRILL_TEST_CLUSTER").unwrap());
    let table = String::from_utf8(kubectl.output().unwrap().stdout).unwrap();
    let line: Vec<_> = table.lines().map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    assert_eq!(line, ["STAGE", "Complete"], "{table}");
}

#[tokio::test]
async fn an_engaged_lever_stops_a_run_within_two_seconds_and_refuses_the_next() {
    let ground = Ground::with("lever", &Web { warm_up: 20, ..Web::default() }).await;
    let run = ground.run(json!({})).await;
    ground.seen(&run, FactName::Injected).await;
    let levers: Api<SafetyLever> = Api::all(ground.client.clone());
    // Only this namespace: the other tests go on.
    let lever = json!({
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "SafetyLever", "metadata": {"name": "cluster"},
        "spec": {"engaged": true, "by": "admin", "reason": "to see it work", "scope": {"namespaces": [ground.namespace]}},
    });
    let lever: SafetyLever = serde_json::from_value(lever).unwrap();
    let engaged = jiff::Timestamp::now();
    levers.create(&PostParams::default(), &lever).await.unwrap();
    let run = ground.finished(&run).await;
    let refused = ground.run(json!({})).await;
    let refused = ground.finished(&refused).await;
    // Before anything is judged: a lever that is left engaged would halt whatever comes next.
    delete(&levers, "cluster").await;
    assert_eq!(verdict(&run), (Some(Verdict::Aborted), Some(Reason::Lever)));
    let reverted = run.status.unwrap().fact(FactName::Reverted).unwrap().at;
    let took = reverted.timestamp().duration_since(engaged).as_secs_f64();
    assert!(took < 2.0, "it took {took}s");
    assert_eq!(verdict(&refused), (Some(Verdict::Error), Some(Reason::Lever)));
}

#[tokio::test]
async fn facts_cannot_be_changed_or_taken_away() {
    let ground = Ground::new("facts").await;
    let run = ground.run(json!({"dryRun": true})).await;
    let run = ground.finished(&run).await;
    let runs: Api<ExperimentRun> = ground.api();
    let known = json!(run.status.as_ref().unwrap().facts);
    let at = "2020-01-01T00:00:00.000000Z";
    let refused = async |facts: &Value, says: &str| {
        let patch = Patch::Merge(json!({"status": {"facts": facts}}));
        let refused = runs.patch_status(&run.name_any(), &PatchParams::default(), &patch).await;
        let message = refused.expect_err("the API server refuses").to_string();
        assert!(message.contains(says), "{facts}: {message}");
    };
    for facts in [
        json!([]),
        json!(null),
        json!([{"name": "accepted", "at": at, "notBefore": at, "source": "nobody"}]),
    ] {
        refused(&facts, "facts are written once").await;
    }
    for (field, value) in [
        ("at", json!(at)),
        ("notBefore", json!(at)),
        ("source", json!("nobody")),
        ("reason", json!("Stopped")),
        ("partial", json!(true)),
        ("labels", json!({"alertname": "Other"})),
        ("detail", json!("as if")),
    ] {
        let mut facts = known.clone();
        facts[0][field] = value;
        refused(&facts, "facts are written once").await;
    }
    let mut facts = known.clone();
    facts
        .as_array_mut()
        .unwrap()
        .last_mut()
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove("reason")
        .unwrap();
    refused(&facts, "facts are written once").await;
    let mut facts = known.clone();
    let unexplained =
        json!({"name": "revertStarted", "at": at, "notBefore": at, "source": "nobody"});
    facts.as_array_mut().unwrap().push(unexplained);
    refused(&facts, "the fact revertStarted has its reason").await;
}
