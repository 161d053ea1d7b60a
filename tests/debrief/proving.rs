//! From a missed objective to its proof: which runs count, which do not and why, and when a debrief is over.

use firedrill::{
    api::{
        Debrief, ExperimentRun, Moment, conditions,
        debrief::{Objective, Stage, condition},
    },
    debrief::{
        self,
        decide::{Candidate, Decision, Delivery, Observed, Told, conclude, decide},
        proof::{Judged, judge},
    },
};
use serde_json::{Value, json};

use super::runs::{concluded, moment, never_noticed, opened, slow_alert, with};

/// The target as it was when the objective was missed.
fn before() -> Value {
    json!({"workloads": [{"kind": "Deployment", "name": "checkout", "replicas": 2, "templateHash": "t1"}],
        "rules": [{"name": "CheckoutDown", "hash": "r1"}]})
}

/// The same with a shorter `for`.
fn after() -> Value {
    json!({"workloads": [{"kind": "Deployment", "name": "checkout", "replicas": 2, "templateHash": "t1"}],
        "rules": [{"name": "CheckoutDown", "hash": "r2"}]})
}

pub fn missed() -> ExperimentRun {
    with(&slow_alert(), &[("/status/plan/state", before())])
}

/// A debrief whose meeting was held and whose one item was done at 2026-11-26 12:00.
pub fn fixed() -> Debrief {
    let mut debrief = opened(&missed()).unwrap();
    debrief.metadata.creation_timestamp =
        Some(serde_json::from_value(json!("2026-11-24T10:41:18Z")).unwrap());
    let spec = &mut debrief.spec;
    spec.impact = serde_json::from_value(json!({"none": true})).unwrap();
    spec.meeting = serde_json::from_value(json!({"heldAt": "2026-11-25T13:00:00Z"})).unwrap();
    spec.action_items = serde_json::from_value(json!([{
        "id": "a1", "title": "Shorten the rule's wait", "turnsYes": ["Detection"], "type": "Detect",
        "horizon": "Immediate", "ownerTeam": "checkout", "state": "Done",
    }]))
    .unwrap();
    concluded(&mut debrief, "2026-11-26T12:00:00Z");
    debrief
}

/// A run that was injected then, and passed.
pub fn passed(at: &str, changes: &[(&str, Value)]) -> ExperimentRun {
    let instant = |name: &str| json!({"name": name, "at": at, "notBefore": at, "source": "api"});
    let usual = [
        (
            "/metadata/name",
            json!(format!("slow-alert-{}", at.replace(['-', ':'], "").to_lowercase())),
        ),
        ("/metadata/uid", json!(at)),
        ("/metadata/creationTimestamp", json!(at)),
        ("/status/facts", json!([instant("injected"), instant("completed")])),
        ("/status/verdict", json!("Passed")),
        ("/status/reason", json!("ObjectivesMet")),
        ("/status/detection/answer", json!("Yes")),
        ("/status/plan/state", after()),
    ];
    with(&with(&missed(), &usual), changes)
}

/// What the operator concludes once those runs are over, each a minute after its injection.
fn after_runs(debrief: &Debrief, runs: &[ExperimentRun]) -> Debrief {
    let mut debrief = debrief.clone();
    for run in runs {
        let judged = judge(&debrief, run);
        let now = run.status.as_ref().unwrap().facts[0].at + firedrill::api::Duration::minutes(1);
        debrief.status = Some(conclude(&debrief, Some(judged), None, now));
    }
    debrief
}

fn stage(debrief: &Debrief) -> Stage {
    debrief.status.as_ref().unwrap().stage.unwrap()
}

fn lacks(debrief: &Debrief) -> String {
    debrief.status.as_ref().unwrap().questions[0].lacks.clone()
}

fn passes(debrief: &Debrief) -> (i32, i32) {
    let question = &debrief.status.as_ref().unwrap().questions[0];
    (question.passes, question.needed)
}

fn message(debrief: &Debrief, condition: &str) -> String {
    let status = debrief.status.as_ref().unwrap();
    conditions::get(&status.conditions, condition).unwrap().message.clone()
}

