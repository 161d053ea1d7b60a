//! The oracles: whether a run was all right, by the audit log and by the objects that are there, never
//! by what the run says of itself alone.

pub mod altering;
pub mod audit;
pub mod effects;
#[path = "../on_cluster/support/objects.rs"]
pub mod objects;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;

use crate::scenario::{Changed, Scenario};
use audit::Event;
use objects::Snapshot;

/// What must hold after every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oracle {
    /// The write at which something was to happen came.
    Came,
    /// The run is over and its Experiment says so.
    Complete,
    /// Our finalizer is gone.
    Finalizer,
    /// The verdict is the one that is due.
    Verdict,
    /// There is exactly the one debrief that is due, and only one was ever made.
    Debrief,
    /// Exactly the journaled pods were evicted.
    Victims,
    /// What is broken was journaled before.
    JournaledFirst,
    /// A target is armed once.
    ArmedOnce,
    /// Whoever says that the fault is gone is right.
    Reverted,
    /// No fault outlasts its deadline by more than is promised.
    Exposure,
    /// Every write says on what it is based.
    Fenced,
    /// Every fact that was ever written is still there, unchanged, and nobody tried to change one.
    Facts,
    /// Objects are as before.
    Objects,
    /// Nothing carries a fault.
    Unarmed,
    /// Nothing was written outside the run's namespace.
    OwnNamespace,
    /// Every operator lives and none has panicked.
    Alive,
}

/// Which oracle complains of what.
#[derive(Clone, Debug)]
pub struct Complaint {
    pub oracle: Oracle,
    pub of: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.oracle, self.of)
    }
}

/// Everything that is known of a case when it is over.
pub struct Evidence {
    pub namespace: String,
    /// The user as which the operators write.
    pub operator: String,
    /// The user as which the reaper writes.
    pub reaper: String,
    pub came: bool,
    /// From the restart, or from the creation of the run, until everything was clean.
    pub clean_after: Option<Duration>,
    /// What was allowed for that.
    pub clean_within: Duration,
    pub run: Value,
    pub experiment: Value,
    pub debriefs: Vec<Value>,
    pub before: Snapshot,
    pub after: Snapshot,
    pub ails: Vec<String>,
    /// The audit log.
    pub events: Vec<Event>,
    /// What the fault changes.
    pub changed: Option<Changed>,
    pub due: Due,
    /// When the API server was there again, where it was away.
    pub answered_again: Option<Timestamp>,
    /// When all of this was written down.
    pub ended: Timestamp,
}

/// What must have become of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// This verdict with this reason.
    Verdict(&'static str, &'static str),
    /// A verdict, and one that does not praise what nobody saw.
    NoPraise,
    /// Any verdict.
    Anything,
    /// It is gone.
    Gone,
}

/// Every complaint about a case; none when it was all right.
pub fn judge(evidence: &Evidence) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut hear = |oracle, found: Vec<String>| {
        complaints.extend(found.into_iter().map(|of| Complaint { oracle, of }));
    };
    let came = (!evidence.came).then(|| "what was to be disturbed never came".to_owned());
    hear(Oracle::Came, came.into_iter().collect());
    hear(Oracle::Complete, incomplete(evidence));
    let finalizers = evidence.run["metadata"]["finalizers"].as_array();
    let held = finalizers.into_iter().flatten().map(|name| format!("{name} is still there"));
    hear(Oracle::Finalizer, held.collect());
    hear(Oracle::Verdict, verdict(evidence));
    hear(Oracle::Debrief, debriefs(evidence));
    hear(Oracle::Victims, victims(evidence));
    hear(Oracle::JournaledFirst, evicted_before_journal(evidence));
    hear(Oracle::JournaledFirst, effects::armed_before_journal(evidence));
    hear(Oracle::ArmedOnce, effects::armed_often(evidence));
    hear(Oracle::Reverted, effects::reverted_untruly(evidence));
    hear(Oracle::Exposure, effects::overexposed(evidence));
    hear(Oracle::Fenced, unfenced(evidence));
    hear(Oracle::Facts, lost_facts(evidence));
    hear(Oracle::Objects, evidence.before.changes(&evidence.after));
    hear(Oracle::Unarmed, evidence.after.armed.clone());
    hear(Oracle::OwnNamespace, elsewhere(evidence));
    hear(Oracle::Alive, evidence.ails.clone());
    complaints
}

impl Evidence {
    /// What the operators wrote or tried to write.
    pub fn writes(&self) -> impl Iterator<Item = &Event> {
        audit::writes(&self.events, &self.operator)
    }

