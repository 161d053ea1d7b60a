//! The end of a run by what was seen.

use serde_json::json;

use super::*;
use crate::{
    api::{
        mark::Mark,
        run::{FieldChange, Journal, PreImage, RecoveredBy, Verdict},
    },
    core::{
        cluster::{
            Changeable, FaultReads,
            tests::{fault_reads, healthy},
        },
        decide::tests::{self, status},
        guards::abort::tests::{plan, sample},
        plan::Plan,
        signals::{
            Signals,
            pods::tests::{at, pod},
        },
        words,
    },
    faults::{Kind, Object},
};

/// A kill of one of two pods, injected at 10, seconds of samples from 11 on; the pods are whole from `whole` on.
pub(super) fn killed(plan: &Plan, samples: &str, whole: f64) -> Signals {
    let mut signals = Signals::new(Some(&plan.spec), at(0.0));
    signals.pods.reset([pod(0, true), pod(1, true)], at(9.0));
    signals.pods.expect(2, at(9.0));
    sample(&mut signals, 9.0, "++");
    signals.pods.remove("uid-0", at(10.1));
    sample(&mut signals, 11.0, samples);
    signals.pods.apply(pod(2, true), at(whole));
    signals
}

/// A plan with that objective for the recovery, proven by two seconds.
pub(super) fn within(seconds: u64) -> Plan {
    let mut plan = plan(&json!({}));
    plan.spec.recovery.within = Duration::seconds(seconds);
    plan.spec.recovery.stable_for = Duration::seconds(2);
    plan
}

pub(super) const INJECTED: [(FactName, f64); 4] = [
    (FactName::Accepted, 8.0),
    (FactName::Journaled, 9.5),
    (FactName::Injected, 10.0),
    (FactName::ImpactStarted, 11.0),
];

/// The run as it is written down when it is over at `now`, if it is.
pub(super) fn ended(
    plan: &Plan,
    status: ExperimentRunStatus,
    signals: &Signals,
    now: f64,
) -> Option<ExperimentRunStatus> {
    let cluster = ClusterState { read_at: at(now), target_read_at: at(now), ..healthy() };
    let mut status = status;
    // What was seen is written down first, and then the end.
    while status.verdict.is_none() {
        match tests::decided(plan, Some(status), Some(&cluster), signals, now) {
            Decision::Record(next) => status = *next,
            _ => return None,
        }
    }
    Some(status)
}

#[test]
fn a_recovery_that_comes_too_late_is_measured_as_late() {
    let plan = within(3);
    let signals = killed(&plan, "----+++++", 14.5);
    assert_eq!(ended(&plan, status(&plan, &INJECTED), &signals, 18.9), None, "not proven yet");
    let over = ended(&plan, status(&plan, &INJECTED), &signals, 20.1).unwrap();
    assert_eq!(
        (over.verdict, over.reason),
        (Some(Verdict::ObjectiveMissed), Some(Reason::RecoveryMissed))
    );
    let recovery = over.recovery.unwrap();
    let took = recovery.took.unwrap();
    assert_eq!((took.min, took.max), (Duration::seconds(4), Duration::millis(7_100)));
    assert_eq!(
        over.summary.unwrap(),
        "over before anybody had to notice (objective 5m), back after 7.1s (objective 3s)"
    );
}

#[test]
fn what_is_not_back_after_twice_the_objective_is_not_back() {
    let plan = within(3);
    let signals = killed(&plan, "-----", 30.0);
    assert_eq!(ended(&plan, status(&plan, &INJECTED), &signals, 15.9), None);
    let over = ended(&plan, status(&plan, &INJECTED), &signals, 16.1).unwrap();
    assert_eq!(over.verdict, Some(Verdict::NotRecovered));
    // The run ended before the five minutes in which it had to be noticed.
    assert_eq!(over.detection.unwrap().answer, Answer::Inconclusive);
    let summary = over.summary.unwrap();
    assert!(
        summary.starts_with("not known whether it was noticed in time (objective 5m)"),
        "{summary}"
    );
}