#[test]
fn two_passes_a_day_apart_after_the_fix_close_it_and_say_by_which_runs() {
    let first = after_runs(&fixed(), &[passed("2026-11-26T13:00:00Z", &[])]);
    assert_eq!((stage(&first), passes(&first)), (Stage::Verifying, (1, 2)));
    assert!(lacks(&first).contains("counts from 2026-11-27 13:00:00 UTC"), "{}", lacks(&first));
    let second = after_runs(&first, &[passed("2026-11-27T13:00:00Z", &[])]);
    assert_eq!(stage(&second), Stage::Closed);
    let told = message(&second, condition::CLOSED);
    assert_eq!(told, "Detection by slow-alert-20261127t130000z, slow-alert-20261126t130000z");
    let status = second.status.unwrap();
    assert_eq!(status.ended_at, Some(moment("2026-11-27T13:01:00Z")));
    assert_eq!(status.attempts[0].changed, ["rule CheckoutDown"]);
}

#[test]
fn each_step_comes_of_finished_work_and_says_what_lacks() {
    let mut debrief = opened(&missed()).unwrap();
    let at = |debrief: &mut Debrief, now: &str| {
        concluded(debrief, now);
        stage(debrief)
    };
    assert_eq!(at(&mut debrief, "2026-11-25T12:00:00Z"), Stage::AwaitingDebrief);
    assert_eq!(
        message(&debrief, condition::HELD),
        "meeting.heldAt: the meeting was not held; impact: what it meant for people, or none: true; \
         actionItems: none of them turns Detection to Yes (turnsYes)"
    );
    let whole = fixed();
    debrief.spec = whole.spec.clone();
    let held = |debrief: &mut Debrief, at: &str| {
        debrief.spec.meeting.as_mut().unwrap().held_at = Some(moment(at));
    };
    held(&mut debrief, "2026-11-25T13:00:00Z");
    assert_eq!(at(&mut debrief, "2026-11-25T12:59:59Z"), Stage::AwaitingDebrief);
    assert!(message(&debrief, condition::HELD).ends_with("is still to come"));
    held(&mut debrief, "2026-11-24T10:00:00Z");
    assert_eq!(at(&mut debrief, "2026-11-26T12:00:00Z"), Stage::AwaitingDebrief);
    assert!(message(&debrief, condition::HELD).contains("is before the service was back"));
    held(&mut debrief, "2026-11-25T13:00:00Z");
    debrief.spec.action_items[0].state = serde_json::from_value(json!("Open")).unwrap();
    assert_eq!(at(&mut debrief, "2026-11-26T12:00:00Z"), Stage::Acting);
    assert_eq!(message(&debrief, condition::ITEMS_FINISHED), "a1");
    assert_eq!(debrief.status.as_ref().unwrap().due, Some(moment("2026-12-09T13:00:00Z")));
    debrief.spec.action_items[0].state = serde_json::from_value(json!("Done")).unwrap();
    assert_eq!(at(&mut debrief, "2026-11-26T12:00:00Z"), Stage::Verifying);
    let command = debrief.status.as_ref().unwrap().next_command.clone().unwrap();
    assert!(
        command.starts_with("firedrill debrief verify slow-alert-")
            && command.ends_with(" -n shop")
    );
}

