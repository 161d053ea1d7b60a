//! Debriefs of runs that come to no answer: a near miss, and an experiment that told nothing three times in a row.

use firedrill::{
    api::{
        Debrief, DebriefStatus, ExperimentRun, conditions,
        debrief::{Objective, SourceKind, Stage, condition},
        run::Answer,
    },
    debrief::{
        self,
        decide::conclude,
        proof::{Judged, judge},
    },
};
use serde_json::{Value, json};

use super::{
    page::compare,
    runs::{concluded, moment, near_miss, no_impact, opened, slow_alert, with},
};

/// The same after its meeting, to which nobody has brought an item.
fn met(run: &ExperimentRun) -> Debrief {
    let mut debrief = opened(run).unwrap();
    debrief.spec.impact = serde_json::from_value(json!({"none": true})).unwrap();
    debrief.spec.meeting =
        serde_json::from_value(json!({"heldAt": "2026-11-25T13:00:00Z"})).unwrap();
    concluded(&mut debrief, "2026-11-25T13:00:01Z");
    debrief
}

/// A run that was injected then; what it was like before is not known unless `changes` say so.
fn run(at: &str, changes: &[(&str, Value)]) -> ExperimentRun {
    let fact = |name: &str| json!({"name": name, "at": at, "notBefore": at, "source": "api"});
    let usual = [
        ("/metadata/name", json!(format!("again-{}", &at[8..10]))),
        ("/metadata/uid", json!(at)),
        ("/status/facts", json!([fact("injected"), fact("reverted"), fact("completed")])),
        ("/status/verdict", json!("Passed")),
        ("/status/reason", json!("ObjectivesMet")),
        ("/status/detection/answer", json!("Yes")),
    ];
    with(&with(&slow_alert(), &usual), changes)
}

fn after(debrief: &Debrief, runs: &[ExperimentRun]) -> DebriefStatus {
    let mut debrief = debrief.clone();
    for run in runs {
        let judged = judge(&debrief, run);
        let now = run.status.as_ref().unwrap().facts[0].at + firedrill::api::Duration::minutes(1);
        debrief.status = Some(conclude(&debrief, Some(judged), None, now));
    }
    debrief.status.unwrap()
}

fn standing(status: &DebriefStatus, objective: Objective) -> (i32, i32) {
    let question = status.questions.iter().find(|question| question.objective == objective);
    let question = question.unwrap();
    (question.passes, question.needed)
}

const DAYS: [&str; 5] = [
    "2026-11-26T13:00:00Z",
    "2026-11-27T13:00:00Z",
    "2026-11-28T13:00:00Z",
    "2026-11-29T13:00:00Z",
    "2026-11-30T13:00:00Z",
];

#[test]
fn a_near_miss_opens_one_that_says_which_guard_ended_it() {
    let debrief = opened(&near_miss()).unwrap();
    assert_eq!(debrief.spec.source.kind, SourceKind::NearMiss);
    assert_eq!(debrief.spec.title, "Losing both checkout pods was ended by a guard after 10.8s");
    let evidence = debrief.spec.evidence.as_ref().unwrap();
    assert_eq!(evidence.missed, [Objective::Conclusion]);
    assert_eq!(evidence.answers.conclusion, Some(Answer::No));
    let status = debrief.status.as_ref().unwrap();
    assert_eq!(status.stage, Some(Stage::AwaitingDebrief), "the fault is over");
    let resolved = conditions::get(&status.conditions, condition::RESOLVED).unwrap();
    assert!(resolved.message.starts_with("the fault was over at 2026-11-24 10:40:42 UTC; nobody"));
    compare("near-miss.md", &debrief);
    for (reason, verdict) in [("Stopped", "Aborted"), ("Lever", "Aborted"), ("Deleted", "Aborted")]
    {
        let run = with(
            &near_miss(),
            &[("/status/reason", json!(reason)), ("/status/verdict", json!(verdict))],
        );
        assert!(opened(&run).is_none(), "{reason}");
    }
}

#[test]
fn a_near_miss_has_the_fingerprint_of_a_miss_and_each_joins_the_other() {
    let [near, miss] = [near_miss(), slow_alert()].map(|run| opened(&run).unwrap());
    assert_eq!(near.spec.fingerprint, miss.spec.fingerprint);
    let status = after(&miss, &[with(&near_miss(), &[("/metadata/uid", json!("n"))])]);
    assert_eq!(status.missed.as_deref(), Some("Detection,Conclusion"));
    assert_eq!(status.repeats, 1);
    let status = after(&near, &[with(&slow_alert(), &[("/metadata/uid", json!("m"))])]);
    assert_eq!(status.missed.as_deref(), Some("Detection,Conclusion"));
}