#[test]
fn what_nobody_could_sample_any_more_is_not_said_to_be_broken() {
    let plan = within(3);
    // The last sample ends at 12.1 and failed; then none can be sent. The run is over at 16.
    let mut signals = killed(&plan, "--", 14.5);
    signals.probes[0].unsent = Some("Too many open files".to_owned());
    // For as long as a sample may still come.
    assert_eq!(ended(&plan, status(&plan, &INJECTED), &signals, 22.0), None);
    let over = ended(&plan, status(&plan, &INJECTED), &signals, 22.1).unwrap();
    assert_eq!(over.verdict, Some(Verdict::Inconclusive));
    assert_eq!(over.recovery.unwrap().answer, Answer::Inconclusive);
    let gaps = over.impact.unwrap().gaps;
    assert_eq!((gaps[0].from, gaps[0].to), (at(12.1), at(22.1)));
    // Pods that are not ready are seen by the watch.
    signals.pods.remove("uid-2", at(15.0));
    let broken = ended(&plan, status(&plan, &INJECTED), &signals, 22.1).unwrap();
    assert_eq!(broken.verdict, Some(Verdict::NotRecovered));
}

#[test]
fn a_pod_that_serves_on_while_it_ends_had_no_impact_yet() {
    let mut plan = within(30);
    plan.spec.tolerates = true;
    let journal = Journal { victims: vec![pod(0, true).victim(1)], ..Journal::default() };
    let status = journaled(&plan, journal, &INJECTED[..3]);
    let samples = "+".repeat(20);
    let mut signals = killed(&plan, &samples, 14.5);
    assert!(ended(&plan, status.clone(), &signals, 16.5).is_some(), "it was gone before");
    // Its replacement is ready, and users still reach it.
    let ending = crate::core::signals::pods::Pod { ending: true, ..pod(0, true) };
    signals.pods.apply(ending, at(15.0));
    assert_eq!(ended(&plan, status.clone(), &signals, 24.9), None);
    signals.pods.remove("uid-0", at(25.0));
    assert_eq!(ended(&plan, status.clone(), &signals, 26.9), None, "proven by two seconds");
    let over = ended(&plan, status, &signals, 27.0).unwrap();
    assert_eq!((over.verdict, over.reason), (Some(Verdict::Passed), Some(Reason::Tolerated)));
}

/// A look that began at 26.2, after another process had seen the impact begin at 11 and was gone since 12.
fn returned(plan: &Plan, samples: &str) -> (ExperimentRunStatus, Signals) {
    let mut status = status(plan, &INJECTED);
    let mut before = killed(plan, "--", 30.0).impact(at(12.0));
    before.probes.as_of = Some(at(12.0));
    status.impact = Some(before);
    let mut signals = Signals::new(Some(&plan.spec), at(26.2));
    signals.inherit(&status);
    signals.pods.expect(2, at(26.2));
    let back = |number| crate::core::signals::pods::Pod {
        ready_since: Some(at(15.0)),
        ..pod(number, true)
    };
    signals.pods.reset([back(1), back(2)], at(26.2));
    sample(&mut signals, 26.3, samples);
    (status, signals)
}

#[test]
fn an_absence_over_the_recovery_widens_its_bounds_and_an_objective_within_them_is_not_decided() {
    for (seconds, answer, reason) in [
        (30, Answer::Yes, Reason::HealedBeforeObjective),
        (10, Answer::Inconclusive, Reason::ObservationGap),
        (4, Answer::No, Reason::RecoveryMissed),
    ] {
        let plan = within(seconds);
        let (status, signals) = returned(&plan, "++++++");
        let over = ended(&plan, status, &signals, 31.4).unwrap();
        let recovery = over.recovery.clone().unwrap();
        assert_eq!((recovery.answer, over.reason), (answer, Some(reason)));
        let took = recovery.took.unwrap();
        assert_eq!((took.min, took.max), (Duration::seconds(5), Duration::millis(18_400)));
        assert_eq!(recovery.headline, "5s to 18.4s");
    }
}