#[test]
fn a_run_that_asks_for_less_is_refused_by_the_field() {
    let spec = |field: &str, value: Value| (format!("/status/plan/spec/{field}"), value);
    let probe = json!({"name": "answers", "http": {"service": "checkout", "port": 80, "path": "/", "interval": "1s", "failureThreshold": 1}});
    let victim =
        json!({"kind": "Pod", "name": "a", "uid": "a", "resourceVersion": "1", "round": 1});
    for (change, field) in [
        (spec("detection/within", json!("30m")), "detection.within: 30m, and it was 20s"),
        (spec("detection/from", json!("Impact")), "detection.from"),
        (spec("recovery/within", json!("2m")), "recovery.within"),
        (spec("recovery/stableFor", json!("1s")), "recovery.stableFor"),
        (spec("recovery/countFaultEnded", json!(true)), "recovery.countFaultEnded"),
        (spec("duration", json!("1m")), "duration"),
        (spec("target", json!({"deployment": "canary"})), "target"),
        (spec("steadyState", json!([probe])), "steadyState[answers]"),
        (
            spec("steadyState", json!([{"name": "other", "workload": {}}])),
            "steadyState[answers]: gone",
        ),
        (spec("detection/alerts", json!(["{severity=\"page\"}"])), "detection.alerts"),
        (spec("detection/alerts", json!(["{alertname=~\".+\"}"])), "detection.alerts"),
        (spec("fault/podKill/count", json!(1)), "fault.podKill.count"),
        (spec("fault/podKill/gracePeriod", json!("1h")), ""),
        (spec("fault/podKill/order", json!("Oldest")), "fault.podKill.order"),
        (spec("fault", json!({"podKill": {"percent": 50}})), "fault.podKill.count: 1 of 2 pods"),
        (
            spec("fault", json!({"badRollout": {"image": "firedrill.invalid/none"}})),
            "fault: badRollout",
        ),
    ] {
        let victims = ("/status/plan/victims", json!([victim]));
        let mut changes = vec![(change.0.as_str(), change.1.clone())];
        if change.0.ends_with("/fault") {
            changes.push(victims);
        }
        let run = passed("2026-11-26T13:00:00Z", &changes);
        let Judged::Tried(attempt) = judge(&fixed(), &run) else { panic!("{change:?}") };
        let told = attempt.refused.join("; ");
        assert!(
            if field.is_empty() { told.is_empty() } else { told.starts_with(field) },
            "{change:?}: {told}"
        );
    }
}

#[test]
fn a_run_that_asks_for_more_counts_and_other_alerts_are_told() {
    let spec = |field: &str, value: Value| (format!("/status/plan/spec/{field}"), value);
    let named = "{alertname=\"CheckoutErrors\"}";
    for (change, note) in [
        (spec("detection/within", json!("10s")), ""),
        (spec("detection/until", json!("Notified")), ""),
        (spec("duration", json!("5m")), ""),
        (spec("fault/podKill/method", json!("Delete")), ""),
        (spec("fault/podKill/count", json!(3)), ""),
        (spec("fault", json!({"podKill": {"percent": 100}})), ""),
        (spec("tolerates", json!(true)), ""),
        (spec("detection/alerts", json!([named])), named),
    ] {
        let run = passed("2026-11-26T13:00:00Z", &[(change.0.as_str(), change.1.clone())]);
        let Judged::Tried(attempt) = judge(&fixed(), &run) else { panic!("{change:?}") };
        assert_eq!(attempt.refused, [""; 0], "{change:?}");
        assert_eq!(attempt.notes.first().is_some_and(|told| told.contains(note)), !note.is_empty());
    }
}

