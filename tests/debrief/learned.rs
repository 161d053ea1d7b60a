//! How a debrief reads once people have met: what they found and change, what proves it, and an incident of their own.

use firedrill::{
    api::{Debrief, ExperimentRun, Moment, debrief::Policy},
    debrief::{
        self,
        decide::conclude,
        proof::{Judged, judge},
    },
};
use serde_json::{Value, json};

use super::{
    page::compare,
    runs::{concluded, lead_up, moment, opening, slow_alert, with},
};

fn of(value: Value) -> Debrief {
    serde_json::from_value(value).unwrap()
}

fn state(rule: &str) -> Value {
    json!({"workloads": [{"kind": "Deployment", "name": "checkout", "replicas": 2, "templateHash": "t1"}],
        "rules": [{"name": "CheckoutDown", "hash": rule}]})
}

/// A run that was injected then, with those changes.
fn tried(name: &str, at: &str, changes: &[(&str, Value)]) -> ExperimentRun {
    let instant = |name: &str| json!({"name": name, "at": at, "notBefore": at, "source": "api"});
    let usual = [
        ("/metadata/name", json!(name)),
        ("/metadata/uid", json!(name)),
        ("/metadata/creationTimestamp", json!("2026-12-01T10:00:00Z")),
        ("/status/facts", json!([instant("injected"), instant("completed")])),
        ("/status/verdict", json!("Passed")),
        ("/status/reason", json!("ObjectivesMet")),
        ("/status/detection/answer", json!("Yes")),
        ("/status/plan/state", state("r2")),
    ];
    with(&with(&slow_alert(), &usual), changes)
}

fn conclude_at(debrief: &mut Debrief, judged: Option<Judged>, now: Moment) {
    debrief.status = Some(conclude(debrief, judged, None, now));
}

/// What people wrote, on a debrief of a team in Berlin that repeats an earlier one.
fn written() -> Value {
    let run = with(&slow_alert(), &[("/status/plan/state", state("r1"))]);
    let policy = Policy { time_zone: "Europe/Berlin".to_owned(), ..Policy::default() };
    let opening = debrief::Opening { policy, number: 2, ..opening(lead_up()) };
    let debrief = debrief::open(&run, opening).unwrap();
    let mut json = serde_json::to_value(debrief).unwrap();
    json["metadata"]["creationTimestamp"] = json!("2026-11-24T10:41:18Z");
    let spec = json["spec"].as_object_mut().unwrap();
    let people = json!({
        "recurrenceOf": {"name": "slow-alert-99c0ba9c-1", "endedAt": "2026-09-01T10:00:00Z",
            "left": ["item a2 was dropped: Two replicas (it cost too much)"]},
        "impact": {"none": false, "narrative": "Nobody could pay for three minutes.\nSupport was not told.",
            "customersAffected": 41208, "complaints": 1, "estimatedCost": {"amount": 6900, "currency": "EUR"}},
        "meeting": {"heldAt": "2026-11-25T13:00:00Z", "facilitator": "platform facilitator"},
        "findings": {
            "summary": "The rule waits for half a minute, so 20s could not be met.",
            "contributingFactors": [
                {"category": "Observability", "text": "the paging rule waits 30s before it fires"},
                {"category": "Capacity", "text": "both pods are on one node"}],
            "whySurprised": "Nobody had counted scrape, rule and `for` together.",
            "wentWell": ["The runbook was linked in the page"], "gotLucky": ["It was a quiet hour"]},
        "actionItems": [
            {"id": "a1", "title": "Shorten the rule's wait to 10s", "turnsYes": ["Detection"], "type": "Detect",
                "horizon": "Immediate", "ownerTeam": "checkout", "ticket": "SHOP-1841", "state": "Done"},
            {"id": "a2", "title": "Page by burn rate", "turnsYes": [], "type": "Prevent", "horizon": "Short",
                "ownerTeam": "platform", "dueAt": "2026-12-20T17:00:00Z", "state": "Dropped",
                "dropReason": "not needed once a1 holds"}],
        "checkpoints": [{"heldAt": "2026-12-09T09:30:00Z", "notes": "a1 holds since a week"}],
        "amendments": [{"at": "2026-11-25T13:20:00Z", "text": "The probe of 10:40:50 was restarted by us."}],
    });
    spec.extend(people.as_object().unwrap().clone());
    json
}

fn learned() -> Debrief {
    let mut debrief = of(written());
    concluded(&mut debrief, "2026-11-26T12:00:00Z");
    let runs = [
        tried(
            "too-small",
            "2026-11-27T09:00:00Z",
            &[("/status/plan/spec/detection/within", json!("10m"))],
        ),
        tried(
            "not-asked",
            "2026-11-27T10:00:00Z",
            &[("/status/detection/answer", json!("NotExercised"))],
        ),
        tried("first", "2026-11-27T14:00:00Z", &[]),
        tried("too-early", "2026-11-27T15:00:00Z", &[]),
    ];
    for run in runs {
        let judged = judge(&debrief, &run);
        conclude_at(&mut debrief, Some(judged), moment("2026-11-27T16:00:00Z"));
    }
    debrief
}

#[test]
fn what_people_found_and_what_proves_it_is_told_by_the_clock_of_the_team() {
    compare("learned.md", &learned());
}