    /// What became of the run's status, in the order in which it was stored.
    fn statuses(&self) -> Vec<&Event> {
        let status = |event: &&Event| event.is("patch", "experimentruns/status");
        let version = |event: &&Event| {
            let version = event.response()["metadata"]["resourceVersion"].as_str();
            version.and_then(|version| version.parse::<u64>().ok())
        };
        let mut statuses: Vec<_> =
            self.events.iter().filter(status).filter(|event| event.is_committed()).collect();
        statuses.sort_by_key(version);
        statuses
    }

    /// The pods that the operators evicted or deleted, each with the request.
    fn evictions(&self) -> Vec<(String, &Event)> {
        let created = self.events.iter().filter(|event| event.is("create", "pods"));
        let uids: BTreeMap<&str, &str> =
            created.filter_map(|event| identity(event.response())).collect();
        let harm =
            |event: &&Event| event.is("create", "pods/eviction") || event.is("delete", "pods");
        let uid = |event: &Event| uids.get(event.name()).copied().unwrap_or("unknown").to_owned();
        let harmful = self.writes().filter(harm).filter(|event| event.is_committed());
        harmful.map(|event| (uid(event), event)).collect()
    }
}

fn identity(object: &Value) -> Option<(&str, &str)> {
    let metadata = &object["metadata"];
    Some((metadata["name"].as_str()?, metadata["uid"].as_str()?))
}

fn facts(run: &Value) -> impl Iterator<Item = &Value> {
    run["status"]["facts"].as_array().into_iter().flatten()
}

fn journaled(run: &Value) -> BTreeSet<String> {
    let victims = run["status"]["plan"]["victims"].as_array().into_iter().flatten();
    let pods = victims.filter(|victim| victim["kind"] == "Pod");
    pods.filter_map(|victim| victim["uid"].as_str().map(str::to_owned)).collect()
}

fn incomplete(evidence: &Evidence) -> Vec<String> {
    let mut missing = Vec::new();
    if evidence.clean_after.is_none_or(|after| after > evidence.clean_within) {
        missing.push(format!("it was not clean within {:?}", evidence.clean_within));
    }
    if evidence.due == Due::Gone {
        let there = (!evidence.run.is_null()).then(|| "the run is still there".to_owned());
        missing.extend(there);
        return missing;
    }
    let conditions = evidence.run["status"]["conditions"].as_array().into_iter().flatten();
    let complete =
        |condition: &Value| condition["type"] == "Complete" && condition["status"] == "True";
    if !conditions.into_iter().any(complete) {
        missing.push("the run has no condition Complete=True".to_owned());
    }
    if !facts(&evidence.run).any(|fact| fact["name"] == "completed") {
        missing.push("the run has no fact completed".to_owned());
    }
    if evidence.experiment["status"]["lastRun"]["name"] != evidence.run["metadata"]["name"] {
        missing.push("the Experiment does not know of the run".to_owned());
    }
    missing
}

fn verdict(evidence: &Evidence) -> Vec<String> {
    let status = &evidence.run["status"];
    let (verdict, reason) = (&status["verdict"], &status["reason"]);
    let is_due = match evidence.due {
        Due::Verdict(due, why) => verdict == due && reason == why,
        Due::NoPraise => verdict.is_string() && verdict != "Passed",
        Due::Anything => verdict.is_string(),
        Due::Gone => true,
    };
    let wrong = format!("it is {verdict} ({reason}), due is {:?}", evidence.due);
    if is_due { Vec::new() } else { vec![wrong] }
}