#[test]
fn what_does_not_count_says_why() {
    let at = "2026-11-26T13:00:00Z";
    let not_asked = passed(at, &[("/status/detection/answer", json!("NotExercised"))]);
    let seen = after_runs(&fixed(), &[not_asked]);
    assert_eq!(passes(&seen), (0, 2));
    assert!(lacks(&seen).contains("a larger fault would"), "{}", lacks(&seen));
    let hidden = [
        ("/status/verdict", json!("Inconclusive")),
        ("/status/reason", json!("NoImpact")),
        ("/status/detection/answer", json!("NotExercised")),
        ("/status/recovery/answer", json!("NotExercised")),
    ];
    let seen = after_runs(&fixed(), &[passed(at, &hidden)]);
    assert!(lacks(&seen).contains("a larger fault would"), "{}", lacks(&seen));
    let next = seen.status.unwrap().next_command.unwrap();
    assert!(next.ends_with(" --larger"), "what would ask is proposed: {next}");
    let seen = after_runs(&fixed(), &[passed(at, &hidden[..2])]);
    assert_eq!(passes(&seen), (0, 2), "an answer without an impact is none");
    let laxer = passed(at, &[("/status/plan/spec/detection/within", json!("30m"))]);
    let seen = after_runs(&fixed(), &[laxer]);
    assert_eq!(passes(&seen), (0, 2));
    assert!(
        lacks(&seen).contains("does not count: detection.within: 30m, and it was 20s"),
        "{}",
        lacks(&seen)
    );
    let early = after_runs(&fixed(), &[passed("2026-11-26T11:59:00Z", &[])]);
    assert_eq!(passes(&early), (0, 2), "it was before the fix");
    let inconclusive = passed(
        at,
        &[("/status/verdict", json!("Inconclusive")), ("/status/reason", json!("SourceLost"))],
    );
    let seen = after_runs(&fixed(), &[passed("2026-11-26T12:30:00Z", &[]), inconclusive]);
    assert_eq!(passes(&seen), (1, 2), "it does neither");
    assert!(lacks(&seen).contains("it ended as Inconclusive (SourceLost)"), "{}", lacks(&seen));
    let close = after_runs(&fixed(), &[passed(at, &[]), passed("2026-11-27T12:59:59Z", &[])]);
    assert_eq!(passes(&close), (1, 2), "less than a day apart");
    let closed = after_runs(&close, &[passed("2026-11-27T13:00:00Z", &[])]);
    assert_eq!(stage(&closed), Stage::Closed);
}

#[test]
fn a_mere_restart_needs_twice_the_passes() {
    let unchanged = |at: &str| passed(at, &[("/status/plan/state", before())]);
    let runs = [
        "2026-11-26T13:00:00Z",
        "2026-11-27T13:00:00Z",
        "2026-11-28T13:00:00Z",
        "2026-11-29T13:00:00Z",
    ];
    let three = after_runs(&fixed(), &runs[..3].iter().map(|at| unchanged(at)).collect::<Vec<_>>());
    assert_eq!((stage(&three), passes(&three)), (Stage::Verifying, (3, 4)));
    assert!(lacks(&three).contains("nothing has changed that can be seen"), "{}", lacks(&three));
    assert_eq!(stage(&after_runs(&three, &[unchanged(runs[3])])), Stage::Closed);
}

#[test]
fn a_miss_resets_the_proof_and_what_else_it_misses_is_to_be_proven_too() {
    let again = |at: &str, more: &[(&str, Value)]| {
        let missed = [
            ("/status/verdict", json!("ObjectiveMissed")),
            ("/status/detection/answer", json!("No")),
        ];
        with(&passed(at, &missed), more)
    };
    let one = after_runs(&fixed(), &[passed("2026-11-26T13:00:00Z", &[])]);
    let reset = after_runs(&one, &[again("2026-11-27T12:00:00Z", &[])]);
    assert_eq!((stage(&reset), passes(&reset)), (Stage::Verifying, (0, 2)));
    assert_eq!(reset.status.as_ref().unwrap().repeats, 1);
    let both = again("2026-11-27T12:00:00Z", &[("/status/recovery/answer", json!("No"))]);
    let more = after_runs(&one, &[both]);
    assert_eq!(more.status.as_ref().unwrap().missed.as_deref(), Some("Detection,Recovery"));
    assert_eq!(stage(&more), Stage::AwaitingDebrief, "nothing is to be done for the recovery yet");
}

#[test]
fn nobody_backdates_a_fix() {
    let mut debrief = fixed();
    let done = debrief.status.as_ref().unwrap().items[0].done_at;
    assert_eq!(done, Some(moment("2026-11-26T12:00:00Z")), "when it was seen");
    let reopen = |debrief: &mut Debrief, state: &str, now: &str| {
        debrief.spec.action_items[0].state = serde_json::from_value(json!(state)).unwrap();
        concluded(debrief, now);
    };
    let mut one = after_runs(&debrief, &[passed("2026-11-26T13:00:00Z", &[])]);
    reopen(&mut one, "Open", "2026-11-26T14:00:00Z");
    assert_eq!(stage(&one), Stage::Acting);
    reopen(&mut one, "Done", "2026-11-26T15:00:00Z");
    assert_eq!(passes(&one), (0, 2), "the run was before it was done again");
    debrief.spec.action_items[0].due_at = Some(moment("2027-01-01T00:00:00Z"));
    concluded(&mut debrief, "2026-11-26T16:00:00Z");
    let first = debrief.status.unwrap().items[0].first_due;
    assert_eq!(first, Some(moment("2026-12-09T13:00:00Z")), "a moved date keeps the first");
}

