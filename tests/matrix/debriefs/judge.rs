//! The oracles of a debrief: whether people were told everything once, each run was judged once, and it ended with its
//! proof, by the chat, by the audit log and by the objects that are there.

mod proof;
pub mod told;

use std::time::Duration;

use serde_json::Value;

use crate::{
    disturbed::{complaints, missing, struck, unfenced},
    judge::audit::{self, Event},
    proxy::{Fired, Heard},
};

/// What must hold after every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oracle {
    /// The write at which something was to happen came.
    Came,
    /// It is over in time, and no Experiment names it as open.
    Closed,
    /// One debrief was ever created, and it is there.
    OneDebrief,
    /// People were told everything once, and once more only where nobody could know that they were.
    ToldOnce,
    /// What is told again has the same key.
    SameKey,
    /// No run was ever judged twice, and every run was judged.
    JudgedOnce,
    /// Each proof run counts, with the answers that an undisturbed one has.
    Counts,
    /// It was not closed before two runs had passed, behind what was done.
    ProvenFirst,
    /// When the item was done was written by the operator, once, when it was.
    Stamped,
    /// Two proof runs were created, each once.
    OneRun,
    /// A proof run was written down before it was created.
    IntendedFirst,
    /// Each victim was evicted once, by a run that had journaled it.
    StruckOnce,
    /// What was once written of runs, of messages and of the end is still there.
    Kept,
    /// Every run is over and let go of, and nothing carries a fault.
    Clean,
    /// Every write says on what it is based.
    Fenced,
    /// Every operator lives and none has panicked.
    Alive,
}

impl Oracle {
    /// Those that look at what the API server and the chat have.
    pub const OF_EVIDENCE: [Self; 14] = [
        Self::Closed,
        Self::OneDebrief,
        Self::ToldOnce,
        Self::SameKey,
        Self::JudgedOnce,
        Self::Counts,
        Self::ProvenFirst,
        Self::Stamped,
        Self::OneRun,
        Self::IntendedFirst,
        Self::StruckOnce,
        Self::Kept,
        Self::Clean,
        Self::Fenced,
    ];
}

/// Everything that is known of a case when it is over.
#[derive(Clone)]
pub struct Evidence {
    /// The user as which the operators write.
    pub operator: String,
    pub came: bool,
    /// From the disturbance until it was over.
    pub over_after: Option<Duration>,
    /// What was allowed for that.
    pub over_within: Duration,
    pub debriefs: Vec<Value>,
    pub runs: Vec<Value>,
    pub experiment: Value,
    /// What carries a fault.
    pub armed: Vec<String>,
    /// Every message that the chat has received, in their order.
    pub heard: Vec<Heard>,
    /// What was disturbed, where something was.
    pub fired: Option<Fired>,
    pub ails: Vec<String>,
    /// The audit log.
    pub events: Vec<Event>,
}

impl Evidence {
    /// See [`audit::writes`].
    pub fn writes(&self) -> impl Iterator<Item = &Event> {
        audit::writes(&self.events, &self.operator)
    }

    /// See [`audit::done`].
    pub fn done(&self, verb: &str, resource: &str) -> Vec<&Event> {
        audit::done(&self.events, verb, resource)
    }

    /// Where a status of the debrief was written, in the order of its versions.
    pub fn statuses(&self) -> Vec<&Event> {
        self.done("patch", "debriefs/status")
    }
}

/// A list in an object's status.
pub fn list<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    object["status"][name].as_array().into_iter().flatten()
}

/// Every complaint about a case; none when it was all right.
pub fn judge(evidence: &Evidence) -> Vec<(Oracle, String)> {
    complaints([
        (Oracle::Came, missing(evidence.came)),
        (Oracle::Closed, closed(evidence)),
        (Oracle::OneDebrief, debriefs(evidence)),
        (Oracle::ToldOnce, told::needless(evidence)),
        (Oracle::SameKey, told::other_keys(evidence)),
        (Oracle::JudgedOnce, proof::judged(evidence)),
        (Oracle::Counts, proof::uncounted(evidence)),
        (Oracle::ProvenFirst, proof::unproven(evidence)),
        (Oracle::Stamped, proof::unstamped(evidence)),
        (Oracle::OneRun, proof::runs(evidence)),
        (Oracle::IntendedFirst, proof::unintended(evidence)),
        (Oracle::StruckOnce, struck(&evidence.events, &evidence.runs)),
        (Oracle::Kept, lost(evidence)),
        (Oracle::Clean, left(evidence)),
        (Oracle::Fenced, unfenced(evidence.writes(), &["debriefs/status"])),
        (Oracle::Alive, evidence.ails.clone()),
    ])
}

fn closed(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    if evidence.over_after.is_none_or(|after| after > evidence.over_within) {
        wrong.push(format!("it was not over within {:?}", evidence.over_within));
    }
    for debrief in &evidence.debriefs {
        let is_closed = |of: &Value| {
            of["type"] == "Closed" && of["status"] == "True" && of["reason"] == "Proven"
        };
        let stage = &debrief["status"]["stage"];
        if stage != "Closed" || !list(debrief, "conditions").any(is_closed) {
            wrong.push(format!("it is {stage}, and not Closed as it is Proven"));
        }
    }
    let named = &evidence.experiment["status"]["openDebrief"];
    if !named.is_null() {
        wrong.push(format!("its Experiment says that {named} is open"));
    }
    wrong
}

fn debriefs(evidence: &Evidence) -> Vec<String> {
    let counts = (evidence.done("create", "debriefs").len(), evidence.debriefs.len());
    if counts == (1, 1) {
        return Vec::new();
    }
    vec![format!("{} debriefs were created and {} are there, one is due", counts.0, counts.1)]
}

/// What an earlier status had and a later one has not.
fn lost(evidence: &Evidence) -> Vec<String> {
    let versions: Vec<&Value> =
        evidence.statuses().into_iter().map(Event::response).chain(&evidence.debriefs).collect();
    let uids = |of: &Value, name: &str| -> Vec<Value> {
        list(of, name).map(|one| one["uid"].clone()).collect()
    };
    let told = |of: &Value| -> Vec<(Value, Value)> {
        let messages = list(of, "messages").filter(|message| !message["delivered"].is_null());
        messages.map(|message| (message["what"].clone(), message["delivered"].clone())).collect()
    };
    let mut wrong = Vec::new();
    for pair in versions.windows(2) {
        for name in ["attempts", "occurrences"] {
            let now = uids(pair[1], name);
            if uids(pair[0], name).iter().any(|uid| !now.contains(uid)) {
                wrong.push(format!("{name} has less than it had"));
            }
        }
        let now = told(pair[1]);
        if told(pair[0]).iter().any(|message| !now.contains(message)) {
            wrong.push("a message that was delivered is not any more".to_owned());
        }
        let [was, is] = [pair[0], pair[1]].map(|of| &of["status"]["endedAt"]);
        if !was.is_null() && was != is {
            wrong.push(format!("it ended at {was}, and then at {is}"));
        }
    }
    wrong
}

fn left(evidence: &Evidence) -> Vec<String> {
    let mut wrong: Vec<String> =
        evidence.armed.iter().map(|name| format!("{name} carries a fault")).collect();
    for run in &evidence.runs {
        let name = &run["metadata"]["name"];
        if !list(run, "facts").any(|fact| fact["name"] == "completed") {
            wrong.push(format!("run {name} is not over"));
        }
        if !run["metadata"]["finalizers"].is_null() {
            wrong.push(format!("run {name} has its finalizer"));
        }
    }
    wrong
}
