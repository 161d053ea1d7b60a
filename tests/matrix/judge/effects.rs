//! What the audit log tells of the one object that a fault changes: when it was broken, by which write,
//! and how long past its deadline.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{Evidence, audit::Event, facts};
use crate::scenario::Changed;

/// The longest that a fault may outlast its deadline.
const EXPOSED_AT_MOST: Duration = Duration::from_secs(15);
/// Where the mark of a fault is on its target.
pub const MARK: &str = "/metadata/labels/firedrill.dev~1fault";
const DEADLINE: &str = "/metadata/annotations/firedrill.dev~1deadline";

/// What a write made of the object.
struct Step<'a> {
    event: &'a Event,
    is_faulty: bool,
}

/// Every write of anybody to the object, in the order in which they were done.
fn story<'a>(evidence: &'a Evidence, changed: &Changed) -> Vec<Step<'a>> {
    let is_of_it = |event: &&Event| {
        let of = event.resource() == changed.kind.plural && event.is_committed();
        of && (event.name() == changed.name || event.verb() == "deletecollection")
    };
    let is_gone = |event: &Event| event.verb().starts_with("delete");
    let mut events: Vec<&Event> = evidence.events.iter().filter(is_of_it).collect();
    events.sort_by_key(|event| event.completed());
    let step = |event: &'a Event| Step {
        event,
        is_faulty: !is_gone(event) && changed.is_faulty(event.response()),
    };
    events.into_iter().map(step).collect()
}

/// Whether the reaper has ended the fault, or removed what it left behind, before an operator could.
pub fn reaper_was_first(evidence: &Evidence) -> bool {
    let of_reaper = |event: &Event| event.user() == evidence.reaper && event.is_committed();
    evidence.events.iter().any(of_reaper)
}

/// Whether a patch sets the mark of an armed fault.
fn arms(event: &Event) -> bool {
    let sets = |step: &Value| {
        let value = step["value"].as_str().unwrap_or_default();
        matches!(step["op"].as_str(), Some("add" | "replace"))
            && step["path"] == MARK
            && value.rsplit('.').next() == Some("armed")
    };
    event.request().as_array().is_some_and(|steps| steps.iter().any(sets))
}

/// The writes that broke the object, or armed it once more.
fn armings<'a>(story: &[Step<'a>]) -> Vec<&'a Event> {
    let mut was_faulty = false;
    let mut found = Vec::new();
    for step in story {
        if arms(step.event) || step.is_faulty && !was_faulty {
            found.push(step.event);
        }
        was_faulty = step.is_faulty;
    }
    found
}

pub(super) fn armed_often(evidence: &Evidence) -> Vec<String> {
    let Some(changed) = &evidence.changed else {
        return Vec::new();
    };
    let story = story(evidence, changed);
    let by = |event: &&Event| format!("{} by {}", event.completed(), event.user());
    let armings = armings(&story);
    if armings.len() < 2 {
        return Vec::new();
    }
    let all: Vec<String> = armings.iter().map(by).collect();
    vec![format!("{} was armed {} times: {}", changed.called(), all.len(), all.join(", "))]
}

/// The armings of objects that no status had journaled.
pub(super) fn armed_before_journal(evidence: &Evidence) -> Vec<String> {
    let Some(changed) = &evidence.changed else {
        return Vec::new();
    };
    let statuses = evidence.statuses();
    let known = |arming: &&Event| {
        let uid = &arming.response()["metadata"]["uid"];
        let mut earlier = statuses.iter().filter(|status| status.received() < arming.received());
        earlier.any(|status| {
            let victims = status.response().pointer("/status/plan/victims");
            let mut victims = victims.and_then(Value::as_array).into_iter().flatten();
            victims.any(|victim| victim["uid"] == *uid)
        })
    };
    let story = story(evidence, changed);
    let unknown = armings(&story).into_iter().filter(|arming| !known(arming));
    unknown.map(|_| format!("{} was armed before it was journaled", changed.called())).collect()
}

/// Writes by which the operator says that the fault is gone, while it is there.
pub(super) fn reverted_untruly(evidence: &Evidence) -> Vec<String> {
    let Some(changed) = &evidence.changed else {
        return Vec::new();
    };
    let story = story(evidence, changed);
    let is_faulty_at = |when: Timestamp| {
        let until = story.iter().take_while(|step| step.event.completed() <= when);
        until.last().is_some_and(|step| step.is_faulty)
    };
    let says = |event: &&Event| {
        let lets_go = event.is("patch", "experimentruns")
            && event.request()["metadata"]["finalizers"] == serde_json::json!([]);
        let reports = event.is("patch", "experimentruns/status")
            && facts(event.response()).any(|fact| fact["name"] == "reverted");
        event.is_committed() && (lets_go || reports)
    };
    let untrue = evidence.writes().filter(says).filter(|event| is_faulty_at(event.completed()));
    let first = untrue.map(|event| format!("{} {}", event.verb(), event.resource())).next();
    first
        .map(|write| format!("{write} while {} was broken", changed.called()))
        .into_iter()
        .collect()
}

/// How long the object was broken past its deadline, as far as the API server was there to be asked.
pub fn exposure(evidence: &Evidence) -> Option<Duration> {
    let changed = evidence.changed.as_ref()?;
    let story = story(evidence, changed);
    let mut armed: Option<Timestamp> = None;
    let mut worst = None;
    let ends = story.iter().map(|step| (step.event.completed(), step.is_faulty));
    for ((when, is_faulty), step) in ends.zip(&story) {
        if is_faulty {
            armed = armed.or_else(|| Some(deadline(step.event)));
        } else if let Some(deadline) = armed.take() {
            worst = worst.max(Some(past(evidence, deadline, when)));
        }
    }
    worst.max(armed.map(|deadline| past(evidence, deadline, evidence.ended)))
}

/// When the object must be clean again; at once, where that is not said.
fn deadline(arming: &Event) -> Timestamp {
    let said = arming.response().pointer(DEADLINE).and_then(Value::as_str);
    said.and_then(|text| text.parse().ok()).unwrap_or_else(|| arming.completed())
}

fn past(evidence: &Evidence, deadline: Timestamp, when: Timestamp) -> Duration {
    let due = evidence.answered_again.map_or(deadline, |back| back.max(deadline));
    when.duration_since(due).try_into().unwrap_or_default()
}

pub(super) fn overexposed(evidence: &Evidence) -> Vec<String> {
    let over = exposure(evidence).filter(|exposure| *exposure > EXPOSED_AT_MOST);
    over.map(|exposure| format!("the fault outlasted its deadline by {exposure:.1?}"))
        .into_iter()
        .collect()
}