#[test]
fn unannounced_passes_are_those_of_a_day() {
    let mut debrief = fixed();
    debrief.spec.policy.unannounced = 1;
    let typed = passed("2026-11-26T13:00:00Z", &[("/spec/unannounced", json!(true))]);
    let both = after_runs(&debrief, &[typed, passed("2026-11-27T13:00:00Z", &[])]);
    assert_eq!((stage(&both), passes(&both)), (Stage::Verifying, (2, 2)));
    assert!(lacks(&both).contains("1 of them unannounced"), "{}", lacks(&both));
    let of_a_day =
        [("/spec/unannounced", json!(true)), ("/spec/gameDay", json!("monthly-20261128t1300"))];
    let third = passed("2026-11-28T13:00:00Z", &of_a_day);
    assert_eq!(stage(&after_runs(&both, &[third])), Stage::Closed);
}

#[test]
fn a_risk_is_accepted_for_at_most_ninety_days_and_renewals_are_counted() {
    let mut debrief = fixed();
    let mut accept = |until: &str, now: &str| {
        let risk = json!({"reason": "the shop moves to another platform", "reviewAt": until});
        debrief.spec.accepted_risk = Some(serde_json::from_value(risk).unwrap());
        concluded(&mut debrief, now);
        (stage(&debrief), debrief.status.as_ref().unwrap().acceptance.clone().unwrap().renewals)
    };
    assert_eq!(
        accept("2027-02-24T12:00:00Z", "2026-11-26T12:00:00Z"),
        (Stage::ClosedUnverified, 0)
    );
    assert_eq!(
        accept("2027-02-24T12:00:00Z", "2027-02-24T11:59:59Z"),
        (Stage::ClosedUnverified, 0)
    );
    assert_eq!(accept("2027-02-24T12:00:00Z", "2027-02-24T12:00:00Z"), (Stage::Verifying, 0));
    assert_eq!(
        accept("2027-03-24T12:00:00Z", "2027-02-24T13:00:00Z"),
        (Stage::ClosedUnverified, 1)
    );
    assert_eq!(accept("2027-06-24T12:00:00Z", "2027-02-24T14:00:00Z"), (Stage::Verifying, 2));
    assert!(message(&debrief, condition::CLOSED).contains("more than 90 days ahead"));
    assert!(debrief::is_open(&debrief), "repeats join it");
}

#[test]
fn one_that_is_dismissed_is_over_and_stays_so() {
    let mut debrief = fixed();
    debrief.spec.dismissal =
        serde_json::from_value(json!({"reason": "the cluster was switched off for the night"}))
            .unwrap();
    concluded(&mut debrief, "2026-11-26T12:00:00Z");
    assert_eq!(stage(&debrief), Stage::Dismissed);
    assert!(!debrief::is_open(&debrief));
    let before = debrief.status.clone();
    concluded(&mut debrief, "2026-12-26T12:00:00Z");
    assert_eq!(debrief.status, before);
}

