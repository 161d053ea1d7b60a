//! The oracles of a game day: whether it began once, created each run once and ended as it should, by the audit log
//! and by the objects that are there.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    disturbed::{complaints, missing, struck, unfenced},
    judge::audit::{self, Event},
};

/// What an operator changes of a plan and of its days.
pub const OF_A_DAY: [&str; 3] = ["gamedays/status", "gamedayruns", "gamedayruns/status"];

/// What must hold after every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oracle {
    /// The write at which something was to happen came.
    Came,
    /// The day is over, in time and with the outcome that is due.
    Outcome,
    /// One day was created for the time, and it is the one that the plan names.
    OneDay,
    /// The go was written once.
    OneGo,
    /// Each step's run was created once, and no other.
    OneRun,
    /// A run was written down before it was created, and nothing was created before the go.
    IntendedFirst,
    /// The second step began when the first was over.
    InOrder,
    /// No dry run that a gate asked for is left.
    Rehearsed,
    /// Each victim was evicted once, by a run that had journaled it.
    StruckOnce,
    /// Every fact that was ever written is still there, unchanged.
    Facts,
    /// Its plan, its gates and its steps, once written, are all there to the end.
    Kept,
    /// People were told everything.
    Told,
    /// Every write says on what it is based.
    Fenced,
    /// Every operator lives and none has panicked.
    Alive,
}

impl Oracle {
    /// Those that look at what the API server has.
    pub const OF_EVIDENCE: [Self; 12] = [
        Self::Outcome,
        Self::OneDay,
        Self::OneGo,
        Self::OneRun,
        Self::IntendedFirst,
        Self::InOrder,
        Self::Rehearsed,
        Self::StruckOnce,
        Self::Facts,
        Self::Kept,
        Self::Told,
        Self::Fenced,
    ];
}

/// What must have become of the plan's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A day that ran both steps.
    Done,
    /// No day: it is written down that nobody looked in time.
    Missed,
}

/// Everything that is known of a case when it is over.
#[derive(Clone)]
pub struct Evidence {
    /// The user as which the operators write.
    pub operator: String,
    /// When the plan fires.
    pub at: Timestamp,
    pub came: bool,
    /// From the disturbance until the day was over.
    pub over_after: Option<Duration>,
    /// What was allowed for that.
    pub over_within: Duration,
    pub due: Due,
    pub plan: Value,
    pub days: Vec<Value>,
    pub runs: Vec<Value>,
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

    /// Where the steps' runs were created. A dry run may be asked for again by an operator that has not yet heard of
    /// the go.
    fn created(&self) -> Vec<&Event> {
        let mut found = self.done("create", "experimentruns");
        found.retain(|event| event.response()["spec"]["dryRun"] != true);
        found
    }

    /// How long after its time the day was created, and how long after it the go was written.
    pub fn lateness(&self) -> Option<(f64, f64)> {
        let created = self.done("create", "gamedayruns").first()?.completed();
        let statuses = self.done("patch", "gamedayruns/status");
        let go = statuses.iter().find(|event| has_fact(event.response(), "go"))?.completed();
        let late = |at: Timestamp| at.duration_since(self.at).as_secs_f64();
        Some((late(created), late(go)))
    }
}

/// Whether a day has that fact.
pub fn has_fact(day: &Value, name: &str) -> bool {
    facts(day).any(|fact| fact["name"] == name)
}

fn facts(object: &Value) -> impl Iterator<Item = &Value> {
    object["status"]["facts"].as_array().into_iter().flatten()
}

/// Every complaint about a case; none when it was all right.
pub fn judge(evidence: &Evidence) -> Vec<(Oracle, String)> {
    complaints([
        (Oracle::Came, missing(evidence.came)),
        (Oracle::Outcome, outcome(evidence)),
        (Oracle::OneDay, days(evidence)),
        (Oracle::OneGo, goes(evidence)),
        (Oracle::OneRun, runs(evidence)),
        (Oracle::IntendedFirst, unintended(evidence)),
        (Oracle::InOrder, disordered(evidence)),
        (Oracle::Rehearsed, rehearsed(evidence)),
        (Oracle::StruckOnce, struck(&evidence.events, &evidence.runs)),
        (Oracle::Facts, lost_facts(evidence)),
        (Oracle::Kept, lost(evidence)),
        (Oracle::Told, untold(evidence)),
        (Oracle::Fenced, unfenced(evidence.writes(), &OF_A_DAY)),
        (Oracle::Alive, evidence.ails.clone()),
    ])
}

fn outcome(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    if evidence.over_after.is_none_or(|after| after > evidence.over_within) {
        wrong.push(format!("it was not over within {:?}", evidence.over_within));
    }
    if evidence.due == Due::Missed {
        let missed = &evidence.plan["status"]["missed"];
        let at = missed["at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        if at != Some(evidence.at) || missed["reason"] != "DeadlinePassed" {
            wrong.push(format!("missed is {missed}, due is DeadlinePassed at {}", evidence.at));
        }
        return wrong;
    }
    for day in &evidence.days {
        let status = &day["status"];
        let steps: Vec<&Value> = status["steps"].as_array().into_iter().flatten().collect();
        let has_run = |step: &&Value| step["verdict"].is_string();
        if status["outcome"] != "Done" || steps.iter().filter(|step| has_run(step)).count() != 2 {
            wrong.push(format!("it is {}: {}", status["outcome"], status["summary"]));
        }
        if !day["metadata"]["finalizers"].is_null() {
            wrong.push("its finalizer is still there".to_owned());
        }
    }
    wrong
}

