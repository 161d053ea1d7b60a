//! What is said of what happened while no operator looked: bounds that hold the truth, and no answer that
//! depends on what nobody saw.

use std::time::Duration;

use firedrill::api::{
    ExperimentRun,
    run::{Answer, Fact, FactName, Reason, Took, Verdict},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use serde_json::json;

use super::POLLING;
use crate::support::{Ground, Operator, Reaper, Web, audit::Audit, eventually, turn, verdict};

fn fact(run: &ExperimentRun, name: FactName) -> Fact {
    let fact = run.status.as_ref().and_then(|status| status.fact(name));
    fact.unwrap_or_else(|| panic!("{name:?} was not recorded")).clone()
}

/// From the injection to `now`.
fn since_injection(run: &ExperimentRun, now: Timestamp) -> Duration {
    let injected = fact(run, FactName::Injected).at.timestamp();
    now.duration_since(injected).try_into().unwrap()
}

/// Users are served again between these two, from the injection on: from the second in which the first pod became
/// ready, by its kubelet, to the end of that of the last one and the second that kube-proxy may need.
async fn ready_after(ground: &Ground, run: &ExperimentRun) -> (Duration, Duration) {
    let conditions =
        ground.pods().await.into_iter().flat_map(|pod| pod.status.unwrap().conditions.unwrap());
    let ready = conditions.filter(|condition| condition.type_ == "Ready");
    let mut seconds: Vec<_> = ready.map(|ready| ready.last_transition_time.unwrap().0).collect();
    seconds.sort();
    let (first, last) = (seconds[0], seconds[seconds.len() - 1]);
    (since_injection(run, first), since_injection(run, last + Duration::from_secs(2)))
}

/// Whether the bounds can hold what happened between these two.
fn holds(took: Took, (from, to): (Duration, Duration)) -> bool {
    took.min.std() <= to && from <= took.max.std()
}

#[tokio::test]
async fn a_recovery_that_nobody_saw_has_wide_bounds_and_an_objective_within_them_is_open() {
    let ground = Ground::with("away", &Web { warm_up: 4, ..Web::default() }).await;
    let _turn = turn().await;
    let mut operator = Operator::start(POLLING);
    let change = json!({"template": {"recovery": {"within": "12s"}}});
    let run = ground.seen(&ground.run(change).await, FactName::ImpactStarted).await;
    operator.kill();
    ground.ready(2).await;
    let back = ready_after(&ground, &run).await;
    assert!(back.1 < Duration::from_secs(11), "{back:?}: it was back before the objective");
    // The absence is what this is about: it ends when the objective has passed.
    let away = Duration::from_secs(14).saturating_sub(since_injection(&run, Timestamp::now()));
    tokio::time::sleep(away).await;
    operator.restart();
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Inconclusive), Some(Reason::ObservationGap)));
    let status = run.status.unwrap();
    let recovery = status.recovery.unwrap();
    assert_eq!(recovery.answer, Answer::Inconclusive);
    assert!(holds(recovery.took.unwrap(), back), "{:?} does not hold {back:?}", recovery.took);
    let (least, most) = (recovery.took.unwrap().min.std(), recovery.took.unwrap().max.std());
    assert!(least > Duration::from_secs(2), "the kubelet's second bounds it from below: {least:?}");
    assert!(most > Duration::from_secs(13), "nobody saw it before: {most:?}");
    assert!(recovery.headline.contains(" to "), "{}", recovery.headline);
    assert!(status.summary.unwrap().contains(&recovery.headline));
}