#[test]
fn after_an_absence_nothing_is_said_before_a_probe_has_answered() {
    let plan = within(5);
    let (status, signals) = returned(&plan, "");
    assert_eq!(ended(&plan, status, &signals, 27.6), None);
    let (status, signals) = returned(&plan, "--");
    let over = ended(&plan, status, &signals, 27.6).unwrap();
    assert_eq!(over.verdict, Some(Verdict::NotRecovered));
}

pub(super) fn image(seen: &str, mark: &Mark, manager: &str) -> (ClusterState, Journal) {
    let fields = vec![FieldChange::new("image", "/spec/image", &json!("good"), &json!("bad"))];
    let label = json!({"f:metadata": {"f:labels": {"f:firedrill.dev/fault": {}}}});
    let object = Object {
        kind: Kind::Deployment,
        value: json!({
            "metadata": {
                "uid": "u", "generation": 2, "labels": {"firedrill.dev/fault": mark.to_string()},
                "managedFields": [{"manager": manager, "operation": "Update", "time": "2027-01-15T08:00:45Z", "fieldsV1": label}],
            },
            "spec": {"image": seen}, "status": {"observedGeneration": 2},
        }),
    };
    let fault_reads = FaultReads {
        object: Changeable::Found(object),
        faulty_revisions: Some(Vec::new()),
        ..fault_reads()
    };
    let victims = vec![crate::api::run::Victim {
        kind: "Deployment".to_owned(),
        uid: "u".to_owned(),
        ..pod(0, true).victim(1)
    }];
    let journal = Journal {
        pre_image: Some(PreImage { hash: String::new(), fields }),
        victims,
        epoch: Some(1),
        deadline: Some(at(44.0)),
        ..Journal::default()
    };
    (ClusterState { fault_reads: Some(fault_reads), ..healthy() }, journal)
}

pub(super) fn rollout() -> Plan {
    let mut plan = within(30);
    plan.spec.fault = serde_json::from_value(json!({"badRollout": {"image": "bad"}})).unwrap();
    plan
}

pub(super) fn journaled(
    plan: &Plan,
    journal: Journal,
    facts: &[(FactName, f64)],
) -> ExperimentRunStatus {
    let mut status = status(plan, facts);
    status.journal = Some(Box::new(Journal { spec: Some(plan.spec.clone()), ..journal }));
    status
}

#[test]
fn a_fault_that_the_reaper_has_ended_is_reverted_as_of_what_stands_on_the_object() {
    let plan = rollout();
    let (cluster, journal) = image("good", &Mark::revoked("run", 1), "firedrill-reaper");
    let cluster = ClusterState { read_at: at(47.0), ..cluster };
    let status = journaled(&plan, journal, &INJECTED);
    let signals = Signals::new(Some(&plan.spec), at(46.9));
    let Decision::Record(status) =
        tests::decided(&plan, Some(status), Some(&cluster), &signals, 47.1)
    else {
        panic!("it is written down")
    };
    let started = status.fact(FactName::RevertStarted).unwrap();
    assert_eq!((started.not_before, started.at), (at(45.0), at(46.0)));
    assert_eq!(words::said(started), "Duration: the reaper ended it");
    let Decision::Record(status) =
        tests::decided(&plan, Some(*status), Some(&cluster), &signals, 47.2)
    else {
        panic!("it is read back")
    };
    let reverted = status.fact(FactName::Reverted).unwrap();
    assert_eq!((reverted.not_before, reverted.at), (at(45.0), at(46.0)));
}

