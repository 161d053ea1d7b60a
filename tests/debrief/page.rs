//! How a debrief reads: whole pages, compared as text. `UPDATE=1` writes them anew.

use std::{fs, path::Path};

use firedrill::{
    api::{Debrief, Duration, ExperimentRun, run::Impact},
    core::alerts::UNEXPECTED,
    debrief,
};
use serde_json::{Value, json};

use super::runs::{moment, never_noticed, not_tolerated, opened, slow_alert, with, without};

fn open(run: &ExperimentRun) -> Debrief {
    opened(run).unwrap()
}

/// Holds the page against a file.
#[track_caller]
pub fn compare(file: &str, debrief: &Debrief) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/debrief").join(file);
    let page = debrief::render(debrief);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    for (number, (line, wanted)) in page.lines().zip(expected.lines()).enumerate() {
        assert_eq!(line, wanted, "{file}:{} differs; UPDATE=1 writes it anew", number + 1);
    }
    assert_eq!(page.len(), expected.len(), "{file} differs at its end; UPDATE=1 writes it anew");
}

#[test]
fn an_alert_that_waits_too_long() {
    let mut debrief = open(&slow_alert());
    let again = with(
        &slow_alert(),
        &[("/metadata/uid", json!("2")), ("/metadata/name", json!("slow-alert-m4d7q"))],
    );
    let judged = debrief::proof::judge(&debrief, &again);
    let now = moment("2026-11-24T12:00:00Z");
    debrief.status = Some(debrief::decide::conclude(&debrief, Some(judged), None, now));
    compare("slow-alert.md", &debrief);
}

#[test]
fn nothing_noticed_and_not_back() {
    compare("never-noticed.md", &open(&never_noticed()));
}

#[test]
fn users_were_to_notice_nothing() {
    compare("not-tolerated.md", &open(&not_tolerated()));
}

#[test]
fn a_section_without_content_is_left_out() {
    let mut debrief = open(&never_noticed());
    let evidence = debrief.spec.evidence.as_mut().unwrap();
    (evidence.timeline, evidence.target_state, evidence.also_fired) = (vec![], vec![], vec![]);
    evidence.lead_up_horizon.clear();
    evidence.impact = Impact::default();
    evidence.victims.clear();
    let page = debrief::render(&debrief);
    for heading in
        ["What it was like before", "Impact", "How it came back", "What else fired", "Again since"]
    {
        assert!(!page.contains(&format!("## {heading}")), "{heading}\n{page}");
    }
    let lines: Vec<_> = page.lines().filter(|line| !line.is_empty()).collect();
    let empty = lines.windows(2).find(|pair| pair[0].starts_with('#') && pair[1].starts_with('#'));
    assert_eq!(empty, None);
    assert!(!page.contains("None") && !page.contains("n/a"), "{page}");
}

#[track_caller]
fn must_change(run: &ExperimentRun, expected: &str) {
    let page = debrief::render(&open(run));
    let section = page.split("## What must change").nth(1).unwrap().replace('\n', " ");
    assert!(section.contains(expected), "{section}");
}

#[test]
fn what_must_change_follows_from_where_the_time_went() {
    must_change(
        &slow_alert(),
        "the wait must be shorter than 14s, which is what is left of the 20s allowed",
    );
    let tight = with(&slow_alert(), &[("/status/plan/spec/detection/within", json!("5s"))]);
    must_change(
        &tight,
        "became true only after 5.2s, later than the 5s allowed, so no shorter `for` is enough",
    );
    must_change(
        &without(&slow_alert(), &["conditionTrue"]),
        "since when its condition was true is not known",
    );
    let notified = with(
        &slow_alert(),
        &[
            ("/status/plan/spec/detection/until", json!("Notified")),
            ("/status/plan/spec/detection/within", json!("36s")),
        ],
    );
    must_change(
        &notified,
        "fired after 35.1s, within the 36s allowed; its notification took 1.2s more",
    );
    must_change(&notified, "must deliver within 900ms of the firing");
    must_change(&never_noticed(), "No alert that counts fired in 1m0.1s");
    must_change(
        &never_noticed(),
        "`StorefrontErrors` did fire: where it is what calls people, let it count",
    );
    let (silenced, older) = ("silenced or inhibited", "began before the injection");
    let other = |name: &str, note: &str| json!({"labels": {"alertname": name}, "source": "alertmanager", "note": note});
    let fired = |others: &[Value]| {
        with(&never_noticed(), &[("/status/detection/alsoFired", json!(others))])
    };
    let advised = [other("A", silenced), other("B", older), other("C", UNEXPECTED)];
    must_change(&fired(&advised), "`C` did fire: where it is what calls people, let it count");
    must_change(&fired(&advised[..2]), "reach the alert sources, and fire within 20s. ");
    must_change(&never_noticed(), "something must bring it back within 1m");
    must_change(
        &not_tolerated(),
        "deployment/checkout must go on serving while it loses 1 of its 3 pods",
    );
    let late = |by: &str| {
        let changes = [
            ("/status/detection/answer", json!("Yes")),
            ("/status/recovery/answer", json!("No")),
            ("/status/recovery/by", json!(by)),
            ("/status/plan/spec/recovery/within", json!("30s")),
        ];
        with(&slow_alert(), &changes)
    };
    must_change(
        &late("Automatic"),
        "The desired state was as before after 41s, the probes were good only after 41.8s",
    );
    must_change(&late("Rollback"), "that change must be made within 30s");
    must_change(&late("FaultEnded"), "the service must get over this fault while it lasts");
}

#[test]
fn the_summary_is_one_line_with_name_and_window() {
    assert_eq!(
        debrief::summary_line(&open(&slow_alert())).split_once("-1 ").unwrap().1,
        "(Minor, awaiting debrief, meeting between Wed 25 Nov 10:41 and Fri 27 Nov 10:41 UTC): \
         Losing both checkout pods was noticed after 35.1s, later than the 20s allowed"
    );
}

#[test]
fn the_routine_of_pods_is_told_only_from_the_injection_on() {
    let mut debrief = open(&slow_alert());
    let timeline = &mut debrief.spec.evidence.as_mut().unwrap().timeline;
    let mut earlier = timeline[2].clone();
    earlier.at = earlier.at.minus(Duration::seconds(60));
    let mut probe = earlier.clone();
    probe.text = "Unhealthy: Readiness probe failed".to_owned();
    timeline.extend([earlier, probe]);
    let page = debrief::render(&debrief);
    assert_eq!(page.matches("Killing: Stopping container shop").count(), 1, "{page}");
    assert!(page.contains("Unhealthy: Readiness probe failed"), "{page}");
    assert!(page.contains("1 more entry of the cluster's own routine"), "{page}");
}

#[test]
fn a_page_shows_the_nearest_entries_and_counts_the_rest() {
    let mut debrief = open(&slow_alert());
    let entry = debrief.spec.evidence.as_ref().unwrap().timeline[2].clone();
    debrief.spec.evidence.as_mut().unwrap().timeline.extend(std::iter::repeat_n(entry, 70));
    let page = debrief::render(&debrief);
    assert!(page.contains("14 more entries of the cluster's own routine: in the record"), "{page}");
    assert!(page.contains("revision 3 rolled out"), "a rollout says more than an event");
}