#[test]
fn a_page_that_is_proven_says_so_and_asks_for_nothing_more() {
    let mut debrief = learned();
    let judged = judge(&debrief, &tried("second", "2026-11-30T08:00:00Z", &[]));
    conclude_at(&mut debrief, Some(judged), moment("2026-11-30T08:05:00Z"));
    let page = debrief::render(&debrief);
    assert!(page.contains("· **Closed, proven** 30 Nov 2026 ·"), "{page}");
    assert!(page.contains("- **Detection**: 2 of 2 passes; proven."), "{page}");
    assert!(!page.contains("## The path forward"), "{page}");
}

#[test]
fn where_the_last_run_did_not_ask_a_larger_fault_is_proposed() {
    let mut debrief = learned();
    assert!(!debrief::render(&debrief).contains("--larger"));
    let run = tried(
        "hidden",
        "2026-11-30T08:00:00Z",
        &[("/status/detection/answer", json!("NotExercised"))],
    );
    let judged = judge(&debrief, &run);
    conclude_at(&mut debrief, Some(judged), moment("2026-11-30T08:05:00Z"));
    let page = debrief::render(&debrief);
    let proposed = "as users noticed nothing of its fault. One that takes every\npod would:\n\n```sh\n\
                    firedrill debrief verify slow-alert-99c0ba9c-2 -n shop --larger\n```\n";
    assert!(page.contains(proposed), "{page}");
}

#[test]
fn the_honest_exits_stand_on_the_page_with_their_reasons() {
    let mut accepted = of(written());
    accepted.spec.accepted_risk = serde_json::from_value(json!({
        "reason": "Nothing is sold in January.\n- It can wait.", "reviewAt": "2027-01-15T09:00:00Z"})).unwrap();
    concluded(&mut accepted, "2026-11-26T12:00:00Z");
    let page = debrief::render(&accepted);
    assert!(page.contains("**Risk accepted, not proven**"), "{page}");
    let section = "## The risk is accepted\n\nNothing is sold in January.\n\n\\- It can wait.\n\nTo be reviewed by 15 Jan 2027.\n";
    assert!(page.contains(section), "{page}");
    let mut dismissed = of(written());
    dismissed.spec.dismissal =
        serde_json::from_value(json!({"reason": "It was a test of the test."})).unwrap();
    concluded(&mut dismissed, "2026-11-26T12:00:00Z");
    let page = debrief::render(&dismissed);
    assert!(page.contains("· **Dismissed** 26 Nov 2026 ·"), "{page}");
    assert!(
        page.contains("## Why nothing is to be learned\n\nIt was a test of the test.\n"),
        "{page}"
    );
}

fn incident(resolved: bool) -> Debrief {
    let mut incident = of(json!({
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "Debrief",
        "metadata": {"name": "incident-20261201-x7k2m", "namespace": "shop", "creationTimestamp": "2026-12-01T12:00:00Z"},
        "spec": {
            "title": "Payments were refused for an hour", "severity": "Major", "source": {"kind": "Incident"},
            "incident": {"startedAt": "2026-12-01T09:00:00Z", "noticedAt": "2026-12-01T09:02:00Z",
                "noticedBy": "Customer", "experiment": "payments-gone"},
            "policy": {"timeZone": "America/New_York"},
        },
    }));
    if resolved {
        incident.spec.resolved_at = Some(moment("2026-12-01T10:10:00Z"));
        incident.spec.impact =
            serde_json::from_value(json!({"none": false, "complaints": 12})).unwrap();
    }
    concluded(&mut incident, "2026-12-01T12:00:00Z");
    incident
}

#[test]
fn an_incident_that_no_run_has_made_has_a_page_too() {
    compare("incident.md", &incident(true));
    let page = debrief::render(&incident(false));
    assert!(page.contains("| not yet ") && page.contains("firedrill debrief resolved"), "{page}");
}

#[test]
fn no_section_is_empty_and_none_stands_there_twice() {
    for debrief in [learned(), incident(true), incident(false)] {
        let page = debrief::render(&debrief);
        let lines: Vec<_> = page.lines().filter(|line| !line.is_empty()).collect();
        let empty =
            lines.windows(2).find(|pair| pair[0].starts_with('#') && pair[1].starts_with('#'));
        assert_eq!(empty, None, "{page}");
        let headings: Vec<_> = lines.iter().filter(|line| line.starts_with('#')).collect();
        let once: std::collections::BTreeSet<_> = headings.iter().collect();
        assert_eq!(headings.len(), once.len(), "{page}");
        assert!(!page.contains("None") && !page.contains("n/a"), "{page}");
    }
}

/// Debriefs with something in every field that a page shows.
pub fn whole() -> Vec<Debrief> {
    let mut accepted = learned();
    accepted.spec.accepted_risk = serde_json::from_value(json!({
        "reason": "Nothing is sold in January.", "reviewAt": "2027-01-15T09:00:00Z"}))
    .unwrap();
    let mut dismissed = incident(true);
    dismissed.spec.dismissal =
        serde_json::from_value(json!({"reason": "It was a test of the test."})).unwrap();
    let attempts = &mut accepted.status.as_mut().unwrap().attempts;
    attempts[0].notes.push("another alert counted".to_owned());
    vec![accepted, dismissed, incident(false)]
}