#[test]
fn an_incident_is_missed_where_a_customer_noticed_or_it_took_too_long() {
    let incident = |noticed_by: &str, noticed_at: &str, resolved_at: &str| -> Debrief {
        let mut debrief: Debrief = serde_json::from_value(json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "Debrief", "metadata": {"name": "i", "namespace": "shop"},
            "spec": {"title": "t", "severity": "Minor", "source": {"kind": "Incident"}, "resolvedAt": resolved_at,
                "incident": {"startedAt": "2026-11-24T10:00:00Z", "noticedAt": noticed_at, "noticedBy": noticed_by}},
        }))
        .unwrap();
        concluded(&mut debrief, "2026-11-24T18:00:00Z");
        debrief
    };
    let of = |debrief: &Debrief| debrief.status.as_ref().unwrap().missed.clone().unwrap();
    let soon = "2026-11-24T10:02:00Z";
    assert_eq!(of(&incident("Alert", soon, "2026-11-24T10:59:00Z")), "");
    assert_eq!(of(&incident("Customer", soon, "2026-11-24T10:59:00Z")), "Detection");
    assert_eq!(
        of(&incident("Team", "2026-11-24T10:05:01Z", "2026-11-24T11:01:00Z")),
        "Detection,Recovery"
    );
    let told = incident("Customer", soon, "2026-11-24T10:59:00Z");
    let question = &told.status.as_ref().unwrap().questions[0];
    assert_eq!((question.objective, question.needed), (Objective::Detection, 2));
    assert_eq!(told.status.unwrap().window.unwrap().not_before, moment("2026-11-25T10:59:00Z"));
}

#[test]
fn where_the_run_did_not_see_the_end_people_say_when_it_was() {
    let mut debrief = opened(&never_noticed()).unwrap();
    assert_eq!(
        (stage(&debrief), debrief.status.as_ref().unwrap().window.clone()),
        (Stage::AwaitingResolution, None)
    );
    debrief.spec.resolved_at = Some(moment("2026-11-24T16:00:00Z"));
    concluded(&mut debrief, "2026-11-24T15:00:00Z");
    assert_eq!(stage(&debrief), Stage::AwaitingResolution, "that is still to come");
    concluded(&mut debrief, "2026-11-24T16:00:00Z");
    assert_eq!(stage(&debrief), Stage::AwaitingDebrief);
}

fn candidate(debrief: &Debrief, run: &ExperimentRun, is_over: bool) -> Candidate {
    let created = run.metadata.creation_timestamp.as_ref();
    Candidate {
        name: run.metadata.name.clone().unwrap(),
        uid: run.uid().to_owned(),
        created_at: created.map(|time| Moment::new(time.0)),
        is_later: created >= debrief.metadata.creation_timestamp.as_ref(),
        is_over,
        joins: run.status.as_ref().is_some_and(|status| status.debrief.is_some()),
        has_struck: true,
    }
}

/// Lives on until nothing is to be done, as the operator does, with the runs that are over by then.
fn live(debrief: &Debrief, runs: &[(ExperimentRun, bool)], now: &str) -> (Debrief, Vec<String>) {
    let (mut debrief, mut read, mut looked) = (debrief.clone(), None::<ExperimentRun>, Vec::new());
    let (mut told, mut has_closed) = (None, false);
    let candidates: Vec<_> =
        runs.iter().map(|(run, is_over)| candidate(&debrief, run, *is_over)).collect();
    for _ in 0..50 {
        let observed = Observed {
            now: moment(now),
            debrief: &debrief,
            runs: &candidates,
            run: read.as_ref(),
            passed_over: &[],
            peers: &Vec::new,
            told: told.as_ref(),
            experiment: None,
            started: None,
        };
        match decide(&observed) {
            Decision::Record(status) => {
                let was_over = debrief::has_ended(&debrief);
                (debrief.status, read, told) = (Some(*status), None, None);
                let has_ended = debrief::has_ended(&debrief);
                assert!(has_ended || !has_closed, "it closed, and is open again at once");
                has_closed |= has_ended && !was_over;
            }
            Decision::Tell { claim, what, .. } => {
                debrief.status = Some(*claim);
                told = Some(Told { what, at: moment(now), delivery: Delivery::Delivered });
            }
            Decision::Look { name, uid } => {
                looked.push(name);
                read = runs.iter().map(|(run, _)| run).find(|run| run.uid() == uid).cloned();
            }
            Decision::Start { name, .. } => panic!("nobody asks for {name}"),
            Decision::PassOver(_) | Decision::WaitUntil(_) | Decision::Rest => {
                return (debrief, looked);
            }
        }
    }
    panic!("it never rests")
}