/// Waits until users are served through the Service, from where the operator runs too.
async fn answers(ground: &Ground) {
    let web = ground.api::<Service>().get("web").await.unwrap();
    let url = format!("http://{}/index.html", web.spec.unwrap().cluster_ip.unwrap());
    eventually("the service answers again", 30, async || {
        reqwest::get(&url).await.ok()?.error_for_status().ok().map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_fault_that_the_reaper_ended_meanwhile_is_told_with_who_and_when() {
    let ground = Ground::new("reaped").await;
    let (_turn, _reaper) = (turn().await, Reaper::start());
    let mut operator = Operator::start(POLLING);
    let audit = Audit::begin();
    let change = json!({"template": {
        "fault": {"podKill": null, "dependencyOutage": {"blackhole": {"service": "web"}}},
        "duration": "6s", "detection": {"within": "60s"}}});
    let run = ground.seen(&ground.run(change).await, FactName::ImpactStarted).await;
    ground.seen(&run, FactName::EffectObserved).await;
    operator.kill();
    eventually("the reaper has ended the fault", 40, async || {
        let web = ground.api::<Service>().get("web").await.ok()?;
        web.labels().get("firedrill.dev/fault")?.ends_with(".revoked").then_some(())
    })
    .await;
    answers(&ground).await;
    operator.restart();
    let run = ground.finished(&run).await;
    let patched = audit.writes(|write| {
        write.is_done()
            && write.verb == "patch"
            && write.resource == "services"
            && write.namespace == ground.namespace
            && write.user.ends_with(":firedrill-reaper")
    });
    assert_eq!(patched.len(), 1, "{patched:?}");
    for name in [FactName::RevertStarted, FactName::Reverted] {
        let fact = fact(&run, name);
        let (from, to) = (fact.not_before.timestamp(), fact.at.timestamp());
        assert!((from..=to).contains(&patched[0].answered), "{fact:?}: {patched:?}");
    }
    assert!(fact(&run, FactName::RevertStarted).detail.contains("the reaper ended it"));
    assert_eq!(verdict(&run), (Some(Verdict::Inconclusive), Some(Reason::ObservationGap)));
    let recovery = run.status.as_ref().unwrap().recovery.clone().unwrap();
    assert_eq!((recovery.by, recovery.automatic), (None, false));
    let evidence = recovery.evidence.unwrap();
    assert!(evidence.contains("in that time the reaper ended it"), "{evidence}");
    let truth = since_injection(&run, patched[0].answered);
    let truth = (truth, truth);
    assert!(holds(recovery.took.unwrap(), truth), "{:?} does not hold {truth:?}", recovery.took);
}

#[tokio::test]
async fn a_revert_is_as_of_its_acceptance_and_a_recovery_from_there_is_not_told_too_short() {
    let ground = Ground::new("accepted").await;
    let (_turn, _reaper) = (turn().await, Reaper::start());
    let _operator = Operator::start(POLLING);
    let audit = Audit::begin();
    let image = json!({"image": "firedrill.invalid/none"});
    let change = json!({"template": {
        "fault": {"podKill": null, "badRollout": image}, "duration": "6s", "tolerates": true}});
    let run = ground.finished(&ground.run(change).await).await;
    let patched = audit.writes(|write| {
        write.is_done()
            && write.verb == "patch"
            && write.resource == "deployments"
            && write.namespace == ground.namespace
            && write.user.ends_with(":firedrill-operator")
            && write.as_whom == write.user
    });
    assert_eq!(patched.len(), 1, "the operator itself only disarms: {patched:?}");
    let reverted = fact(&run, FactName::Reverted);
    // Its clock and the audit log's stamps differ by what the answer takes on its way.
    let answered = patched[0].answered;
    let slack = jiff::SignedDuration::from_millis(50);
    let (from, to) = (reverted.not_before.timestamp(), reverted.at.timestamp() + slack);
    assert!((from..=to).contains(&answered), "{reverted:?}: {answered}");
    let width = reverted.at.timestamp().duration_since(reverted.not_before.timestamp());
    assert!(
        width < jiff::SignedDuration::from_millis(500),
        "{width:?}: the call, not the reading back"
    );
}

#[tokio::test]
async fn a_recovery_that_comes_after_its_objective_is_told_as_late() {
    let ground = Ground::with("late", &Web { warm_up: 9, ..Web::default() }).await;
    let _turn = turn().await;
    let _operator = Operator::start(POLLING);
    let change = json!({"template": {"recovery": {"within": "8s"}}});
    let run = ground.seen(&ground.run(change).await, FactName::ImpactStarted).await;
    let run = ground.finished(&run).await;
    let back = ready_after(&ground, &run).await;
    assert!(back.0 > Duration::from_secs(8), "{back:?}: it was back after the objective");
    assert_eq!(verdict(&run), (Some(Verdict::ObjectiveMissed), Some(Reason::RecoveryMissed)));
    let recovery = run.status.unwrap().recovery.unwrap();
    assert_eq!(recovery.answer, Answer::No);
    assert!(holds(recovery.took.unwrap(), back), "{:?} does not hold {back:?}", recovery.took);
}
