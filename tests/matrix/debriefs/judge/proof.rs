//! Whether each run was judged once, and what proves the debrief.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Evidence, list};
use crate::judge::audit::Event;

/// How many runs prove it.
const PASSES: usize = 2;

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// Every UID that a status has judged.
fn uids(debrief: &Value) -> Vec<&str> {
    let judged = list(debrief, "attempts").chain(list(debrief, "occurrences"));
    judged.map(|one| text(one, "/uid")).collect()
}

/// The runs that were judged twice, and those that were not.
pub fn judged(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    let statuses = evidence.statuses();
    for debrief in statuses.iter().map(|event| event.response()).chain(&evidence.debriefs) {
        let uids = uids(debrief);
        if uids.iter().collect::<BTreeSet<_>>().len() != uids.len() {
            wrong.push(format!("a run was judged twice: {uids:?}"));
        }
    }
    for debrief in &evidence.debriefs {
        let opened = text(debrief, "/spec/source/runRef/uid");
        let due = evidence.runs.iter().map(|run| text(run, "/metadata/uid"));
        let due: BTreeSet<&str> = due.filter(|uid| *uid != opened).collect();
        let judged: BTreeSet<&str> = uids(debrief).into_iter().collect();
        if judged != due || evidence.runs.len() != due.len() + 1 {
            wrong.push(format!("judged were {judged:?}, over are {due:?} and {opened}"));
        }
    }
    wrong
}

/// Whether an attempt counts, with the answers of an undisturbed one.
fn counts(attempt: &Value) -> bool {
    let is_refused = attempt["refused"].as_array().is_some_and(|why| !why.is_empty());
    let answers = ["recovery", "detection", "conclusion"].map(|of| &attempt["answers"][of]);
    let is_changed = attempt["changed"].as_array().is_some_and(|changed| !changed.is_empty());
    !is_refused && is_changed && answers == ["Yes", "NotExercised", "Yes"]
}

/// The attempts that do not count as they do where nothing is disturbed, and whether the proof is made of them.
pub fn uncounted(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    for debrief in &evidence.debriefs {
        let attempts: Vec<&Value> = list(debrief, "attempts").collect();
        let misses = list(debrief, "occurrences").count();
        if (attempts.len(), misses) != (PASSES, 0) {
            wrong.push(format!("{} attempts and {misses} more misses", attempts.len()));
        }
        for attempt in attempts.iter().filter(|attempt| !counts(attempt)) {
            wrong.push(format!("does not count: {attempt}"));
        }
        let names: BTreeSet<&str> = attempts.iter().map(|attempt| text(attempt, "/run")).collect();
        let proven: BTreeSet<&str> = list(debrief, "questions")
            .filter_map(|question| question["provenBy"].as_array())
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if names != proven {
            wrong.push(format!("tried were {names:?}, it is proven by {proven:?}"));
        }
    }
    wrong
}

/// The statuses that say Closed before two runs had passed, each behind what was done.
pub fn unproven(evidence: &Evidence) -> Vec<String> {
    let passed = evidence.done("patch", "experimentruns/status");
    let passed: Vec<&Event> = passed
        .into_iter()
        .filter(|event| event.response()["status"]["verdict"] == "Passed")
        .collect();
    let is_unproven = |event: &&&Event| {
        let debrief = event.response();
        let done = list(debrief, "items").filter_map(|item| instant(&item["doneAt"])).max();
        let is_pass = |attempt: &&Value| {
            let is_it = |run: &&Event| text(run.response(), "/metadata/uid") == attempt["uid"];
            let is_before = passed.iter().any(|run| is_it(run) && run.version() < event.version());
            is_before && counts(attempt) && done.is_some() && instant(&attempt["at"]) > done
        };
        list(debrief, "attempts").filter(is_pass).count() < PASSES
    };
    let statuses = evidence.statuses();
    let closed = statuses.iter().filter(|event| event.response()["status"]["stage"] == "Closed");
    let found = closed.filter(|event| is_unproven(event));
    found.map(|event| format!("it was Closed without its proof: {}", event.response())).collect()
}

/// Whether the operator wrote when the item was done: when people had said so, and never again.
pub fn unstamped(evidence: &Evidence) -> Vec<String> {
    let stamp = |debrief: &Value| list(debrief, "items").find_map(|item| instant(&item["doneAt"]));
    let said = evidence
        .done("patch", "debriefs")
        .into_iter()
        .find(|event| event.response()["spec"]["actionItems"][0]["state"] == "Done");
    let Some(said) = said else { return vec!["nobody has said that it is done".to_owned()] };
    let mut wrong = Vec::new();
    let statuses = evidence.statuses();
    for event in statuses.iter().filter(|event| event.user() != evidence.operator) {
        wrong.push(format!("{} wrote a status", event.user()));
    }
    let all: Vec<Timestamp> = statuses
        .iter()
        .map(|event| event.response())
        .chain(&evidence.debriefs)
        .filter_map(stamp)
        .collect();
    // The end of an operation is noted after what it has done was seen.
    let earliest = said.completed() - SignedDuration::from_secs(1);
    match all.first() {
        Some(at) if *at >= earliest && all.iter().all(|other| other == at) => {}
        _ => wrong.push(format!("done were {all:?}, said at {}", said.completed())),
    }
    if evidence.debriefs.iter().any(|debrief| stamp(debrief).is_none()) {
        wrong.push("no instant is there at which it was done".to_owned());
    }
    wrong
}

/// Where the proof runs were created.
fn created(evidence: &Evidence) -> Vec<&Event> {
    let mut created = evidence.done("create", "experimentruns");
    created.retain(|event| event.response()["spec"]["scheduled"] == true);
    created
}

fn name(run: &Event) -> &str {
    text(run.response(), "/metadata/name")
}

pub fn runs(evidence: &Evidence) -> Vec<String> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for run in created(evidence) {
        *count.entry(name(run)).or_default() += 1;
    }
    let is_right = count.len() == PASSES && count.values().all(|count| *count == 1);
    if is_right { Vec::new() } else { vec![format!("created were {count:?}, {PASSES} are due")] }
}

/// The proof runs that were created before a status named them.
pub fn unintended(evidence: &Evidence) -> Vec<String> {
    let statuses = evidence.statuses();
    let is_unintended = |run: &&Event| {
        let mut before = statuses.iter().filter(|status| status.version() < run.version());
        !before.any(|status| text(status.response(), "/status/scheduled/run") == name(run))
    };
    let found = created(evidence).into_iter().filter(is_unintended);
    found.map(|run| format!("{} was created unasked", name(run))).collect()
}