#[test]
fn a_fault_that_somebody_revokes_before_its_deadline_ends_the_run_early() {
    let plan = rollout();
    let (cluster, mut journal) = image("good", &Mark::revoked("run", 1), "firedrill-revoke");
    journal.deadline = Some(at(60.0));
    let cluster = ClusterState { read_at: at(47.0), ..cluster };
    let status = journaled(&plan, journal, &INJECTED);
    let signals = Signals::new(Some(&plan.spec), at(0.0));
    let Decision::Record(status) =
        tests::decided(&plan, Some(status), Some(&cluster), &signals, 47.1)
    else {
        panic!("it is written down")
    };
    let started = status.fact(FactName::RevertStarted).unwrap();
    assert_eq!(words::said(started), "Stopped: `firedrill revoke` ended it");
}

#[test]
fn a_revert_is_as_of_its_acceptance_and_not_as_of_its_reading_back() {
    let plan = rollout();
    let facts = [&INJECTED[..], &[(FactName::RevertStarted, 44.0)]].concat();
    for (revoked, expected) in [
        (Some(Span::new(at(44.1), at(44.2))), (44.1, 44.2)),
        // Whoever takes over has the second that stands on the object.
        (None, (45.0, 46.0)),
    ] {
        let (cluster, journal) = image("good", &Mark::revoked("run", 1), "firedrill");
        let cluster = ClusterState { read_at: at(47.0), ..cluster };
        let mut signals = Signals::new(Some(&plan.spec), at(0.0));
        signals.revoked = revoked;
        let mut status = journaled(&plan, journal, &facts);
        for fact in status.facts.iter_mut().filter(|fact| fact.name == FactName::RevertStarted) {
            fact.reason = Some(Reason::Duration);
        }
        let Decision::Record(status) =
            tests::decided(&plan, Some(status), Some(&cluster), &signals, 47.5)
        else {
            panic!("it is read back")
        };
        let reverted = status.fact(FactName::Reverted).unwrap();
        assert_eq!((reverted.not_before, reverted.at), (at(expected.0), at(expected.1)));
    }
}

#[test]
fn where_nobody_saw_the_revert_the_answer_that_depends_on_it_is_open() {
    let plan = rollout();
    let unsure = |answer| {
        let attributed = attribution::Attribution {
            by: None,
            evidence: String::new(),
            may_be_fault_ended: true,
        };
        let mut plan = plan.clone();
        plan.spec.recovery.within = Duration::seconds(answer);
        let mut status = status(&plan, &INJECTED);
        status.facts.push(Span::new(at(15.0), at(20.0)).fact(FactName::Recovered, "x", ""));
        let basis = Basis {
            spec: &plan.spec,
            status: &status,
            covered: true,
            watched_until: at(99.0),
            end_unseen: false,
            alert: None,
            also_fired: Vec::new(),
        };
        let (result, reason) = measure::recovery(&basis, Some(attributed));
        assert_ne!(result.by, Some(RecoveredBy::Automatic));
        (result.answer, reason)
    };
    assert_eq!(unsure(30), (Answer::Inconclusive, Some(Reason::ObservationGap)));
    assert_eq!(unsure(2), (Answer::No, None));
}

#[test]
fn facts_stand_in_the_order_of_their_instants_whenever_they_are_seen() {
    let plan = within(3);
    let signals = killed(&plan, "----+++++", 14.5);
    let known = [&INJECTED[..], &[(FactName::Notified, 16.0)]].concat();
    let over = ended(&plan, status(&plan, &known), &signals, 20.1).unwrap();
    let names: Vec<_> = over.facts.iter().map(|fact| fact.name).collect();
    let found = [
        FactName::Restored,
        FactName::Notified,
        FactName::Mitigated,
        FactName::Recovered,
        FactName::RevertStarted,
        FactName::Reverted,
    ];
    assert_eq!(names[..4], INJECTED.map(|(name, _)| name));
    assert_eq!(names[4..], found);
}