#[test]
fn a_near_miss_closes_once_enough_runs_in_a_row_were_brought_to_their_end() {
    let state = |hash: &str| json!({"workloads": [{"kind": "Deployment", "name": "checkout", "templateHash": hash}]});
    let debrief = met(&with(&near_miss(), &[("/status/plan/state", state("t1"))]));
    let status = debrief.status.as_ref().unwrap();
    assert_eq!(status.stage, Some(Stage::Verifying), "no item is demanded");
    let changed = |at| run(at, &[("/status/plan/state", state("t2"))]);
    let status = after(&debrief, &[changed(DAYS[0])]);
    assert_eq!(
        (status.stage, standing(&status, Objective::Conclusion)),
        (Some(Stage::Verifying), (1, 2))
    );
    let status = after(&debrief, &[changed(DAYS[0]), changed(DAYS[1])]);
    assert_eq!(status.stage, Some(Stage::Closed));
    let ended_again = with(
        &near_miss(),
        &[("/metadata/uid", json!("n")), ("/status/facts/2/at", json!(DAYS[1]))],
    );
    let status = after(&debrief, &[changed(DAYS[0]), ended_again, changed(DAYS[2])]);
    assert_eq!(standing(&status, Objective::Conclusion), (1, 2), "it begins anew");
    let unchanged = |at| run(at, &[("/status/plan/state", state("t1"))]);
    let status = after(&debrief, &DAYS[..3].iter().map(|at| unchanged(at)).collect::<Vec<_>>());
    assert_eq!(standing(&status, Objective::Conclusion), (3, 4), "nothing has changed");
    let laxer = |at| {
        run(
            at,
            &[
                ("/status/plan/state", state("t2")),
                ("/status/plan/spec/detection/within", json!("1m")),
            ],
        )
    };
    let status = after(&debrief, &[laxer(DAYS[0]), laxer(DAYS[1])]);
    assert_eq!(standing(&status, Objective::Conclusion), (0, 2));
}

#[test]
fn an_item_that_is_to_turn_it_is_waited_for() {
    let mut debrief = met(&near_miss());
    debrief.spec.action_items = serde_json::from_value(json!([{"id": "a1", "title": "Two more replicas",
        "turnsYes": ["Conclusion"], "type": "Prevent", "horizon": "Short", "ownerTeam": "checkout", "state": "Open"}]))
    .unwrap();
    concluded(&mut debrief, DAYS[0]);
    assert_eq!(debrief.status.as_ref().unwrap().stage, Some(Stage::Acting));
    debrief.spec.action_items[0].state = serde_json::from_value(json!("Done")).unwrap();
    concluded(&mut debrief, DAYS[1]);
    let status = after(&debrief, &[run(DAYS[0], &[]), run(DAYS[2], &[])]);
    assert_eq!(standing(&status, Objective::Conclusion).0, 1, "the first one was before it");
}

#[test]
fn an_experiment_that_told_nothing_three_times_needs_one_run_that_passes() {
    let debrief = met(&no_impact());
    assert_eq!(debrief.spec.source.kind, SourceKind::Inconclusive);
    assert_eq!(debrief.spec.title, "Losing both checkout pods told nothing, three times in a row");
    compare("told-nothing.md", &opened(&no_impact()).unwrap());
    let silent = run(
        DAYS[0],
        &[("/status/verdict", json!("Inconclusive")), ("/status/reason", json!("SourceLost"))],
    );
    let Judged::Tried(attempt) = judge(&debrief, &silent) else { panic!("it is no miss") };
    assert!(!attempt.refused.is_empty());
    let status = after(&debrief, &[silent]);
    assert_eq!((status.stage, status.repeats), (Some(Stage::Verifying), 0));
    // The experiment itself is what is to change.
    let changed = run(DAYS[0], &[("/status/plan/spec/detection/within", json!("1m"))]);
    let status = after(&debrief, &[changed]);
    assert_eq!(status.stage, Some(Stage::Closed));
    let miss = run(
        DAYS[0],
        &[("/status/verdict", json!("ObjectiveMissed")), ("/status/detection/answer", json!("No"))],
    );
    let status = after(&debrief, &[miss, run(DAYS[1], &[])]);
    assert_eq!(status.missed.as_deref(), Some("Detection,Conclusion"));
    assert_eq!(status.stage, Some(Stage::AwaitingDebrief), "a real miss needs its item");
}

#[test]
fn people_may_say_when_the_service_was_back_after_a_near_miss() {
    let mut debrief = opened(&near_miss()).unwrap();
    debrief.spec.resolved_at = Some(moment("2026-11-24T11:40:00Z"));
    concluded(&mut debrief, "2026-11-24T12:00:00Z");
    let window = debrief.status.as_ref().unwrap().window.clone().unwrap();
    assert_eq!(window.not_before, moment("2026-11-25T11:40:00Z"));
    let mut slim = debrief.clone();
    debrief::decide::forget_details(&mut slim);
    concluded(&mut slim, "2026-11-24T12:00:00Z");
    assert_eq!(slim.status, debrief.status, "what is kept in memory is enough");
}
