//! The end of a run by what was seen, in one line each.

use serde_json::json;

use super::*;
use crate::{
    api::{
        mark::Mark,
        run::{FieldChange, Journal, PreImage, RecoveredBy, Verdict},
    },
    core::{
        abort::tests::{plan, sample},
        decide::tests::{self, status},
        plan::Plan,
        pods::tests::{at, pod},
        sight::Sight,
        words,
        world::{
            Changeable, Scene,
            tests::{healthy, scene},
        },
    },
    faults::{Kind, Object},
};

/// A kill of one of two pods, injected at 10, seconds of samples from 11 on; the pods are whole from `whole` on.
fn killed(plan: &Plan, samples: &str, whole: f64) -> Sight {
    let mut sight = Sight::new(Some(&plan.spec), at(0.0));
    sight.pods.reset([pod(0, true), pod(1, true)], at(9.0));
    sight.pods.expect(2, at(9.0));
    sample(&mut sight, 9.0, "++");
    sight.pods.remove("uid-0", at(10.1));
    sample(&mut sight, 11.0, samples);
    sight.pods.apply(pod(2, true), at(whole));
    sight
}

/// A plan with that objective for the recovery, proven by two seconds.
fn within(seconds: u64) -> Plan {
    let mut plan = plan(&json!({}));
    plan.spec.recovery.within = Duration::seconds(seconds);
    plan.spec.recovery.stable_for = Duration::seconds(2);
    plan
}

const INJECTED: [(FactName, f64); 4] = [
    (FactName::Accepted, 8.0),
    (FactName::Journaled, 9.5),
    (FactName::Injected, 10.0),
    (FactName::ImpactStarted, 11.0),
];

/// The run as it is written down when it is over at `now`, if it is.
fn ended(
    plan: &Plan,
    status: ExperimentRunStatus,
    sight: &Sight,
    now: f64,
) -> Option<ExperimentRunStatus> {
    let world = World { read_at: at(now), target_read_at: at(now), ..healthy() };
    let mut status = status;
    // What was seen is written down first, and then the end.
    while status.verdict.is_none() {
        match tests::decided(plan, Some(status), Some(&world), sight, now) {
            Decision::Record(next) => status = *next,
            _ => return None,
        }
    }
    Some(status)
}

#[test]
fn a_recovery_that_comes_too_late_is_measured_as_late() {
    let plan = within(3);
    let sight = killed(&plan, "----+++++", 14.5);
    assert_eq!(ended(&plan, status(&plan, &INJECTED), &sight, 18.9), None, "not proven yet");
    let over = ended(&plan, status(&plan, &INJECTED), &sight, 19.2).unwrap();
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
    let sight = killed(&plan, "-----", 30.0);
    assert_eq!(ended(&plan, status(&plan, &INJECTED), &sight, 15.9), None);
    let over = ended(&plan, status(&plan, &INJECTED), &sight, 16.1).unwrap();
    assert_eq!(over.verdict, Some(Verdict::NotRecovered));
    // The run ended before the five minutes in which it had to be noticed.
    assert_eq!(over.detection.unwrap().answer, Answer::Inconclusive);
    let summary = over.summary.unwrap();
    assert!(
        summary.starts_with("not known whether it was noticed in time (objective 5m)"),
        "{summary}"
    );
}

/// A look that began at 26.2, after another process had seen the impact begin at 11 and was gone since 12.
fn returned(plan: &Plan, samples: &str) -> (ExperimentRunStatus, Sight) {
    let mut status = status(plan, &INJECTED);
    let mut before = killed(plan, "--", 30.0).impact(at(12.0));
    before.probes.as_of = Some(at(12.0));
    status.impact = Some(before);
    let mut sight = Sight::new(Some(&plan.spec), at(26.2));
    sight.inherit(&status);
    sight.pods.expect(2, at(26.2));
    let back = |number| crate::core::pods::Pod { ready_since: Some(at(15.0)), ..pod(number, true) };
    sight.pods.reset([back(1), back(2)], at(26.2));
    sample(&mut sight, 26.3, samples);
    (status, sight)
}