#[test]
fn each_run_is_judged_once_and_earlier_runs_not_at_all() {
    let old = passed("2026-11-23T10:00:00Z", &[]);
    let (one, two) = (passed("2026-11-26T13:00:00Z", &[]), passed("2026-11-27T13:00:00Z", &[]));
    let runs = [(old, true), (two.clone(), true), (one.clone(), true)];
    let (closed, looked) = live(&fixed(), &runs, "2026-11-27T14:00:00Z");
    let names = [one, two].map(|run| run.metadata.name.unwrap());
    assert_eq!(looked, names, "the oldest first");
    assert_eq!(stage(&closed), Stage::Closed);
    let (again, looked) = live(&closed, &runs, "2026-11-28T14:00:00Z");
    assert_eq!((again.status, looked), (closed.status, vec![]));
}

#[test]
fn it_does_not_close_over_a_run_under_way_and_a_late_miss_opens_it_again() {
    let (one, two) = (passed("2026-11-26T13:00:00Z", &[]), passed("2026-11-27T13:00:00Z", &[]));
    let third = passed("2026-11-27T13:30:00Z", &[]);
    let mut runs = [(one, true), (two, true), (third.clone(), false)];
    let (waits, _) = live(&fixed(), &runs, "2026-11-27T14:00:00Z");
    assert_eq!(stage(&waits), Stage::Verifying);
    assert!(
        message(&waits, condition::CLOSED).contains("once run slow-alert-20261127t133000z is over")
    );
    runs[2].1 = true;
    let (closed, _) = live(&waits, &runs, "2026-11-27T14:01:00Z");
    assert_eq!(stage(&closed), Stage::Closed);
    let late = with(
        &passed("2026-11-27T13:45:00Z", &[("/status/verdict", json!("ObjectiveMissed"))]),
        &[("/status/detection/answer", json!("No")), ("/status/debrief", json!("this"))],
    );
    let (open, _) = live(&closed, &[(late, true)], "2026-11-27T14:05:00Z");
    assert_eq!((stage(&open), passes(&open)), (Stage::Verifying, (0, 2)));
    assert_eq!(open.status.unwrap().ended_at, None);
}

#[test]
fn it_does_not_close_while_a_run_that_is_over_was_not_judged() {
    let (one, two) = (passed("2026-11-26T13:00:00Z", &[]), passed("2026-11-27T13:00:00Z", &[]));
    let miss = with(
        &passed("2026-11-27T13:45:00Z", &[("/status/verdict", json!("ObjectiveMissed"))]),
        &[("/status/detection/answer", json!("No")), ("/status/debrief", json!("this"))],
    );
    let runs = [(one, true), (two, true), (miss, true)];
    let (open, looked) = live(&fixed(), &runs, "2026-11-27T14:05:00Z");
    assert_eq!((stage(&open), passes(&open), looked.len()), (Stage::Verifying, (0, 2), 3));
}

#[test]
fn a_hundred_runs_are_kept_and_older_ones_are_not_judged_again() {
    let mut debrief = fixed();
    let at = |minute: usize| format!("2026-11-26T{:02}:{:02}:00Z", 13 + minute / 60, minute % 60);
    let runs: Vec<_> = (0..103).map(|minute| passed(&at(minute), &[])).collect();
    for run in &runs {
        debrief = live(&debrief, &[(run.clone(), true)], "2026-11-26T20:00:00Z").0;
    }
    let status = debrief.status.as_ref().unwrap();
    assert_eq!((status.attempts.len(), status.attempts[0].uid.as_str()), (100, at(3).as_str()));
    assert_eq!(status.judged_until, Some(moment(&at(2))));
    let (_, looked) = live(&debrief, &[(runs[0].clone(), true)], "2026-11-26T20:00:00Z");
    assert_eq!(looked, [""; 0]);
}