fn days(evidence: &Evidence) -> Vec<String> {
    let due = usize::from(evidence.due == Due::Done);
    let created = evidence.done("create", "gamedayruns");
    let mut wrong = Vec::new();
    if (created.len(), evidence.days.len()) != (due, due) {
        let (made, there) = (created.len(), evidence.days.len());
        wrong.push(format!("{made} days were created and {there} are there, {due} are due"));
    }
    let status = &evidence.plan["status"];
    let fired = status["lastFire"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    for day in &evidence.days {
        let uid = &day["metadata"]["uid"];
        if fired != Some(evidence.at) || &status["lastDayUid"] != uid {
            let named = (&status["lastFire"], &status["lastDayUid"]);
            wrong.push(format!("the plan names {named:?}, not {uid} for {}", evidence.at));
        }
    }
    wrong
}

fn goes(evidence: &Evidence) -> Vec<String> {
    let due = usize::from(evidence.due == Due::Done);
    let mut had = false;
    let mut count = 0;
    for event in evidence.done("patch", "gamedayruns/status") {
        let has = has_fact(event.response(), "go");
        count += usize::from(has && !had);
        had = has;
    }
    if count == due { Vec::new() } else { vec![format!("{count} goes, {due} are due")] }
}

fn runs(evidence: &Evidence) -> Vec<String> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for event in evidence.created() {
        *count
            .entry(event.response()["metadata"]["name"].as_str().unwrap_or_default())
            .or_default() += 1;
    }
    let day = |day: &Value| day["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let due = evidence.days.iter().map(day);
    let due: Vec<String> =
        due.flat_map(|day| ["one", "two"].map(|step| format!("{day}-{step}"))).collect();
    let due: BTreeMap<&str, usize> = due.iter().map(|name| (name.as_str(), 1)).collect();
    if count == due { Vec::new() } else { vec![format!("created were {count:?}, due {due:?}")] }
}

/// The runs that were created before the day was a go, or before its status named them.
fn unintended(evidence: &Evidence) -> Vec<String> {
    let statuses = evidence.done("patch", "gamedayruns/status");
    let intends = |status: &Value, name: &Value| {
        let mut steps = status["status"]["steps"].as_array().into_iter().flatten();
        has_fact(status, "go") && steps.any(|step| &step["run"] == name)
    };
    let is_unintended = |event: &&Event| {
        let name = &event.response()["metadata"]["name"];
        let mut before = statuses.iter().filter(|status| status.version() < event.version());
        !before.any(|status| intends(status.response(), name))
    };
    let found = evidence.created().into_iter().filter(is_unintended);
    found.map(|event| format!("{} was created unasked", event.name())).collect()
}

/// Whether the second step's run was created before the first one's was over.
fn disordered(evidence: &Evidence) -> Vec<String> {
    let created = evidence.created();
    let is_step = |name: &str, step: &str| name.ends_with(&format!("-{step}"));
    let name = |event: &Event| {
        event.response()["metadata"]["name"].as_str().unwrap_or_default().to_owned()
    };
    let Some(second) = created.iter().find(|event| is_step(&name(event), "two")) else {
        return Vec::new();
    };
    let completed = evidence
        .done("patch", "experimentruns/status")
        .into_iter()
        .find(|event| is_step(&name(event), "one") && has_fact(event.response(), "completed"));
    match completed {
        Some(completed) if completed.version() < second.version() => Vec::new(),
        _ => vec!["the second step was created before the first one was over".to_owned()],
    }
}

fn rehearsed(evidence: &Evidence) -> Vec<String> {
    let left = evidence.runs.iter().filter(|run| run["spec"]["dryRun"] == true);
    left.map(|run| format!("{} is still there", run["metadata"]["name"])).collect()
}

fn lost_facts(evidence: &Evidence) -> Vec<String> {
    let mut known: BTreeMap<String, &Value> = BTreeMap::new();
    let mut lost = Vec::new();
    let statuses = evidence.done("patch", "gamedayruns/status");
    for day in statuses.into_iter().map(Event::response).chain(&evidence.days) {
        let now: BTreeMap<String, &Value> =
            facts(day).map(|fact| (fact["name"].to_string(), fact)).collect();
        for (name, fact) in &known {
            if now.get(name) != Some(fact) {
                lost.push(format!("{name} was {fact} and is {:?}", now.get(name)));
            }
        }
        known.extend(now);
    }
    lost
}

fn lost(evidence: &Evidence) -> Vec<String> {
    let places = ["/status/plan", "/status/gates", "/status/steps"];
    let size = |day: &Value, place: &str| match day.pointer(place) {
        Some(Value::Array(all)) => all.len(),
        Some(Value::Object(all)) => all.len(),
        _ => 0,
    };
    let statuses = evidence.done("patch", "gamedayruns/status");
    let days: Vec<&Value> =
        statuses.into_iter().map(Event::response).chain(&evidence.days).collect();
    let began = days.iter().position(|day| has_fact(day, "go")).unwrap_or(days.len());
    let pairs = days[began..].windows(2).flat_map(|pair| places.map(|place| (pair, place)));
    let fewer = pairs.filter(|(pair, place)| size(pair[1], place) < size(pair[0], place));
    fewer.map(|(_, place)| format!("{place} has less than it had")).collect()
}

fn untold(evidence: &Evidence) -> Vec<String> {
    let all = evidence.days.iter().filter_map(|day| day["status"]["announcements"].as_array());
    let untold = all.flatten().filter(|one| one["delivered"].is_null());
    untold.map(|one| format!("nobody was told {}: {}", one["what"], one["error"])).collect()
}