#[test]
fn an_absence_over_the_recovery_widens_its_bounds_and_an_objective_within_them_is_not_decided() {
    for (seconds, answer, reason) in [
        (30, Answer::Yes, Reason::HealedBeforeObjective),
        (10, Answer::Inconclusive, Reason::ObservationGap),
        (4, Answer::No, Reason::RecoveryMissed),
    ] {
        let plan = within(seconds);
        let (status, sight) = returned(&plan, "++++++");
        let over = ended(&plan, status, &sight, 31.4).unwrap();
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
    let (status, sight) = returned(&plan, "");
    assert_eq!(ended(&plan, status, &sight, 27.6), None);
    let (status, sight) = returned(&plan, "--");
    let over = ended(&plan, status, &sight, 27.6).unwrap();
    assert_eq!(over.verdict, Some(Verdict::NotRecovered));
}

fn image(seen: &str, mark: &Mark, manager: &str) -> (World, Journal) {
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
    let scene =
        Scene { object: Changeable::Found(object), faulty_revisions: Some(Vec::new()), ..scene() };
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
    (World { scene: Some(scene), ..healthy() }, journal)
}

fn rollout() -> Plan {
    let mut plan = within(30);
    plan.spec.fault = serde_json::from_value(json!({"badRollout": {"image": "bad"}})).unwrap();
    plan
}

fn journaled(plan: &Plan, journal: Journal, facts: &[(FactName, f64)]) -> ExperimentRunStatus {
    let mut status = status(plan, facts);
    status.plan = Some(Journal { spec: Some(plan.spec.clone()), ..journal });
    status
}

#[test]
fn a_fault_that_the_reaper_has_ended_is_reverted_as_of_what_stands_on_the_object() {
    let plan = rollout();
    let (world, journal) = image("good", &Mark::revoked("run", 1), "firedrill-reaper");
    let world = World { read_at: at(47.0), ..world };
    let status = journaled(&plan, journal, &INJECTED);
    let sight = Sight::new(Some(&plan.spec), at(46.9));
    let Decision::Record(status) = tests::decided(&plan, Some(status), Some(&world), &sight, 47.1)
    else {
        panic!("it is written down")
    };
    let started = status.fact(FactName::RevertStarted).unwrap();
    assert_eq!((started.not_before, started.at), (at(45.0), at(46.0)));
    assert_eq!(words::said(started), "Duration: the reaper ended it");
    let Decision::Record(status) = tests::decided(&plan, Some(*status), Some(&world), &sight, 47.2)
    else {
        panic!("it is read back")
    };
    let reverted = status.fact(FactName::Reverted).unwrap();
    assert_eq!((reverted.not_before, reverted.at), (at(45.0), at(46.0)));
}

#[test]
fn a_fault_that_somebody_revokes_before_its_deadline_ends_the_run_early() {
    let plan = rollout();
    let (world, mut journal) = image("good", &Mark::revoked("run", 1), "firedrill-revoke");
    journal.deadline = Some(at(60.0));
    let world = World { read_at: at(47.0), ..world };
    let status = journaled(&plan, journal, &INJECTED);
    let sight = Sight::new(Some(&plan.spec), at(0.0));
    let Decision::Record(status) = tests::decided(&plan, Some(status), Some(&world), &sight, 47.1)
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
        let (world, journal) = image("good", &Mark::revoked("run", 1), "firedrill");
        let world = World { read_at: at(47.0), ..world };
        let mut sight = Sight::new(Some(&plan.spec), at(0.0));
        sight.revoked = revoked;
        let mut status = journaled(&plan, journal, &facts);
        for fact in status.facts.iter_mut().filter(|fact| fact.name == FactName::RevertStarted) {
            fact.reason = Some(Reason::Duration);
        }
        let Decision::Record(status) =
            tests::decided(&plan, Some(status), Some(&world), &sight, 47.5)
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

/// When a kill that is injected at 10 is over by these facts and samples, with 5s to be back, proven by 2s; its pods
/// are whole again from then on, if ever.
fn over_at(
    fault: &serde_json::Value,
    facts: &[(FactName, f64)],
    samples: &str,
    whole: Option<f64>,
) -> Option<String> {
    let mut plan = within(5);
    plan.spec.fault = serde_json::from_value(json!({ "podKill": fault })).unwrap();
    let facts = [&INJECTED[..3], facts].concat();
    let status =
        journaled(&plan, Journal { deadline: Some(at(30.0)), ..Journal::default() }, &facts);
    let mut sight = killed(&plan, samples, whole.unwrap_or(11.0));
    if whole.is_none() {
        sight.pods.remove("uid-2", at(11.0));
    }
    let mut instants = (0..400).map(|tenths| 11.0 + f64::from(tenths) / 10.0);
    let over = instants.find(|&now| ended(&plan, status.clone(), &sight, now).is_some())?;
    Some(format!("{over:.1}"))
}

#[test]
#[rustfmt::skip]
fn a_kill_is_over_when_it_is_proven_back_or_when_that_is_too_late() {
    let once = json!({"count": 1});
    let again = json!({"count": 1, "every": "1m"});
    let impact = &[(FactName::ImpactStarted, 11.0)][..];
    for (fault, facts, samples, whole, over) in [
        // One sample after the first good one; the target is a probe too, so that its pods may be the last.
        (&once, impact, "----+++++", Some(14.5), "19.1"),
        (&once, impact, "-++++++++++", Some(17.0), "21.0"),
        // Twice the time allowed, whether the probes or the pods are not as before.
        (&once, impact, "-----------", Some(14.5), "20.0"),
        (&once, impact, "-++++++++++", None, "20.0"),
        // Without an impact the pods alone are waited for, and once only.
        (&once, &[], "++++++", Some(14.5), "16.5"),
        (&once, &[], "++++++", None, "15.0"),
        // One that repeats lasts for its duration.
        (&again, impact, "----++++++++++++++++", Some(14.5), "30.0"),
        (&again, &[], "++++++++++++++++++++", Some(14.5), "30.0"),
    ] {
        let told = format!("{fault} {facts:?} {samples} {whole:?}");
        assert_eq!(over_at(fault, facts, samples, whole).as_deref(), Some(over), "{told}");
    }
}

/// When a rollout that is injected at 10 and may last until 44 is first reverted or over, and with which cause, where
/// its samples fail until then and are good from then on.
fn next_at(seconds: u64, counts: bool, facts: &[(FactName, f64)], good: usize) -> Option<String> {
    let mut plan = rollout();
    plan.spec.recovery.within = Duration::seconds(seconds);
    plan.spec.recovery.count_fault_ended = counts;
    let (world, journal) = image("bad", &Mark::armed("run", 1), "firedrill");
    let seen = [&INJECTED[..3], &[(FactName::EffectObserved, 10.1)], facts].concat();
    let mut status = journaled(&plan, journal, &seen);
    let known = status.fact(FactName::RevertStarted).is_some();
    let samples = "-".repeat(good - 11) + &"+".repeat(120 - good);
    let sight = killed(&plan, &samples, 14.5);
    for now in (0..800).map(|tenths| 11.0 + f64::from(tenths) / 10.0) {
        let world = World { read_at: at(now), target_read_at: at(now), ..world.clone() };
        while let Decision::Record(next) =
            tests::decided(&plan, Some(status.clone()), Some(&world), &sight, now)
        {
            status = *next;
            let revert = status.fact(FactName::RevertStarted).filter(|_| !known);
            let over =
                revert.map(words::said).or_else(|| status.reason.map(|reason| reason.to_string()));
            if let Some(cause) = over {
                return Some(format!("{now:.1} {cause}"));
            }
        }
    }
    None
}

#[test]
#[rustfmt::skip]
fn a_change_of_fields_is_reverted_at_its_deadline_and_measured_on() {
    let impact = &[(FactName::ImpactStarted, 11.0)][..];
    let reverted = &[(FactName::ImpactStarted, 11.0), (FactName::RevertStarted, 44.0), (FactName::Reverted, 44.5)][..];
    for (seconds, counts, facts, good, next) in [
        // However soon it should have been back, and although the probes are good: the template is not as it was.
        (5, false, impact, 100, "44.0 Duration"),
        (60, false, impact, 100, "44.0 Duration"),
        (60, false, impact, 20, "44.0 Duration"),
        // Without an impact there is nothing to measure on.
        (60, false, &[], 11, "44.0 Ended"),
        // Back after the revert, or once more the time allowed, twice where what ends with the fault counts.
        (5, false, reverted, 47, "51.1 RecoveryMissed"),
        (5, false, reverted, 100, "49.5 StillBroken"),
        (5, true, reverted, 100, "54.5 StillBroken"),
    ] {
        let told = format!("{seconds} {counts} {facts:?} {good}");
        assert_eq!(next_at(seconds, counts, facts, good).as_deref(), Some(next), "{told}");
    }
}

#[test]
fn facts_stand_in_the_order_of_their_instants_whenever_they_are_seen() {
    let plan = within(3);
    let sight = killed(&plan, "----+++++", 14.5);
    let known = [&INJECTED[..], &[(FactName::Notified, 16.0)]].concat();
    let over = ended(&plan, status(&plan, &known), &sight, 19.2).unwrap();
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