fn debriefs(evidence: &Evidence) -> Vec<String> {
    if evidence.due == Due::Gone {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    let said = |what: &str| evidence.run["status"][what].as_str().unwrap_or_default();
    let (verdict, reason) = match evidence.due {
        Due::Verdict(verdict, reason) => (verdict, reason),
        _ => (said("verdict"), said("reason")),
    };
    let has_struck = facts(&evidence.run).any(|fact| fact["name"] == "injected");
    let due = usize::from(Scenario::opens_debrief(verdict, reason, has_struck));
    let made = evidence.writes().filter(|event| event.is("create", "debriefs"));
    let made = made.filter(|event| event.is_committed()).count();
    if (made, evidence.debriefs.len()) != (due, due) {
        let there = evidence.debriefs.len();
        wrong.push(format!("{made} were made and {there} are there, {due} are due"));
    }
    for debrief in &evidence.debriefs {
        if debrief["metadata"]["name"] != evidence.run["status"]["debrief"] {
            wrong.push(format!("the run does not name {}", debrief["metadata"]["name"]));
        }
        if debrief["spec"]["source"]["runRef"]["uid"] != evidence.run["metadata"]["uid"] {
            wrong.push(format!("{} is not about the run", debrief["metadata"]["name"]));
        }
        if debrief["status"]["stage"].is_null() {
            wrong.push(format!("{} has no stage", debrief["metadata"]["name"]));
        }
    }
    wrong
}

fn victims(evidence: &Evidence) -> Vec<String> {
    let evicted: BTreeSet<String> = evidence.evictions().into_iter().map(|(uid, _)| uid).collect();
    let journaled = journaled(&evidence.run);
    let lost: BTreeSet<String> =
        evidence.before.pods.difference(&evidence.after.pods).cloned().collect();
    let mut wrong = Vec::new();
    if evicted != journaled {
        wrong.push(format!("{evicted:?} were evicted and {journaled:?} journaled"));
    }
    // Only a fault that takes pods by name says which ones are gone after it.
    if !journaled.is_empty() && lost != journaled {
        wrong.push(format!("{lost:?} are gone and {journaled:?} were journaled"));
    }
    wrong
}

fn evicted_before_journal(evidence: &Evidence) -> Vec<String> {
    let statuses = evidence.statuses();
    let known = |uid: &String, eviction: &Event| {
        let mut earlier = statuses.iter().filter(|status| status.received() < eviction.received());
        earlier.any(|status| journaled(status.response()).contains(uid))
    };
    let evictions = evidence.evictions().into_iter();
    let unknown = evictions.filter(|(uid, eviction)| !known(uid, eviction));
    unknown.map(|(uid, _)| format!("pod {uid} was evicted before it was journaled")).collect()
}

fn unfenced(evidence: &Evidence) -> Vec<String> {
    let unfenced = evidence.writes().filter(|event| event.is_committed() && !is_fenced(event));
    unfenced
        .map(|event| format!("{} {} {}", event.verb(), event.resource(), event.name()))
        .collect()
}

/// Whether a write says on what it is based, so that a late or repeated one fails.
fn is_fenced(event: &Event) -> bool {
    let request = event.request();
    let exact = |preconditions: &Value| {
        preconditions["uid"].is_string() && preconditions["resourceVersion"].is_string()
    };
    match (event.verb(), event.resource().as_str()) {
        ("create", "pods/eviction") => exact(&request["deleteOptions"]["preconditions"]),
        ("delete", _) => request["preconditions"]["uid"].is_string(),
        // What is created has a name of its own or none that matters; events are appended to.
        ("create", _) | (_, "events") => true,
        (_, "deployments" | "services" | "networkpolicies") => tests_mark(request),
        (_, "pods") => request["metadata"]["uid"].is_string() || has_test(request),
        _ => request["metadata"]["resourceVersion"].is_string() || has_test(request),
    }
}

/// Whether a patch of a target says which mark it is based on.
fn tests_mark(patch: &Value) -> bool {
    let tests = |step: &Value| step["op"] == "test" && step["path"] == effects::MARK;
    patch.as_array().is_some_and(|steps| steps.iter().any(tests))
}

fn has_test(patch: &Value) -> bool {
    patch.as_array().is_some_and(|steps| steps.iter().any(|step| step["op"] == "test"))
}

fn lost_facts(evidence: &Evidence) -> Vec<String> {
    let mut known: BTreeMap<String, &Value> = BTreeMap::new();
    let mut lost = Vec::new();
    let live = Some(&evidence.run).filter(|run| !run.is_null());
    for run in evidence.statuses().into_iter().map(Event::response).chain(live) {
        let now: BTreeMap<String, &Value> =
            facts(run).map(|fact| (fact["name"].to_string(), fact)).collect();
        for (name, fact) in &known {
            if now.get(name) != Some(fact) {
                lost.push(format!("{name} was {fact} and is {:?}", now.get(name)));
            }
        }
        known.extend(now);
    }
    let refused = evidence.writes().filter(|event| is_invalid_status(event));
    lost.extend(
        refused
            .map(|event| format!("the API server refused {}", event.request()["status"]["facts"])),
    );
    lost
}

/// A status that breaks a rule of the definition, so that facts would have changed had it not been for that.
fn is_invalid_status(event: &Event) -> bool {
    event.is("patch", "experimentruns/status") && event.code() == 422
}

fn elsewhere(evidence: &Evidence) -> Vec<String> {
    let elsewhere = evidence.writes().filter(|event| event.namespace() != evidence.namespace);
    elsewhere
        .map(|event| format!("{} {} in {:?}", event.verb(), event.resource(), event.namespace()))
        .collect()
}
